"""The governor's state in memory: the reads and writes of `services.governor.store`.

A score is held against the statistics before it, and teaches them once; what an entry takes is given back once.
"""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field

from quantum_common.clock import DAY_MS
from quantum_common.keys import GROUP_GOVERNOR
from quantum_common.messages import EvalType, GovernorEvent, Issuer, Plan, Result
from quantum_common.state import GovernorState as TradingStateRecord
from quantum_common.stream import Message
from services.backtest.board import Board
from services.governor.budgets import day_of, in_cents, in_usdt
from services.governor.decide import Decided
from services.governor.normalisation import UNSEEN, Moments, Statistics, observed
from services.governor.ports import Issued
from services.governor.reservations import Reservation, Reserved
from services.governor.view import BURST_WINDOW_MS, HOUR_WINDOW_MS, Spent, View

ALL = "all"  # no symbol is written in lower case


@dataclass
class Window:
    """The entries of the last hour, in order of time."""

    times: deque[int] = field(default_factory=deque)
    plans: deque[str] = field(default_factory=deque)

    def since(self, from_ms: int, plan_id: str) -> int:
        """Given a time, return how many entries came after it, but for the one of a plan."""
        own = any(plan == plan_id and ms > from_ms for ms, plan in zip(self.times, self.plans, strict=True))
        return len(self.times) - bisect_right(self.times, from_ms) - own

    def add(self, now_ms: int, plan_id: str) -> None:
        """Given an entry, count it, and forget what is older than an hour."""
        self.remove(plan_id)
        self.times.append(now_ms)
        self.plans.append(plan_id)
        while self.times and self.times[0] <= now_ms - HOUR_WINDOW_MS:
            self.times.popleft()
            self.plans.popleft()

    def remove(self, plan_id: str) -> None:
        """Given a plan, forget its entry."""
        if plan_id in self.plans:
            at = self.plans.index(plan_id)
            del self.times[at], self.plans[at]


@dataclass
class Learnt:
    """The moments of a score, those before its last observation, and whose that was."""

    now: Moments = UNSEEN
    before: Moments = UNSEEN
    plan_id: str = ""

    def without(self, plan_id: str) -> Moments:
        """Given a plan, return the moments as they are without what it taught last."""
        return self.before if self.plan_id == plan_id else self.now

    def observe(self, plan_id: str, score: float, alpha: float) -> None:
        """Given a plan's score, learn it, unless it was learnt last."""
        if self.plan_id != plan_id:
            self.before, self.now, self.plan_id = self.now, observed(self.now, score, alpha), plan_id


@dataclass
class Day:
    """What was permitted on a day, in cents, by plan; the total is derived."""

    cents: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def add(self, plan_id: str, cents: int) -> None:
        """Given a plan's notional, count it once."""
        if plan_id not in self.cents:
            self.cents[plan_id] = cents
            self.total += cents


class GovernorState:
    """Implements the governor's `StatePort`."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._windows: dict[str, Window] = {ALL: Window()}
        self._learnt: dict[tuple[str, EvalType], Learnt] = {}
        self._days: dict[str, Day] = {}
        self._reserved: dict[str, Reservation] = {}
        self._done: dict[str, int] = {}
        self._seq = 0

    async def view(self, plan: Plan, now_ms: int) -> View:
        """Return what a decision on this plan needs; what it took or taught itself before does not count."""
        board, symbol, own = self._board, plan.symbol, plan.plan_id
        window, everything = self._window(symbol), self._windows[ALL]
        day = self._days.get(day_of(now_ms), Day())
        burst_ms, hour_ms = now_ms - BURST_WINDOW_MS, now_ms - HOUR_WINDOW_MS
        return View(
            state=board.trading_state,
            portfolio=board.portfolio,
            market=board.market(symbol),
            ledger=board.ledgers.get(symbol),
            snapshot=board.snapshots.get(symbol),
            spent=Spent(
                window.since(burst_ms, own), window.since(hour_ms, own),
                everything.since(burst_ms, own), everything.since(hour_ms, own),
                in_usdt(day.total - day.cents.get(own, 0)),
            ),
            statistics=Statistics(
                self._moments(symbol, plan.eval_type).without(own), self._moments(ALL, plan.eval_type).without(own)
            ),
            reserved=tuple(
                Reserved(one, self._done.get(plan_id, 0)) for plan_id, one in self._reserved.items() if plan_id != own
            ),
            seq=self._seq,
        )  # fmt: skip

    async def issue(self, decided: Decided, seq: int, alpha: float, message: Message) -> Issued:
        """Write the permit, what its score teaches, what it takes, and the acknowledgement, in one step."""
        board, permit, reservation = self._board, decided.permit, decided.reservation
        if not board.is_pending(GROUP_GOVERNOR, message):
            return Issued.DONE
        if reservation is not None and seq != self._seq:
            return Issued.CHANGED
        board.send(board.keys.permits, permit)
        board.permits.put((Issuer.GOVERNOR, permit.plan_id), permit)
        if decided.score is not None:
            for name in (permit.symbol, ALL):
                self._moments(name, permit.eval_type).observe(permit.plan_id, decided.score, alpha)
        if reservation is not None:
            self._take(reservation, permit.ts_ms)
        for over in decided.released:
            self._reserved.pop(over, None)
            self._done.pop(over, None)
        board.acknowledge(GROUP_GOVERNOR, message)
        return Issued.WRITTEN

    def _take(self, reservation: Reservation, now_ms: int) -> None:
        self._seq += 1
        self._reserved[reservation.plan_id] = reservation
        for window in (self._window(reservation.symbol), self._windows[ALL]):
            window.add(now_ms, reservation.plan_id)
        today = day_of(now_ms)
        if today not in self._days:
            kept = {today, day_of(now_ms - DAY_MS)}
            self._days = {day: one for day, one in self._days.items() if day in kept} | {today: Day()}
        self._days[today].add(reservation.plan_id, in_cents(reservation.notional_usd))

    async def give_back(self, result: Result, message: Message, now_ms: int) -> None:
        """Give back what the plan of a result took today or yesterday, and acknowledge the result."""
        plan_id = result.plan_id
        self._reserved.pop(plan_id, None)
        self._done.pop(plan_id, None)
        for window in (self._window(result.symbol), self._windows[ALL]):
            window.remove(plan_id)
        for name in (day_of(now_ms), day_of(now_ms - DAY_MS)):
            day = self._days.get(name)
            if day is not None:
                day.total -= day.cents.pop(plan_id, 0)
        self._board.acknowledge(GROUP_GOVERNOR, message)

    async def settle(self, result: Result, message: Message) -> None:
        """Note that the plan of a result was executed, and acknowledge the result."""
        if result.plan_id in self._reserved:
            self._done[result.plan_id] = result.ts_ms
        self._board.acknowledge(GROUP_GOVERNOR, message)

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge an entry that asks for nothing."""
        self._board.acknowledge(GROUP_GOVERNOR, message)

    async def begin(self, state: TradingStateRecord, event: GovernorEvent) -> bool:
        """Write the trading state and its event where there is none yet. Return whether it was written."""
        if self._board.trading_state is not None:
            return False
        self._board.tell(self._board.keys.governor_events, event)
        self._board.trading_state = state
        return True

    async def report(self, event: GovernorEvent) -> None:
        """Add an event."""
        self._board.tell(self._board.keys.governor_events, event)

    async def fold(self, now_ms: int) -> None:
        """Derive the totals of today and yesterday anew from their facts."""
        for name in (day_of(now_ms), day_of(now_ms - DAY_MS)):
            if name in self._days:
                self._days[name].total = sum(self._days[name].cents.values())

    def _window(self, symbol: str) -> Window:
        return self._windows.setdefault(symbol, Window())

    def _moments(self, name: str, eval_type: EvalType) -> Learnt:
        return self._learnt.setdefault((name, eval_type), Learnt())
