"""The governor at work: a plan in, a permit out; a result in, a budget given back.

Entries are decided one after the other, so that each sees what the one before it took; exits and results of a symbol
are in a lane of their own and wait for nobody. Should a second governor reserve in between, the decision is made again.
"""

import math
from collections import deque
from dataclasses import dataclass, field, replace
from decimal import Decimal

from quantum_common.clock import Clock
from quantum_common.log import Log
from quantum_common.messages import Decision, EvalType, GovernorEvent, Plan, Result
from quantum_common.money import ZERO
from quantum_common.reasons import Gate
from quantum_common.state import GovernorState, TradingState
from quantum_common.stream import Message
from quantum_common.verdicts import UNKNOWN
from services.governor.cutoffs import Reading
from services.governor.decide import Decided, decided
from services.governor.ports import Issued, StatePort
from services.governor.returns import Returns
from services.governor.rooms import last_digit, price_of
from services.governor.view import Book, Limits, View

BY = "governor"
ENTRIES = "entries"  # no symbol is written in lower case
BURSTS_KEPT = 10_000


def lane(message: Message) -> str:
    """Given an entry of a plan or a result, return its lane: one for all entries' plans, one for each symbol's rest."""
    fields = message.fields
    is_plan = "executed" not in fields
    if is_plan and fields.get("eval_type") == EvalType.ENTRY and fields.get("decision") == Decision.EXECUTE:
        return ENTRIES
    return fields.get("symbol", "")


def event_of(state: GovernorState, now_ms: int, details: str = "", kind: str = "trading_state") -> GovernorEvent:
    """Given a trading state, return the event that tells of it."""
    return GovernorEvent(
        kind=kind, trading_state=state.trading_state, reason=state.reason, by=state.by, details=details,
        timestamp=now_ms // 1000, ts_ms=now_ms,
    )  # fmt: skip


@dataclass
class Governor:
    """Decides plans. `first_state` is the trading state of a Redis that has none yet; `met` says whether this life of
    the service has met a trading state. The rest is what it has seen so far: the book and the returns (by the watch),
    entries over the burst limit, the finest digit of each symbol's quantities, the last exit cutoff that could be read,
    and the cutoffs that cannot be read now."""

    state: StatePort
    clock: Clock
    limits: Limits
    first_state: TradingState
    log: Log
    met: bool = False
    book: Book = field(default_factory=Book)
    returns: Returns = field(default_factory=Returns)
    bursts: deque[int] = field(default_factory=lambda: deque(maxlen=BURSTS_KEPT))
    finest: dict[str, Decimal] = field(default_factory=dict)
    exit_cutoff_kept: float = math.inf
    undefined: set[EvalType] = field(default_factory=set)

    async def recover(self) -> None:
        """See that there is a trading state, and derive the budgets' totals anew from their facts.

        A state that Redis had and lost may have been a halt: it comes back as REDUCING, and a person resumes.
        """
        now_ms = self.clock.now_ms()
        state = self._beginning(now_ms)
        if await self.state.begin(state, event_of(state, now_ms)):
            self.log.warning("trading state written", trading_state=state.trading_state, reason=state.reason)
        self.met = True
        await self.state.fold(now_ms)

    def _beginning(self, now_ms: int) -> GovernorState:
        """Return the trading state to write where there is none."""
        if self.met and self.first_state is TradingState.ACTIVE:
            return GovernorState(
                trading_state=TradingState.REDUCING, reason="redis lost the trading state", by=BY, since_ms=now_ms
            )
        return GovernorState(
            trading_state=self.first_state, reason="there was no trading state", by=BY, since_ms=now_ms
        )  # fmt: skip

    async def handle_plan(self, message: Message) -> None:
        """Given an entry of `apply.plan`, read, decide, record. Raise Malformed for one that breaks the contract."""
        plan = message.read(Plan)
        if plan.decision is Decision.BLOCKED:
            await self.state.acknowledge(message)
            return
        issued = Issued.CHANGED
        while issued is Issued.CHANGED:
            view = self._with_book(plan, await self.state.view(plan, self.clock.now_ms()))
            made = decided(plan, view, self.limits, self.clock.now_ms())
            issued = await self.state.issue(made, view.seq, self.limits.yardstick.alpha, message)
        if issued is Issued.WRITTEN:
            await self._remember(plan, made, view)

    def _with_book(self, plan: Plan, view: View) -> View:
        """Return the view with what the watch has seen of the other symbols; an exit is not held against them. How
        they move together is worked out only where their plain sum does not fit: no correlation makes it more."""
        kept = self.exit_cutoff_kept
        if plan.eval_type is EvalType.EXIT:
            return replace(view, exit_cutoff_kept=kept, reserved=())
        digit = last_digit(plan.qty)
        finest = self.finest[plan.symbol] = min(digit, self.finest.get(plan.symbol, digit))
        view = replace(view, exit_cutoff_kept=kept, finest=finest)
        standing = sum((abs(usd) for usd in self.book.notional.values()), ZERO)
        under_way = sum((one.reservation.notional_usd for one in view.reserved), ZERO)
        if standing + under_way + plan.qty * price_of(plan, view) <= self.limits.correlated_exposure_usdt_max:
            return replace(view, book=Book(self.book.notional, {}))
        beside = {*self.book.notional, plan.symbol, *(one.reservation.symbol for one in view.reserved)}
        return replace(view, book=Book(self.book.notional, self.returns.correlations(beside)))

    async def _remember(self, plan: Plan, made: Decided, view: View) -> None:
        permit, cutoff = made.permit, made.found.cutoff
        self.log.debug(
            "permit", plan_id=plan.plan_id, symbol=plan.symbol, allow=permit.allow, reason=permit.reason or ""
        )
        if permit.reason is Gate.RATE_LIMIT_BURST:
            self.bursts.append(permit.ts_ms)
        if plan.eval_type is EvalType.EXIT and cutoff.value is not None:
            self.exit_cutoff_kept = cutoff.value
        state = view.state.trading_state if view.state is not None else UNKNOWN
        await self._alarm(plan.eval_type, cutoff, state, permit.ts_ms)

    async def _alarm(self, eval_type: EvalType, cutoff: Reading, trading_state: str, now_ms: int) -> None:
        """Say once that a cutoff cannot be read, and once that it can be again."""
        if bool(cutoff.fault) == (eval_type in self.undefined):
            return
        if not cutoff.fault:
            self.undefined.discard(eval_type)
            self.log.info("the cutoff is defined again", eval_type=eval_type)
            return
        self.undefined.add(eval_type)
        self.log.error("the cutoff is undefined on live values", eval_type=eval_type, fault=cutoff.fault)
        await self.state.report(
            GovernorEvent(
                kind=Gate.CUTOFF_UNDEFINED, trading_state=trading_state,
                reason=f"{eval_type} cutoff: {cutoff.fault}", by=BY, details="", timestamp=now_ms // 1000, ts_ms=now_ms,
            )
        )  # fmt: skip

    async def handle_result(self, message: Message) -> None:
        """Given an entry of `apply.result`, give back what an entry that was not executed took, wherever it ended: a
        plan that P3.3 refused, or that expired before it was sent, was permitted here as well. One that was executed
        keeps its place in the budgets: that is how executions are counted. Its room in the limits goes over to the
        portfolio."""
        result = message.read(Result)
        if result.eval_type is not EvalType.ENTRY:
            await self.state.acknowledge(message)
        elif result.executed:
            await self.state.settle(result, message)
        else:
            await self.state.give_back(result, message, self.clock.now_ms())
