"""The schedule of a run's faults: a pure function of the seed, so that a run can be struck again in the same way.

Faults come in episodes: one to three that overlap, then a calm. What the processes make of it differs from run to run,
because the machine's own timing does; the schedule does not.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.chaos.settings import GATEWAY_MS, READ_LAG_MS
from tests.chaos.stage import DAEMONS, EXCHANGE, LEASED, PEERS, REDIS, all_links

FIRST_S = 3.0
CALM_S = (1.5, 5.0)
LAST_CALM_S = 8.0
NOTIONAL_MAX = 1_500
SKEW_MS = 1_500


class Strike(StrEnum):
    """What can be done to a run."""

    KILL = "kill"
    FREEZE = "freeze"
    CUT = "cut"
    REFUSE = "refuse"
    DELAY = "delay"
    STALL = "stall"
    LOSE_ANSWERS = "lose_answers"
    SEVER = "sever"
    MENU = "menu"
    SKEW = "skew"
    OUT_OF_MEMORY = "out_of_memory"
    FOREIGN_TRADE = "foreign_trade"
    RIVAL = "rival"
    FLUSH = "flush"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what, on whom, from when (seconds into the run), for how long, and its particulars."""

    strike: Strike
    target: str
    at_s: float
    lasts_s: float = 0.0
    particulars: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def until_s(self) -> float:
        """Return when it is over."""
        return self.at_s + self.lasts_s


@dataclass(frozen=True, slots=True)
class Episode:
    """Faults that overlap, and the calm after them."""

    faults: tuple[Fault, ...]

    @property
    def until_s(self) -> float:
        """Return when the last of them is over."""
        return max(fault.until_s for fault in self.faults)


# The daemons that move money are struck more often than those that only wish or judge.
PROCESSES = (*DAEMONS, *PEERS, "intent-executor", "intent-executor", "position-state-brain", REDIS)
IN_DOUBT = (
    "drop_before", "drop_after", "drop_after", "unknown_503_before", "unknown_503_after", "timeout_1007_before",
    "timeout_1007_after", "bus_1006_before", "bus_1006_after",
)  # fmt: skip
NOT_SENT = ("service_unavailable", "throttled_1008", "internal_1001")
EVENT_FAULTS = ("duplicate_event", "reorder_events", "drop_event", "delay_event")

Drawn = tuple[Strike, str, float, Mapping[str, str | int]]


def schedule(seed: int, lasts_s: float, fence_ms: int, *, flush: bool = False) -> list[Episode]:
    """Given a seed, a run's length and the fence, return its episodes; the end of the run is calm."""
    rng = random.Random(seed)
    episodes: list[Episode] = []
    at_s = FIRST_S
    while True:
        drawn = [_draw(rng, fence_ms) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
        if flush and len(episodes) % 4 == 1:
            drawn.append((Strike.FLUSH, REDIS, 0.0, {}))
        faults = tuple(
            Fault(strike, target, at_s + rng.uniform(0, 1.5), lasts_s, what) for strike, target, lasts_s, what in drawn
        )
        episode = Episode(faults)
        if episode.until_s > lasts_s - LAST_CALM_S:
            return episodes
        episodes.append(episode)
        at_s = episode.until_s + rng.uniform(*CALM_S)


def _draw(rng: random.Random, fence_ms: int) -> Drawn:
    strikes: Sequence[tuple[int, Callable[[random.Random, int], Drawn]]] = (
        (8, _kill), (3, _freeze), (5, _link), (6, _menu), (1, _skew), (1, _memory), (1, _foreign), (1, _rival),
    )  # fmt: skip
    weights = [weight for weight, _ in strikes]
    [(_, draw)] = rng.choices(strikes, weights)
    return draw(rng, fence_ms)


def _kill(rng: random.Random, _: int) -> Drawn:
    """Most come back at once, as under systemd; some stay away for a while."""
    away_ms = 200 if rng.random() < 0.7 else rng.randint(500, 4_000)
    return Strike.KILL, rng.choice(PROCESSES), 0.0, {"away_ms": away_ms}


def _freeze(rng: random.Random, fence_ms: int) -> Drawn:
    """A third sleep past the fence, and past every lease: they wake into a world that has gone on without them."""
    past_fence = rng.random() < 0.35
    lasts_s = fence_ms / 1000 + rng.uniform(0.5, 1.5) if past_fence else rng.uniform(0.2, 2.5)
    return Strike.FREEZE, rng.choice(PROCESSES), lasts_s, {}


def _rival(rng: random.Random, fence_ms: int) -> Drawn:
    """A second instance takes the frozen one's place; the first wakes while the second still works."""
    frozen_s = fence_ms / 1000 + rng.uniform(0.5, 1.5)
    lasts_s = frozen_s + rng.uniform(1.0, 2.0)
    return Strike.RIVAL, rng.choice(LEASED), lasts_s, {"frozen_ms": int(frozen_s * 1000)}


def _link(rng: random.Random, _: int) -> Drawn:
    strike = rng.choice(
        (Strike.CUT, Strike.REFUSE, Strike.DELAY, Strike.STALL, Strike.LOSE_ANSWERS, Strike.LOSE_ANSWERS, Strike.SEVER)
    )
    particulars: Mapping[Strike, Mapping[str, str | int]] = {
        Strike.REFUSE: {"refuse": True},
        Strike.STALL: {"stall": True},
        Strike.LOSE_ANSWERS: {"lost": True},
        Strike.DELAY: {"delay_ms": rng.randint(5, 200), "jitter_ms": rng.randint(0, 200)},
        Strike.SEVER: {"cut_after": rng.randint(1, 4_000)},
    }
    lasts_s = 0.0 if strike is Strike.CUT else rng.uniform(0.3, 3.0)
    return strike, rng.choice((*all_links(), *_vital_links())), lasts_s, particulars.get(strike, {})


def _vital_links() -> Sequence[str]:
    return [f"{name}.{peer}" for name in ("intent-executor", "position-state-brain") for peer in PEERS]


def _menu(rng: random.Random, _: int) -> Drawn:
    """One line of the paper exchange's own menu of faults, for a while."""
    lasts_s = round(rng.uniform(0.5, 4.0), 3)
    timed: dict[str, str | int] = {"duration_ms": int(lasts_s * 1000)}
    orders: dict[str, str | int] = {"method": "POST", "path": "/order", "probability": "0.6"}
    events: dict[str, str | int] = {"event": "ORDER_TRADE_UPDATE", "probability": "0.6"}
    choices: Sequence[dict[str, str | int]] = (
        {"kind": rng.choice(IN_DOUBT), **orders, **timed},
        {"kind": rng.choice(IN_DOUBT), **orders, **timed},
        {"kind": rng.choice(IN_DOUBT), **orders, **timed},
        {"kind": rng.choice(NOT_SENT), **orders, **timed},
        {"kind": rng.choice((*IN_DOUBT, *NOT_SENT)), "probability": "0.3", **timed},
        {"kind": rng.choice(("too_many_requests", "banned")), "retry_after_s": 1, "count": 2, **timed},
        {"kind": "late_reads", "delay_ms": rng.randint(200, READ_LAG_MS), **timed},
        {"kind": "delay", "delay_ms": rng.randint(50, GATEWAY_MS), **orders, **timed},
        {"kind": "delay_answer", "delay_ms": rng.randint(200, 3_000), **orders, **timed},
        {"kind": rng.choice(EVENT_FAULTS), "delay_ms": rng.randint(100, 3_000), **events, **timed},
        {"kind": "ws_silence", **timed},
        {"kind": rng.choice(("ws_cut", "listen_key_expired")), "count": 1},
    )
    chosen = rng.choice(choices)
    return Strike.MENU, EXCHANGE, lasts_s if "duration_ms" in chosen else 0.0, chosen


def _skew(rng: random.Random, _: int) -> Drawn:
    """The exchange's clock runs ahead of ours, or behind: what a machine with a wrong clock sees of it."""
    lasts_s = round(rng.uniform(2.0, 6.0), 3)
    skew_ms = rng.choice((-1, 1)) * rng.randint(300, SKEW_MS)
    return Strike.SKEW, EXCHANGE, lasts_s, {
        "kind": "clock_skew", "skew_ms": skew_ms, "duration_ms": int(lasts_s * 1000),
    }  # fmt: skip


def _memory(rng: random.Random, _: int) -> Drawn:
    return Strike.OUT_OF_MEMORY, REDIS, rng.uniform(0.3, 2.0), {}


def _foreign(rng: random.Random, _: int) -> Drawn:
    """Somebody trades by hand on our account."""
    side = rng.choice(("BUY", "SELL"))
    return Strike.FOREIGN_TRADE, EXCHANGE, 0.0, {"side": side, "usd": rng.randint(200, NOTIONAL_MAX)}
