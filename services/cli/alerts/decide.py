"""What is told, and when: each trouble once, again now and then while it stands, and when it is over. Pure.

A trouble is a check that is worse than it may be, named by its name and subject. It is told once it has lasted, so that
a blink is not told at all, and it is over once it has been well for a while, so that one that comes and goes is one
trouble and not many.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from quantum_common.clock import HOUR_MS
from services.cli.health.check import Check, Level
from services.cli.spans import span

AT_ONCE = frozenset({"trading_state"})  # somebody's or the governor's act, which does not blink
EARLY = frozenset({"model"})  # an expiry must be seen before it bites (incident 33)
_RANK = {Level.OK: 0, Level.WARN: 1, Level.BAD: 2}

Key = tuple[str, str]


class Kind(StrEnum):
    """Why a notice is sent."""

    RAISED = "raised"
    WORSE = "worse"
    REPEATED = "repeated"
    RECOVERED = "recovered"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Policy:
    """When to speak. Times in milliseconds; `repeat_ms` 0 never repeats."""

    level_min: Level = Level.BAD
    muted: frozenset[str] = frozenset()
    confirm_ms: int = 10_000
    calm_ms: int = 30_000
    repeat_ms: int = HOUR_MS

    def troubles(self, check: Check) -> bool:
        """Return whether a check is one to tell of."""
        least = Level.WARN if check.name in EARLY else self.level_min
        return check.name not in self.muted and _RANK[check.level] >= _RANK[least]

    def confirms_ms(self, name: str) -> int:
        """Return how long such a trouble must last before it is told."""
        return 0 if name in AT_ONCE else self.confirm_ms


class Standing(BaseModel):
    """A trouble that is not over. `told_ms` is when it was last told, None where it has not been; `calm_since_ms` since
    when it is well again, if it is. Times in epoch milliseconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    subject: str
    level: Level
    figure: str
    limit: str
    words: str
    since_ms: int
    told_ms: int | None = None
    calm_since_ms: int | None = None

    @property
    def key(self) -> Key:
        """Return what tells troubles apart."""
        return self.name, self.subject


class Notice(BaseModel):
    """One thing to tell. `id` is the same however often it is delivered; `lasted_ms` is set once it is over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: Kind
    name: str
    subject: str
    level: Level
    figure: str
    limit: str
    words: str
    since_ms: int
    ts_ms: int
    lasted_ms: int | None = None

    @property
    def text(self) -> str:
        """Return it in one line."""
        about = f"{self.name} {self.subject}".strip()
        if self.kind is Kind.RECOVERED:
            return f"OK {about}: well again after {span(self.lasted_ms or 0)}"
        still = f" (for {span(self.ts_ms - self.since_ms)})" if self.kind is Kind.REPEATED else ""
        figure = f"{self.figure}, limit {self.limit}" if self.limit else self.figure
        return f"{self.level} {about}{still}: {figure}" + (f". {self.words}" if self.words else "")


def decide(
    checks: Iterable[Check],
    standing: Mapping[Key, Standing],
    acknowledged: Mapping[Key, int],
    policy: Policy,
    now_ms: int,
    *,
    whole: bool = True,
) -> tuple[tuple[Notice, ...], dict[Key, Standing]]:
    """Given what was found, what stands, which of it was acknowledged (key → `since_ms` of that trouble) and the time,
    return what to tell and what stands now.

    `whole` says that everything was looked at. Where it was not, a trouble that was not found again is neither over nor
    worse: nothing is known of it.
    """
    found = {(check.name, check.subject): check for check in checks if policy.troubles(check)}
    notices: list[Notice] = []
    left: dict[Key, Standing] = {}
    for key, check in found.items():
        before = standing.get(key)
        now = _seen(check, before, now_ms)
        kind = _kind(now, before, policy, now_ms, acknowledged=acknowledged.get(key) == now.since_ms)
        if kind is not None:
            notices.append(notice(now, kind, now_ms))
            now = now.model_copy(update={"told_ms": now_ms})
        left[key] = now
    for key, before in standing.items():
        if key in found:
            continue
        if not whole:
            left[key] = before
            continue
        calm = _calm(before, policy, now_ms)
        if calm is not None:
            left[key] = calm
        elif before.told_ms is not None:
            notices.append(notice(before, Kind.RECOVERED, now_ms))
    return tuple(notices), left


def notice(standing: Standing, kind: Kind, now_ms: int) -> Notice:
    """Given a trouble and why it is told now, return the notice."""
    ended_ms = standing.calm_since_ms if standing.calm_since_ms is not None else now_ms
    return Notice(
        id=f"{standing.name}/{standing.subject}/{standing.since_ms}/{kind}/{now_ms}",
        kind=kind, name=standing.name, subject=standing.subject, level=standing.level, figure=standing.figure,
        limit=standing.limit, words=standing.words, since_ms=standing.since_ms, ts_ms=now_ms,
        lasted_ms=ended_ms - standing.since_ms if kind is Kind.RECOVERED else None,
    )  # fmt: skip


def _seen(check: Check, before: Standing | None, now_ms: int) -> Standing:
    """Return a trouble as it is now. One that comes back before it was over is the same one."""
    return Standing(
        name=check.name, subject=check.subject, level=check.level, figure=check.figure, limit=check.limit,
        words=check.words, since_ms=before.since_ms if before else now_ms, told_ms=before.told_ms if before else None,
    )  # fmt: skip


def _kind(now: Standing, before: Standing | None, policy: Policy, now_ms: int, *, acknowledged: bool) -> Kind | None:
    """Return why a trouble is told now, or None where it is not."""
    if now.told_ms is None:
        return Kind.RAISED if now_ms - now.since_ms >= policy.confirms_ms(now.name) else None
    if before is not None and _RANK[now.level] > _RANK[before.level]:
        return Kind.WORSE
    due = policy.repeat_ms and now_ms - now.told_ms >= policy.repeat_ms
    return Kind.REPEATED if due and not acknowledged else None


def _calm(before: Standing, policy: Policy, now_ms: int) -> Standing | None:
    """Return a trouble that is well again but not long enough; None where it is over. One that was never told goes at
    once."""
    since_ms = before.calm_since_ms if before.calm_since_ms is not None else now_ms
    if before.told_ms is None or now_ms - since_ms >= policy.calm_ms:
        return None
    return before.model_copy(update={"calm_since_ms": since_ms})
