"""Everything that the streams hold of one wish, put together: wish, plan, permits, order, trades, result. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from quantum_common.ids import STOP_PREFIXES
from quantum_common.messages import Issuer
from quantum_common.reasons import Gate
from services.cli.health.picture import Fields, Picture
from services.cli.redis_link import Entry, written_ms

FLOWS = ("trade.intent", "apply.plan", "apply.permit", "apply.result", "ledger.journal")


@dataclass(frozen=True, slots=True)
class Gauge:
    """One gate's word as it stands in a plan or a permit."""

    gate: str
    ok: bool
    value: str
    limit: str

    def words(self) -> str:
        """Return it as people say it: `low_confidence: 0.4 against 0.5`."""
        if not self.value:
            return self.gate
        return f"{self.gate}: {self.value} against {self.limit}" if self.limit else f"{self.gate}: {self.value}"


@dataclass(frozen=True, slots=True)
class Thread:
    """One wish and what became of it; None or empty where a stream has nothing of it. `record` is the order's journal
    record. `repeats` counts further plans of the same wish, which are duplicates."""

    intent: Entry | None = None
    plan: Entry | None = None
    permits: Mapping[str, Entry] = field(default_factory=dict)
    record: Fields = field(default_factory=dict)
    fills: tuple[Entry, ...] = ()
    result: Entry | None = None
    repeats: int = 0

    def said(self, name: str) -> str:
        """Return a field from whichever of result, plan and wish has it; empty where none does."""
        for entry in (self.plan, self.result, self.intent):
            if entry is not None and entry[1].get(name):
                return entry[1][name]
        return ""

    def done(self) -> str:
        """Return what an executed wish did: `OPEN BUY 2`; a moved stop fills nothing."""
        filled = self.said("filled_qty")
        return " ".join((self.said("action"), *((self.said("side"), filled) if filled not in {"", "0"} else ())))

    @property
    def own_fills(self) -> tuple[Entry, ...]:
        """Return the trades of the plan's one order; those of its protective stop, which come later, are left out."""
        return tuple(entry for entry in self.fills if not entry[1].get("client_order_id", "").startswith(STOP_PREFIXES))

    @property
    def began_ms(self) -> int:
        """Return when the first that is known of it was written."""
        first = self.intent or self.plan or self.result
        return written_ms(first[0]) if first else 0


def particulars(text: str) -> dict[str, Any]:
    """Given a permit's `details`, return what it holds; what is no such text holds nothing."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def gauges(text: str) -> tuple[Gauge, ...]:
    """Given a plan's `gates` or a permit's `details`, return the verdicts in it; what is no such text has none."""
    try:
        rows = orjson.loads(text)
        rows = rows.get("gates", []) if isinstance(rows, dict) else rows
        return tuple(Gauge(row["gate"], bool(row["ok"]), str(row["value"]), str(row["limit"])) for row in rows)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ()


def failed(entry: Entry | None, gate: str) -> Gauge:
    """Given a plan or permit and the gate that it names, return that gate's verdict, bare where it has no numbers."""
    fields = entry[1] if entry is not None else {}
    found = gauges(fields.get("gates") or fields.get("details") or "")
    return next((one for one in found if one.gate == gate and not one.ok), Gauge(gate, ok=False, value="", limit=""))


def threads(
    intents: Iterable[Entry],
    plans: Iterable[Entry],
    permits: Iterable[Entry],
    results: Iterable[Entry],
    journal: Iterable[Entry] = (),
) -> list[Thread]:
    """Given entries of the streams in any order, return the threads, the newest first. A plan whose wish was trimmed
    has a thread as well, and so has a wish that has no plan yet."""
    wishes = {fields.get("intent_id", ""): (entry_id, fields) for entry_id, fields in intents}
    made: dict[str, list[Entry]] = {}
    for entry in plans:
        made.setdefault(entry[1].get("plan_id", ""), []).append(entry)
    spoken: dict[str, dict[str, Entry]] = {}
    for entry in permits:
        spoken.setdefault(entry[1].get("plan_id", ""), {})[entry[1].get("issuer", "")] = entry
    ended = {fields.get("plan_id", ""): (entry_id, fields) for entry_id, fields in results}
    traded: dict[str, list[Entry]] = {}
    for entry in journal:
        if entry[1].get("plan_id"):
            traded.setdefault(entry[1]["plan_id"], []).append(entry)
    found = []
    for plan_id, entries in made.items():
        first = _first(entries)
        found.append(
            Thread(
                intent=wishes.pop(first[1].get("intent_id", ""), None),
                plan=first,
                permits=spoken.get(plan_id, {}),
                fills=tuple(sorted(traded.get(plan_id, []), key=_age)),
                result=ended.pop(plan_id, None),
                repeats=len(entries) - 1,
            )
        )
    found += [Thread(intent=wishes.pop(entry[1].get("intent_id", ""), None), result=entry) for entry in ended.values()]
    found += [Thread(intent=wish) for wish in wishes.values()]
    return sorted(found, key=lambda one: one.began_ms, reverse=True)


def threads_of(picture: Picture) -> list[Thread]:
    """Given one look at a pipeline, return the threads of its latest entries, the newest first."""
    return threads(*(picture.window(stream).entries for stream in FLOWS))


def _first(entries: Sequence[Entry]) -> Entry:
    """Return the plan that counts: the oldest that is no duplicate."""
    return min(entries, key=lambda entry: (entry[1].get("gate") == Gate.DUPLICATE_INTENT, _age(entry)))


def _age(entry: Entry) -> tuple[int, int]:
    ms, _, number = entry[0].partition("-")
    return int(ms), int(number or 0)


def silent(thread: Thread) -> list[str]:
    """Return the issuers that have not spoken on the plan."""
    return [issuer.value for issuer in Issuer if issuer not in thread.permits]
