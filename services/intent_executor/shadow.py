"""EXECUTOR_MODE=shadow: what would have been sent, in words, and a journal record that can never be sent. Pure."""

from decimal import Decimal

from quantum_common.ids import client_order_id
from quantum_common.messages import EvalType, Result
from quantum_common.money import plain
from quantum_common.reasons import Gate
from quantum_common.state import OrderRecord, OrderState
from services.intent_executor.decide import PermittedPlan, Seen, first_record, order_request, refused, stop_request

UNSIGNED = 0  # no stamp, no window: nothing of a shadow is ever signed


def shadow_record(permitted: PermittedPlan, seen: Seen, now_ms: int) -> OrderRecord:
    """Given a plan that would be sent now, return its journal record: final, and without a stamp to be signed with."""
    record = first_record(permitted, seen, UNSIGNED, UNSIGNED, now_ms)
    return record.model_copy(
        update={"state": OrderState.SHADOW, "stamp_ms": None, "deadline_ms": None, "sent_ms": None}
    )


def shadow_result(permitted: PermittedPlan, leverage: int | None, now_ms: int, *, stops: bool) -> Result:
    """Given a plan that would be sent now, the leverage that the exchange shows and whether entries bring their stop,
    return the plan's result: not executed, with everything that the exchange would have been asked for.

    Its decision stays EXECUTE, by which the governor knows that there is something to give back.
    """
    details = would_send(permitted, leverage, stops=stops)
    result = refused(permitted.plan, Gate.SHADOW, now_ms, details=details, sent_ms=now_ms)
    return result.model_copy(update={"qty": permitted.qty, "client_order_id": "", "sent_ms": None})


def would_send(permitted: PermittedPlan, leverage: int | None, *, stops: bool) -> str:
    """Given a permitted plan, the leverage that the exchange shows and whether entries bring their stop, return the
    requests in the order in which they would have gone out, as words."""
    plan = permitted.plan
    asked: list[str] = []
    if plan.eval_type is EvalType.ENTRY and plan.leverage not in {None, leverage}:
        asked.append(f"leverage {plan.symbol} {plan.leverage} (it shows {leverage or 'none'})")
    if permitted.qty > 0:
        order = order_request(permitted, UNSIGNED, UNSIGNED)
        asked.append(
            f"order MARKET {order.side} {order.symbol} qty={plain(order.qty)} price={_price(plan.price)}"
            f" reduceOnly={str(order.reduce_only).lower()} client_id={client_order_id(plan.plan_id)}"
        )
    stop = stop_request(plan)
    if stop is not None and (stops or plan.eval_type is EvalType.EXIT):
        asked.append(
            f"stop STOP_MARKET {stop.side} {stop.symbol} trigger={plain(stop.trigger_price)} client_id={stop.client_id}"
        )
    return "shadow, not sent: " + "; ".join(asked)


def _price(price: Decimal | None) -> str:
    return plain(price) if price is not None else "unknown"
