"""One plan, and every fault at every port call of the executor and of P3.3 while it is under way; then all pairs.

Nothing here is left to chance: the calls are numbered from the wish on, a case names one or two of them with what
happens to each, and all cases of a plan are run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from quantum_common import ids
from quantum_common.messages import Action, Intent, Side
from tests.sim.pipeline import HEALTHY, KEYS, Build, Pipeline
from tests.sim.schedule import Outcome, settle
from tests.sim.world import START_MS, Call, Fault, Odds, Process, SimClock, Task, World

SYMBOL = "BTCUSDT"
WISH_MS = 1_500
NEXT_MS = 1_500  # between an entry and what follows it
STRUCK_WITHIN_MS = 15_000
LOOK_EVERY_MS = 500
STRUCK = ("intent-executor", "position-state-brain")
BACKGROUND = frozenset({"snapshot", "sync", "trim", "lease", "warden", "sweep"})  # they turn with or without a plan
FAULTS = (Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.ANSWER_LOST)

Strike = tuple[int, Fault]


class Kind(StrEnum):
    """Which plan is struck: an entry that brings a stop, the move of that stop, or the exit of what was opened."""

    ENTRY = "entry"
    STOP = "stop"
    EXIT = "exit"


@dataclass
class Striker:
    """Counts the calls that a plan causes, and strikes the chosen ones."""

    strikes: dict[int, Fault]
    counting: bool = False
    calls: list[str] = field(default_factory=list)

    def __call__(self, task: Task, call: Call) -> Fault:
        """Return what happens to a call."""
        if not self.counting or task.process.name not in STRUCK or task.name in BACKGROUND:
            return Fault.NONE
        if call.label.startswith(("read ", "groups ", "own pending", "take_lease")):
            return Fault.NONE
        self.calls.append(f"{task.process.name} {call.label}")
        return self.strikes.pop(len(self.calls) - 1, Fault.NONE)


class OnePlan(Pipeline):
    """A pipeline in which somebody wishes for one thing, and for its exit where that is what is struck."""

    kind: Kind = Kind.ENTRY
    striker: Striker

    async def wisher(self, process: Process) -> None:
        """Wish for an entry with a stop; then, perhaps, for its exit."""
        clock, client = SimClock(self.world, process), self._client()
        await clock.sleep_ms(WISH_MS)
        wishes = [self._entry(clock.now_ms())]
        if self.kind is not Kind.ENTRY:
            wishes.append(self._next(clock.now_ms() + NEXT_MS))
        for wish in wishes:
            self.striker.counting = wish is wishes[-1]
            self.wished[ids.plan_id(wish.intent_id, KEYS.prefix)] = wish
            fields: dict[Any, Any] = wish.to_fields()
            await client.xadd(KEYS.intents, fields)
            await clock.sleep_ms(NEXT_MS)
        while True:
            await clock.sleep_ms(60_000)

    def _entry(self, now_ms: int) -> Intent:
        return wish_of(Action.OPEN, Side.BUY, now_ms, size=Decimal(1000), leverage=5, stop=self._below("0.9"))

    def _next(self, now_ms: int) -> Intent:
        if self.kind is Kind.EXIT:
            return wish_of(Action.CLOSE_FULL, Side.SELL, now_ms)
        return wish_of(Action.UPDATE_SL, Side.SELL, now_ms, stop=self._below("0.95"))

    def _below(self, part: str) -> Decimal:
        return (self.exchange.prices[SYMBOL] * Decimal(part)).quantize(Decimal("0.1"))


def wish_of(
    action: Action, side: Side, now_ms: int, *, size: Decimal | None = None, leverage: int | None = None,
    stop: Decimal | None = None,
) -> Intent:  # fmt: skip
    """Return a wish on the one symbol."""
    return Intent(
        intent_id=ids.intent_id(SYMBOL, action, 1, "sim"), symbol=SYMBOL, side=side, action=action,
        eval_type=action.eval_type, confidence=Decimal("0.6"), expected_edge_bps=Decimal(30), position_size_usd=size,
        fraction=None, leverage=leverage, entry_price=None, stop_loss=stop, take_profit=None, atr_value=None, regime="",
        model="sim", model_version="sim", bar_close_ms=1, reason="", source="ai-engine", ts_ms=now_ms,
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One run of the tier."""

    kind: Kind
    strikes: tuple[Strike, ...] = ()

    def __str__(self) -> str:
        """Return the case as the command line takes it."""
        return ",".join((self.kind, *(f"{number}:{fault}" for number, fault in self.strikes)))

    @classmethod
    def parse(cls, text: str) -> "Case":
        """Given a case as it was printed, return it."""
        kind, *strikes = text.split(",")
        pairs = (strike.split(":") for strike in strikes)
        return cls(Kind(kind), tuple((int(number), Fault(fault)) for number, fault in pairs))


@dataclass(frozen=True)
class Result:
    """How a case ended: its calls, the struck ones included, and its violations."""

    case: Case
    calls: Sequence[str]
    outcome: Outcome


def play(case: Case, *, build: Build = HEALTHY, trace: bool = False) -> Result:
    """Run one case."""
    world = World(1, Odds(), trace=trace)
    striker = Striker(dict(case.strikes))
    world.judge = striker
    OnePlan.kind, OnePlan.striker = case.kind, striker
    pipeline = OnePlan(world, 1 if case.kind is Kind.ENTRY else 2, build)
    pipeline.exchange.lag_ms, pipeline.exchange.p_drop = 0, 0.0
    # A case with two faults need only go on until the second has struck; one with fewer shows all its calls.
    while world.now_ms < START_MS + STRUCK_WITHIN_MS and (striker.strikes or len(case.strikes) < 2):
        world.run(world.now_ms + LOOK_EVERY_MS)
    unspent = [f"NOT_STRUCK {number}" for number in striker.strikes]
    outcome = settle(pipeline, 1, LOOK_EVERY_MS)
    return Result(case, tuple(striker.calls), replace(outcome, violations=outcome.violations + unspent))


def singles(kind: Kind, calls: int) -> Iterator[Case]:
    """Return every case of a plan with one fault."""
    for number in range(calls):
        for fault in FAULTS:
            yield Case(kind, ((number, fault),))


def pairs(first: Result) -> Iterator[Case]:
    """Given a run with one fault, return every case that adds a second one after it."""
    (strike,) = first.case.strikes
    for number in range(strike[0] + 1, len(first.calls)):
        for fault in FAULTS:
            yield Case(first.case.kind, (strike, (number, fault)))
