"""Placing, cancelling and amending ordinary orders."""

import heapq
from dataclasses import replace
from decimal import Decimal

from services.paper_exchange.engine import admission, aftermath, errors, filters, lifecycle, matching, sizing
from services.paper_exchange.engine.admission import Terms
from services.paper_exchange.engine.desk import Desk, enlarges
from services.paper_exchange.engine.enums import (
    ExecType,
    ExpireReason,
    OrderStatus,
    OrderType,
    SymbolStatus,
    TimeInForce,
)
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.records import AlgoOrder, Order
from services.paper_exchange.engine.requests import AmendRequest, OrderRequest
from services.paper_exchange.engine.state import State


def place(state: State, request: OrderRequest) -> Order:
    """Given a new order, check it, match it and rest what is left; return it as it then stands."""
    desk = state.desk(request.symbol)
    terms = admission.admit(state, desk, request)
    return execute(state, desk, new_order(state, request, terms), terms.bound)


def new_order(state: State, request: OrderRequest, terms: Terms, algo: AlgoOrder | None = None) -> Order:
    """Given an admitted request (and the algo order that made it), return the order with its ids."""
    order_id = state.take_order_id()
    order = Order(
        order_id=order_id,
        client_order_id=request.client_order_id or f"auto_{order_id}",
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        orig_type=request.type if algo is None else algo.type,
        time_in_force=terms.time_in_force,
        orig_qty=terms.quantity,
        price=terms.price,
        position_side=request.position_side,
        reduce_only=bool(request.reduce_only),
        close_position=False,
        price_match=request.price_match,
        stp_mode=request.stp_mode,
        good_till_ms=terms.good_till_ms,
        time_ms=state.now_ms,
        update_ms=state.now_ms,
        queue=order_id,
    )
    if algo is None:
        return order
    return replace(
        order,
        close_position=algo.close_position,
        stop_price=algo.trigger_price,
        working_type=algo.working_type,
        price_protect=algo.price_protect,
        activate_price=algo.activate_price,
        callback_rate=algo.callback_rate,
        algo_id=algo.algo_id,
    )


def execute(state: State, desk: Desk, order: Order, bound: Decimal) -> Order:
    """Given an admitted order, record it, match it up to `bound` and rest or expire the remainder."""
    desk.by_client[order.client_order_id] = order.order_id
    lifecycle.publish(state, desk, order, ExecType.NEW)
    _match_and_rest(state, desk, order, bound)
    aftermath.settle(state, desk)
    return desk.orders.get(order.order_id, order)


def cancel(state: State, symbol: str, order_id: int | None, client_order_id: str | None) -> Order:
    """Given either id, cancel the open order. Raise -1102 without an id, -2011 where it is unknown or finished."""
    desk = state.desk(symbol)
    require_id(order_id, client_order_id)
    order = desk.find(order_id, client_order_id)
    if order is None or not order.is_open:
        raise refused(errors.CANCEL_REJECTED)
    return lifecycle.end(state, desk, order, OrderStatus.CANCELED)


def cancel_all(state: State, desk: Desk) -> list[Order]:
    """Cancel every open order of a contract, oldest first."""
    return [lifecycle.end(state, desk, order, OrderStatus.CANCELED) for order in list(desk.open.values())]


def amend(state: State, request: AmendRequest) -> Order:
    """Given a new price and quantity, change an open limit order and match it anew at the end of its queue.

    Cancels it instead where the new quantity has traded already or a GTX order would cross.
    """
    desk = state.desk(request.symbol)
    require_id(request.order_id, request.client_order_id)
    order = desk.find(request.order_id, request.client_order_id)
    if order is None or not order.is_open:
        raise refused(errors.NO_SUCH_ORDER)
    price = _amended_price(desk, order, request)
    crossing = order.time_in_force is TimeInForce.GTX and matching.crosses(desk, order.side, price)
    if crossing or request.quantity <= order.executed_qty:
        return lifecycle.end(state, desk, order, OrderStatus.CANCELED)
    _check_amended_size(state, desk, order, price, request.quantity)
    lifecycle.unrest(state, desk, order)
    changed = replace(
        order,
        price=price,
        orig_qty=request.quantity,
        price_match=request.price_match,
        update_ms=state.now_ms,
        queue=state.take_order_id(),
    )
    lifecycle.publish(state, desk, changed, ExecType.AMENDMENT, request.modify_id)
    _match_and_rest(state, desk, changed, price)
    aftermath.settle(state, desk)
    return desk.orders.get(order.order_id, changed)


def require_id(order_id: int | None, client_order_id: str | None) -> None:
    """Raise -1102 where neither id of an order was sent."""
    if order_id is None and client_order_id is None:
        raise refused(errors.EITHER_MISSING, "origClientOrderId", "orderId")


def _match_and_rest(state: State, desk: Desk, order: Order, bound: Decimal) -> None:
    order = matching.match_taker(state, desk, order, bound)
    if not order.is_open:
        return
    if order.type is OrderType.MARKET:
        lifecycle.end(state, desk, order, OrderStatus.EXPIRED, ExpireReason.MARKET_REMAINDER)
    elif order.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}:
        lifecycle.end(state, desk, order, OrderStatus.EXPIRED, ExpireReason.IOC_REMAINDER)
    else:
        lifecycle.rest(state, desk, order)
        if order.good_till_ms:
            heapq.heappush(state.timers, (order.good_till_ms, order.order_id, order.symbol))


def _amended_price(desk: Desk, order: Order, request: AmendRequest) -> Decimal:
    """Given an open order and its amendment, return the new price or raise where the amendment is not a valid one."""
    if desk.rules.status is not SymbolStatus.TRADING:
        raise refused(errors.AMEND_SYMBOL_STATUS)
    if request.side is not order.side:
        raise refused(errors.BAD_PARAMETER, "side")
    if request.reduce_only and not order.reduce_only:
        raise refused(errors.NOT_REDUCE_ONLY)
    price = admission.limit_price(desk, order.side, request.price, request.price_match)
    filters.check_price(desk.rules, price)
    filters.check_quantity(desk.rules, request.quantity, market=False)
    if price == order.price and request.quantity == order.orig_qty:
        raise refused(errors.SAME_ORDER)
    if desk.book.mark is not None:
        filters.check_percent_price(desk.rules, order.side, price, desk.book.mark)
    return price


def _check_amended_size(state: State, desk: Desk, order: Order, price: Decimal, quantity: Decimal) -> None:
    """Raise where the amended order is too small, or more than the account can carry (-5029, -2022, -2027, -2019)."""
    remaining = quantity - order.executed_qty
    if not enlarges(order.side, order.position_side, reduce_only=order.reduce_only):
        reduction = sizing.Reduction(order.side, order.position_side, remaining, price, order.order_id)
        sizing.check_reducing(state, desk, reduction)
        return
    if price * quantity < desk.rules.min_notional:
        raise refused(errors.AMEND_NOTIONAL_TOO_SMALL, f"{desk.rules.min_notional:f}")
    addition = sizing.Addition(
        order.side, remaining, sizing.assumed_price(desk, order.side, price), order.open_qty * order.price
    )
    sizing.check_enlarging(state, desk, desk.holdings[order.position_side], addition)
