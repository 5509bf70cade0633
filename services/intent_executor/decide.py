"""The executor's decisions: may this plan be sent now, as what, and what is its result."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal

import orjson

from quantum_common.exchange.outcome import OrderView
from quantum_common.exchange.port import OrderRequest, StopRequest
from quantum_common.ids import client_order_id, client_stop_id
from quantum_common.messages import Action, Decision, EvalType, Issuer, Permit, Plan, Result
from quantum_common.money import plain
from quantum_common.reasons import Gate
from quantum_common.state import OrderRecord, OrderState, TradingState


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read before the decision. Permits also as they stand in Redis, so that the claim can compare them."""

    record: OrderRecord | None
    governor: Permit | None
    p33: Permit | None
    governor_text: str
    p33_text: str
    trading_state: TradingState | None
    leverage: int | None
    leverage_ms: int = 0  # when the snapshot was written that shows this leverage

    def with_permit(self, permit: Permit) -> "Seen":
        """Return what was seen with one permit more, as its entry brought it: the same text stands at its key."""
        if permit.issuer is Issuer.GOVERNOR:
            return replace(self, governor=permit, governor_text=permit.to_json())
        return replace(self, p33=permit, p33_text=permit.to_json())


@dataclass(frozen=True, slots=True)
class Wait:
    """A permit is still missing."""

    missing: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The plan ends here."""

    gate: Gate
    details: str = ""


@dataclass(frozen=True, slots=True)
class PermittedPlan:
    """A plan with two live permits; only this can become an order. `qty` is what both permits allow, and
    `position_before` what P3.3 saw on the exchange, None where that is not known any more."""

    plan: Plan
    qty: Decimal
    position_before: Decimal | None

    def position_after(self, filled_qty: Decimal) -> Decimal | None:
        """Given what was filled, return the position that the exchange has then, or None where it is not known."""
        if self.position_before is None:
            return None
        return self.position_before + self.plan.side.sign * filled_qty


Verdict = Wait | Refuse | PermittedPlan


def decide(plan: Plan, seen: Seen, allowlist: Collection[str], now_ms: int) -> Verdict:
    """Given an executable plan and what was read, say whether it waits, ends, or may be sent.

    Never more than the smallest of what the plan and both permits say. The trading state is judged here and compared
    again by the claim itself.
    """
    entry = plan.eval_type is EvalType.ENTRY
    if now_ms >= plan.expires_ms:
        return Refuse(Gate.PLAN_EXPIRED, f"expired {now_ms - plan.expires_ms} ms ago")
    if entry and plan.symbol not in allowlist:
        return Refuse(Gate.EXECUTOR_SYMBOL_NOT_IN_ALLOWLIST)
    if seen.trading_state is TradingState.HALTED:
        return Refuse(Gate.TRADING_HALTED)
    if entry and seen.trading_state is not TradingState.ACTIVE:
        return Refuse(Gate.TRADING_REDUCING, f"trading state is {seen.trading_state or 'not known'}")
    for permit in (seen.governor, seen.p33):
        if permit is not None and permit.reason is not None:
            return Refuse(permit.reason, f"refused by {permit.issuer}")
    if seen.governor is None or seen.p33 is None:
        missing = [name for name, permit in (("governor", seen.governor), ("p33", seen.p33)) if permit is None]
        return Wait(" and ".join(missing))
    qty = min(plan.qty, *(permit.safe_qty for permit in (seen.governor, seen.p33) if permit.safe_qty is not None))
    if qty <= 0 and plan.action is not Action.UPDATE_SL:
        return Refuse(Gate.NO_POSITION, "nothing is left to close")
    return PermittedPlan(plan, qty, seen.p33.exchange_position_amt)


def order_request(permitted: PermittedPlan, stamp_ms: int, recv_window_ms: int) -> OrderRequest:
    """Given a permitted plan and the journal's stamp, return its one order."""
    plan = permitted.plan
    return OrderRequest(
        symbol=plan.symbol,
        side=plan.side,
        qty=permitted.qty,
        reduce_only=plan.reduce_only,
        client_order_id=client_order_id(plan.plan_id),
        stamp_ms=stamp_ms,
        recv_window_ms=recv_window_ms,
    )


def stop_request(plan: Plan) -> StopRequest | None:
    """Given a plan, return the protective stop that it brings, or None where it names none.

    An entry's stop closes what the entry opens; an UPDATE_SL's side already is the closing side.
    """
    if plan.stop_loss is None:
        return None
    match plan.action:
        case Action.OPEN:
            side = plan.side.opposite
        case Action.UPDATE_SL:
            side = plan.side
        case _:
            return None
    return StopRequest(plan.symbol, side, plan.stop_loss, client_stop_id(plan.plan_id))


def first_record(permitted: PermittedPlan, seen: Seen, stamp_ms: int, recv_window_ms: int, now_ms: int) -> OrderRecord:
    """Given what is about to be sent, return the journal's record, to be written before it is sent."""
    plan = permitted.plan
    return OrderRecord(
        plan_id=plan.plan_id,
        symbol=plan.symbol,
        side=plan.side,
        qty=permitted.qty,
        client_order_id=client_order_id(plan.plan_id),
        state=OrderState.SENDING,
        stamp_ms=stamp_ms,
        deadline_ms=stamp_ms + recv_window_ms,
        sent_ms=now_ms,
        permits=f"[{seen.governor_text},{seen.p33_text}]",
        result="",
        result_id="",
        updated_ms=now_ms,
    )


def position_before(record: OrderRecord) -> Decimal | None:
    """Given the journal record of a plan that was sent, return the position that P3.3's permit saw."""
    _, p33 = orjson.loads(record.permits)
    return Permit.from_fields(p33).exchange_position_amt


def refused(
    plan: Plan, gate: Gate, now_ms: int, *, error: str = "", details: str = "", sent_ms: int | None = None
) -> Result:
    """Given a plan that did not become an order, return its result."""
    return Result(
        **_identity(plan),
        executed=False,
        decision=Decision.BLOCKED if sent_ms is None else Decision.EXECUTE,
        gate=gate,
        order_id=None,
        client_order_id="" if sent_ms is None else client_order_id(plan.plan_id),
        order_status="",
        qty=plan.qty,
        filled_qty=Decimal(0),
        cum_quote=None,
        avg_price=None,
        fee=None,
        position_after=None,
        sent_ms=sent_ms,
        acked_ms=None,
        error=error,
        details=details,
        ts_ms=now_ms,
    )


def placed(permitted: PermittedPlan, order: OrderView, sent_ms: int, now_ms: int, details: str = "") -> Result:
    """Given an order as the exchange reports it, return the plan's result. An order without a fill did not execute;
    one that still works is not called refused."""
    executed = order.executed_qty > 0
    gate = Gate.EXCHANGE_REJECTED if order.finished else Gate.EXCHANGE_UNAVAILABLE
    return Result(
        **_identity(permitted.plan),
        executed=executed,
        decision=Decision.EXECUTE,
        gate=None if executed else gate,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        order_status=order.status,
        qty=order.orig_qty,
        filled_qty=order.executed_qty,
        cum_quote=order.cum_quote,
        avg_price=order.avg_price,
        fee=None,
        position_after=permitted.position_after(order.executed_qty),
        sent_ms=sent_ms,
        acked_ms=now_ms,
        error="" if executed else f"the order is {order.status} without a fill",
        details=details,
        ts_ms=now_ms,
    )


def stop_moved(permitted: PermittedPlan, stop: StopRequest, sent_ms: int, now_ms: int) -> Result:
    """Given a stop that was placed for an UPDATE_SL, return the plan's result."""
    return Result(
        **_identity(permitted.plan),
        executed=True,
        decision=Decision.EXECUTE,
        gate=None,
        order_id=None,
        client_order_id=stop.client_id,
        order_status="STOP_PLACED",
        qty=Decimal(0),
        filled_qty=Decimal(0),
        cum_quote=None,
        avg_price=None,
        fee=None,
        position_after=permitted.position_before,
        sent_ms=sent_ms,
        acked_ms=now_ms,
        error="",
        details=f"stop at {plain(stop.trigger_price)}",
        ts_ms=now_ms,
    )


def _identity(plan: Plan) -> dict[str, object]:
    return {
        "plan_id": plan.plan_id,
        "intent_id": plan.intent_id,
        "symbol": plan.symbol,
        "side": plan.side,
        "eval_type": plan.eval_type,
        "action": plan.action,
    }
