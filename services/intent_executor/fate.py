"""What became of an order: send once, look up, never guess, and write the one result when it is known."""

from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from quantum_common.clock import Clock
from quantum_common.exchange.outcome import (
    Accepted,
    Found,
    NotFound,
    NotSent,
    OrderView,
    Refused,
    Unknown,
)
from quantum_common.exchange.port import OrderPort, StopRequest
from quantum_common.ids import client_order_id
from quantum_common.log import Log
from quantum_common.messages import Action, Plan, Result
from quantum_common.money import plain
from quantum_common.reasons import Gate
from quantum_common.state import OrderRecord, OrderState
from quantum_common.stream import Message
from services.intent_executor.decide import (
    PermittedPlan,
    Seen,
    order_request,
    placed,
    position_before,
    refused,
    stop_moved,
    stop_request,
)
from services.intent_executor.ports import Store
from services.intent_executor.settings import ExecutorSettings
from services.intent_executor.stops import Stops

DUPLICATE_CLIENT_ID = -4116  # an open order bears our id: an earlier attempt arrived after all
SAY_UNKNOWN_EVERY_MS = 10_000
FOLLOW_UP_MS = 5_000  # how long an accepted market order may take to finish before its result is written as it stands


@dataclass
class Fate:
    """Sends what was claimed and settles what was sent."""

    store: Store
    exchange: OrderPort
    clock: Clock
    log: Log
    settings: ExecutorSettings

    def __post_init__(self) -> None:
        self.stops = Stops(self.store, self.exchange, self.clock, self.log)

    # --- orders ----------------------------------------------------------------------------------------------------

    async def send(self, permitted: PermittedPlan, record: OrderRecord, message: Message) -> None:
        """Send a claimed order with the journal's stamp, and write its result.

        Sent again only where it provably did not arrive, and then with the same stamp: the exchange refuses it after
        the journal's deadline.
        """
        plan = permitted.plan
        request = order_request(permitted, record.stamp_ms or 0, self.settings.quantum_recv_window_ms)
        while True:
            outcome = await self.exchange.place(request)
            match outcome:
                case Accepted(order):
                    return await self._place(permitted, order, record, message)
                case Refused(code, text) if code != DUPLICATE_CLIENT_ID:
                    error = f"{code} {text}"
                    return await self._refuse(plan, record, message, Gate.EXCHANGE_REJECTED, error)
                case Refused() | Unknown():
                    self.log.warning("fate unknown; looking it up", plan_id=plan.plan_id, answer=str(outcome))
                    return await self._resolve(permitted, record, message)
                case NotSent(cause, retry_after_ms, rate_limited):
                    next_ms = await self.exchange.server_time_ms() + retry_after_ms
                    if next_ms >= min(record.deadline_ms or 0, plan.expires_ms):
                        gate = Gate.RATE_LIMITED if rate_limited else Gate.EXCHANGE_UNAVAILABLE
                        return await self._refuse(plan, record, message, gate, cause)
                    await self.clock.sleep_ms(retry_after_ms)
                case _:
                    assert_never(outcome)

    async def settle(self, plan: Plan, seen: Seen, message: Message) -> None:
        """Given a plan that has a journal record, settle what an earlier attempt left."""
        record = seen.record
        if record is None or record.state.terminal:
            result = refused(plan, Gate.PLAN_EXPIRED, self.clock.now_ms())  # never written: the record has its own
            await self.finish(plan, result, message, OrderState.EXPIRED, unsent=True)
            return
        self.log.info("settling an order of an earlier attempt", plan_id=plan.plan_id, symbol=plan.symbol)
        permitted = PermittedPlan(plan, record.qty, position_before(record))
        if plan.action is Action.UPDATE_SL:
            await self.move_stop(permitted, record, message)
        else:
            await self._resolve(permitted, record, message)

    async def forgotten(self, plan: Plan, message: Message, quiet_until_ms: int) -> bool:
        """Given a plan older than this start and without a record, make sure that no forgotten attempt of it exists.

        Asks the exchange at once, and again when the quarantine is over: a start with many such plans must leave the
        rate budget to others. Return True where an order was found and its result written.
        """
        permitted = PermittedPlan(plan, plan.qty, None)
        order_id = client_order_id(plan.plan_id)
        said_ms = self.clock.now_ms()
        while True:
            left_ms = quiet_until_ms - await self.exchange.server_time_ms()
            lookup = await self.exchange.order(plan.symbol, order_id)
            match lookup:
                case Found(order):
                    self.log.error("redis forgot an order; adopted from the exchange", plan_id=plan.plan_id)
                    await self._place(permitted, order, None, message)
                    return True
                case NotFound() if left_ms <= 0:
                    return False
                case NotFound():
                    await self.clock.sleep_ms(left_ms)
                case Unknown():
                    said_ms = self._say_unknown(plan, lookup, said_ms)
                    await self.clock.sleep_ms(self.settings.intent_executor_lookup_every_ms)
                case _:
                    assert_never(lookup)

    async def _resolve(self, permitted: PermittedPlan, record: OrderRecord, message: Message) -> None:
        """Look an order up until it is found, or until it can no longer turn up. It is never sent again."""
        plan = permitted.plan
        fence_ms = self.settings.fence_ms - self.settings.quantum_recv_window_ms
        said_ms = self.clock.now_ms()
        while True:
            asked_ms = await self.exchange.server_time_ms()
            lookup = await self.exchange.order(plan.symbol, record.client_order_id)
            match lookup:
                case Found(order):
                    return await self._place(permitted, order, record, message)
                case NotFound() if asked_ms > (record.deadline_ms or 0) + fence_ms:
                    return await self._expire(plan, record, message)
                case NotFound() | Unknown():
                    said_ms = self._say_unknown(plan, lookup, said_ms)
                    await self.clock.sleep_ms(self.settings.intent_executor_lookup_every_ms)
                case _:
                    assert_never(lookup)

    def _say_unknown(self, plan: Plan, lookup: NotFound | Unknown, said_ms: int) -> int:
        """Raise the alarm of an order whose fate is unknown, again and again while it is; return when it was last."""
        now_ms = self.clock.now_ms()
        if now_ms - said_ms < SAY_UNKNOWN_EVERY_MS:
            return said_ms
        self.log.error(
            "order fate unknown", plan_id=plan.plan_id, symbol=plan.symbol, age_ms=now_ms - plan.ts_ms,
            lookup=str(lookup),
        )  # fmt: skip
        return now_ms

    async def _place(
        self, permitted: PermittedPlan, order: OrderView, record: OrderRecord | None, message: Message
    ) -> None:
        """Follow an accepted order to its end, place the stop that the plan brings, and write the result."""
        plan = permitted.plan
        order = await self._follow(order)
        details = ""
        stop = stop_request(plan)
        if order.executed_qty > 0:
            if stop is not None and self.settings.intent_executor_protective_stops:
                details = await self._protect(
                    stop, abs(permitted.position_after(order.executed_qty) or order.executed_qty)
                )
            elif permitted.position_after(order.executed_qty) == 0:
                await self.stops.drop(plan.symbol)
        now_ms = self.clock.now_ms()
        sent_ms = record.sent_ms if record and record.sent_ms else now_ms
        result = placed(permitted, order, sent_ms, now_ms, details)
        await self.finish(plan, result, message, OrderState.PLACED, record=record)

    async def _follow(self, order: OrderView) -> OrderView:
        """Given an order that may still be working, ask until it is finished; at most `FOLLOW_UP_MS`."""
        until_ms = self.clock.now_ms() + FOLLOW_UP_MS
        while not order.finished and self.clock.now_ms() < until_ms:
            await self.clock.sleep_ms(self.settings.intent_executor_lookup_every_ms)
            lookup = await self.exchange.order(order.symbol, order.client_order_id)
            if isinstance(lookup, Found):
                order = lookup.order
        if not order.finished:
            self.log.error("order still working", order_id=order.order_id, symbol=order.symbol, status=order.status)
        return order

    async def _refuse(self, plan: Plan, record: OrderRecord, message: Message, gate: Gate, error: str) -> None:
        result = refused(plan, gate, self.clock.now_ms(), error=error, sent_ms=record.sent_ms)
        await self.finish(plan, result, message, OrderState.REFUSED, record=record)

    async def _expire(self, plan: Plan, record: OrderRecord, message: Message) -> None:
        error = "the exchange does not know the order, and its validity and the fence are over"
        result = refused(plan, Gate.PLAN_EXPIRED, self.clock.now_ms(), error=error, sent_ms=record.sent_ms)
        await self.finish(plan, result, message, OrderState.EXPIRED, record=record)

    async def finish(
        self,
        plan: Plan,
        result: Result,
        message: Message,
        state: OrderState,
        *,
        record: OrderRecord | None = None,
        unsent: bool = False,
    ) -> None:
        """Write the terminal record with the one result."""
        final = record.model_copy(update={"state": state, "updated_ms": result.ts_ms}) if record else OrderRecord(
            plan_id=plan.plan_id, symbol=plan.symbol, side=plan.side, qty=result.qty,
            client_order_id=result.client_order_id, state=state, stamp_ms=None, deadline_ms=None,
            sent_ms=result.sent_ms, permits="", result="", result_id="", updated_ms=result.ts_ms,
        )  # fmt: skip
        if await self.store.finish(plan, result, final, message, unsent=unsent):
            self.log.info(
                "result", plan_id=plan.plan_id, symbol=plan.symbol, action=plan.action, executed=result.executed,
                gate=result.gate or "", order_id=result.order_id, filled_qty=plain(result.filled_qty),
                error=result.error,
            )  # fmt: skip

    # --- stops -----------------------------------------------------------------------------------------------------

    async def move_stop(self, permitted: PermittedPlan, record: OrderRecord, message: Message) -> None:
        """Make the stop of an UPDATE_SL the symbol's stop, and write the result."""
        plan = permitted.plan
        stop = stop_request(plan)
        if stop is None:
            raise ValueError(f"plan {plan.plan_id}: an UPDATE_SL without a stop cannot have been permitted")
        problem = await self.stops.protect(stop, abs(permitted.position_before or plan.qty), plan.expires_ms)
        if problem is not None:
            return await self._refuse(plan, record, message, problem.gate, problem.details)
        result = stop_moved(permitted, stop, record.sent_ms or 0, self.clock.now_ms())
        return await self.finish(plan, result, message, OrderState.PLACED, record=record)

    async def _protect(self, stop: StopRequest, position_qty: Decimal) -> str:
        """Place an entry's stop; return what the result says of it. An entry is not undone for want of its stop."""
        problem = await self.stops.protect(stop, position_qty, self.clock.now_ms() + self.settings.fence_ms)
        if problem is None:
            return f"stop at {plain(stop.trigger_price)}"
        self.log.error("position without protective stop", symbol=stop.symbol, reason=problem.details)
        return f"no protective stop: {problem.details}"
