"""The executor's loop body: a plan or a permit comes in, and the plan moves as far as it can.

A plan stays pending in its stream until its terminal result is written, so whatever crashes, it comes again; the
journal then says whether something was sent. Plans and permits of a symbol run in one lane.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from quantum_common.clock import Clock
from quantum_common.exchange.port import OrderPort
from quantum_common.log import Log
from quantum_common.messages import Action, Decision, EvalType, Permit, Plan
from quantum_common.reasons import Gate
from quantum_common.state import OrderState
from quantum_common.stream import Message
from services.intent_executor.decide import PermittedPlan, Refuse, Seen, Wait, decide, first_record, refused
from services.intent_executor.fate import Fate
from services.intent_executor.ports import Claim, Store
from services.intent_executor.settings import ExecutorSettings
from services.intent_executor.shadow import shadow_record, shadow_result


@dataclass(frozen=True)
class Waiting:
    """A plan whose permits are not all there yet."""

    plan: Plan
    message: Message
    seen: Seen
    missing: str
    until_ms: int


@dataclass
class Executor:
    """Moves plans from their permits to their one result."""

    store: Store
    exchange: OrderPort
    clock: Clock
    log: Log
    settings: ExecutorSettings
    allowlist: Collection[str] = ()
    started_ms: int = 0
    quiet_until_ms: int = 0
    waiting: dict[str, Waiting] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)  # plans older than this start that the exchange has no order of

    def __post_init__(self) -> None:
        self.allowlist = frozenset(self.settings.intent_executor_allowlist)
        self._fate = Fate(self.store, self.exchange, self.clock, self.log, self.settings)

    def take_up(self, settings: ExecutorSettings) -> None:
        """Follow new settings from the next plan on. The fence is not among them: what was sent is held to the old."""
        self.settings = self._fate.settings = settings
        self.allowlist = frozenset(settings.intent_executor_allowlist)

    async def recover(self) -> None:
        """Begin a quarantine: what an earlier life, or a Redis that forgot it, may have sent can still turn up until
        the fence has passed. Plans made from now on are not concerned."""
        await self.store.meet()
        self.started_ms = self.clock.now_ms()
        self.quiet_until_ms = await self.exchange.server_time_ms() + self.settings.fence_ms
        self.waiting.clear()
        self.cleared.clear()

    async def handle_plan(self, message: Message) -> None:
        """Take a plan up, for the first time or again."""
        plan = message.read(Plan)
        if plan.decision is Decision.EXECUTE:
            await self._advance(plan, message)
        elif plan.gate is Gate.DUPLICATE_INTENT:
            await self.store.acknowledge(message)  # the first plan of this id has, or will have, the one result
        else:
            await self._end(plan, message, plan.gate or Gate.MALFORMED_INTENT, "blocked by the intent-bridge")

    async def handle_permit(self, message: Message) -> None:
        """A permit wakes its plan. What was read when the plan came is good enough to decide on: the claim compares
        it, permits and trading state, with what stands in Redis then."""
        permit = message.read(Permit)
        waiting = self.waiting.get(permit.plan_id)
        if waiting is not None:
            await self._advance(waiting.plan, waiting.message, waiting.seen.with_permit(permit))
        await self.store.acknowledge(message)

    async def sweep(self) -> None:
        """End the plans that waited too long for a permit."""
        now_ms = self.clock.now_ms()
        for waiting in [waiting for waiting in self.waiting.values() if now_ms >= waiting.until_ms]:
            gate = Gate.PLAN_EXPIRED if now_ms >= waiting.plan.expires_ms else Gate.PERMIT_TIMEOUT
            await self._end(waiting.plan, waiting.message, gate, f"no permit from {waiting.missing}")

    async def _advance(self, plan: Plan, message: Message, known: Seen | None = None) -> None:
        """Move a plan as far as its permits and its journal allow, on what is known or else read."""
        while True:
            seen, known = known or await self.store.gather(plan), None
            if seen.record is not None:
                await self._fate.settle(plan, seen, message)
                self.waiting.pop(plan.plan_id, None)  # last: a settling that Redis interrupts is taken up again
                return
            if plan.ts_ms < self.started_ms and plan.plan_id not in self.cleared:
                if await self._fate.forgotten(plan, message, self.quiet_until_ms):
                    return
                self.cleared.add(plan.plan_id)
            verdict = decide(plan, seen, self.allowlist, self.clock.now_ms())
            match verdict:
                case Wait(missing):
                    self._wait(plan, message, seen, missing)
                    return
                case Refuse(gate, details):
                    await self._end(plan, message, gate, details)
                    return
                case PermittedPlan():
                    if await self._send(verdict, seen, message):
                        self.waiting.pop(plan.plan_id, None)
                        return

    def _wait(self, plan: Plan, message: Message, seen: Seen, missing: str) -> None:
        known = self.waiting.get(plan.plan_id)
        until_ms = known.until_ms if known else self.clock.now_ms() + self.settings.intent_executor_permit_wait_ms
        self.waiting[plan.plan_id] = Waiting(plan, message, seen, missing, min(until_ms, plan.expires_ms))

    async def _send(self, permitted: PermittedPlan, seen: Seen, message: Message) -> bool:
        """Claim the plan and send it. Return False where the claim found something changed: read and decide again."""
        plan = permitted.plan
        if self.settings.shadow:
            return await self._rehearse(permitted, seen, message)
        problem = await self._prepare(plan, seen)
        if problem is not None:
            await self._end(plan, message, problem.gate, problem.details)
            return True
        if self.clock.now_ms() >= plan.expires_ms:
            return False  # setting the leverage took that long
        stamp_ms = await self.exchange.server_time_ms()
        record = first_record(permitted, seen, stamp_ms, self.settings.quantum_recv_window_ms, self.clock.now_ms())
        claim = await self.store.claim(plan, seen, record)
        if claim is not Claim.CLAIMED:
            return False
        if plan.action is Action.UPDATE_SL:
            await self._fate.move_stop(permitted, record, message)
        else:
            await self._fate.send(permitted, record, message)
        return True

    async def _rehearse(self, permitted: PermittedPlan, seen: Seen, message: Message) -> bool:
        """Claim the plan with a record that is final from the start, and write what would have been sent. Return False
        where the claim found something changed. Whatever crashes in between, no later life can send it."""
        plan, now_ms = permitted.plan, self.clock.now_ms()
        result = shadow_result(
            permitted, seen.leverage, now_ms, stops=self.settings.intent_executor_protective_stops
        )  # fmt: skip
        record = shadow_record(permitted, seen, now_ms)
        if await self.store.claim(plan, seen, record, result) is not Claim.CLAIMED:
            return False
        self.log.info("shadow; nothing is sent", plan_id=plan.plan_id, symbol=plan.symbol, would_send=result.details)
        await self._fate.finish(plan, result, message, OrderState.SHADOW, record=record)
        return True

    async def _prepare(self, plan: Plan, seen: Seen) -> Refuse | None:
        """Set the leverage of an entry where the snapshot shows another. Return why the plan cannot go on, if so."""
        if plan.eval_type is EvalType.EXIT or plan.leverage is None:
            return None
        if plan.leverage == self._fate.stops.known_leverage(plan.symbol, seen.leverage, seen.leverage_ms):
            return None
        return await self._fate.stops.set_leverage(plan.symbol, plan.leverage, plan.expires_ms)

    async def _end(self, plan: Plan, message: Message, gate: Gate, details: str) -> None:
        """Write the result of a plan that was never sent."""
        result = refused(plan, gate, self.clock.now_ms(), details=details)
        await self._fate.finish(plan, result, message, OrderState.BLOCKED, unsent=True)
        self.waiting.pop(plan.plan_id, None)
