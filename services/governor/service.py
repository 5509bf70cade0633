"""The governor at work: a plan in, a permit out; a result in, a budget given back.

Entries are decided one after the other, so that each sees what the one before it took; exits and results of a symbol
are in a lane of their own and wait for nobody.
"""

from dataclasses import dataclass

from quantum_common.clock import Clock
from quantum_common.log import Log
from quantum_common.messages import Decision, EvalType, GovernorEvent, Plan, Result
from quantum_common.state import GovernorState, TradingState
from quantum_common.stream import Message
from services.governor.budgets import reservation
from services.governor.decide import decide
from services.governor.ports import StatePort
from services.governor.view import Limits

BY = "governor"
ENTRIES = "entries"  # no symbol is written in lower case


def lane(message: Message) -> str:
    """Given an entry of a plan or a result, return its lane: one for all entries' plans, one for each symbol's rest."""
    fields = message.fields
    is_plan = "executed" not in fields
    if is_plan and fields.get("eval_type") == EvalType.ENTRY and fields.get("decision") == Decision.EXECUTE:
        return ENTRIES
    return fields.get("symbol", "")


@dataclass
class Governor:
    """Decides plans. `first_state` is the trading state of a Redis that has none yet; `met` says whether this life of
    the service has met a trading state."""

    state: StatePort
    clock: Clock
    limits: Limits
    first_state: TradingState
    log: Log
    met: bool = False

    async def recover(self) -> None:
        """See that there is a trading state, and derive the budgets' totals anew from their facts.

        A state that Redis had and lost may have been a halt: it comes back as REDUCING, and a person resumes.
        """
        now_ms = self.clock.now_ms()
        state = self._beginning(now_ms)
        event = GovernorEvent(
            kind="trading_state",
            trading_state=state.trading_state,
            reason=state.reason,
            by=BY,
            details="",
            timestamp=now_ms // 1000,
            ts_ms=now_ms,
        )
        if await self.state.begin(state, event):
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
        plan = Plan.from_fields(message.fields)
        if plan.decision is Decision.BLOCKED:
            await self.state.acknowledge(message)
            return
        view = await self.state.view(plan, self.clock.now_ms())
        permit = decide(plan, view, self.limits, self.clock.now_ms())
        if await self.state.issue(permit, reservation(plan, permit, view), message):
            self.log.debug(
                "permit", plan_id=plan.plan_id, symbol=plan.symbol, allow=permit.allow, reason=permit.reason or ""
            )

    async def handle_result(self, message: Message) -> None:
        """Given an entry of `apply.result`, give back what an entry that was not executed took. One that was executed
        keeps its place: that is how executions are counted."""
        result = Result.from_fields(message.fields)
        took = result.eval_type is EvalType.ENTRY and result.decision is Decision.EXECUTE
        if took and not result.executed:
            await self.state.give_back(result, message, self.clock.now_ms())
        else:
            await self.state.acknowledge(message)
