"""Conditional orders: placing and cancelling them, and turning them into ordinary orders when their price comes."""

import heapq
from dataclasses import replace
from decimal import Decimal

from services.paper_exchange.engine import admission, errors, lifecycle, orders
from services.paper_exchange.engine.book import Tick
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.digits import ZERO
from services.paper_exchange.engine.enums import AlgoStatus, OrderType, Side, TimeInForce, WorkingType
from services.paper_exchange.engine.errors import ExchangeError, refused
from services.paper_exchange.engine.records import AlgoOrder
from services.paper_exchange.engine.requests import AlgoRequest, OrderRequest
from services.paper_exchange.engine.state import State

_LIMIT_TYPES = frozenset({OrderType.STOP, OrderType.TAKE_PROFIT})
_PROTECTED = "PRICE_PROTECT"
_HUNDRED = Decimal(100)


def keep_new(state: State, desk: Desk, request: AlgoRequest, good_till_ms: int) -> AlgoOrder:
    """Given an admitted request, keep it as a waiting algo order and return it.

    A trailing order without activation price is active at once, from the price it was placed at.
    """
    algo_id = state.next_algo_id
    state.next_algo_id += 1
    price = desk.book.last if request.working_type is WorkingType.CONTRACT_PRICE else desk.book.mark
    active = request.type is OrderType.TRAILING_STOP_MARKET and request.activate_price is None
    algo = AlgoOrder(
        algo_id=algo_id,
        client_algo_id=request.client_algo_id or f"auto_{algo_id}",
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        position_side=request.position_side,
        time_in_force=request.time_in_force or TimeInForce.GTC,
        quantity=request.quantity,
        trigger_price=request.trigger_price or ZERO,
        price=request.price or ZERO,
        working_type=request.working_type,
        price_match=request.price_match,
        stp_mode=request.stp_mode,
        price_protect=request.price_protect,
        reduce_only=bool(request.reduce_only),
        close_position=request.close_position,
        activate_price=request.activate_price,
        callback_rate=request.callback_rate,
        good_till_ms=good_till_ms,
        create_ms=state.now_ms,
        update_ms=state.now_ms,
        activated=active,
        extreme=price if active else None,
    )
    state.algo_by_client[algo.client_algo_id] = algo_id
    desk.triggers.add(algo)
    lifecycle.put_algo(state, algo)
    if good_till_ms:
        heapq.heappush(state.timers, (good_till_ms, algo_id, algo.symbol))
    return algo


def find(state: State, algo_id: int | None, client_algo_id: str | None) -> AlgoOrder | None:
    """Given either id, return the algo order (the newest with that client id) or None. Raise -1102 without an id."""
    if algo_id is None:
        if client_algo_id is None:
            raise refused(errors.EITHER_MISSING, "algoId", "clientAlgoId")
        algo_id = state.algo_by_client.get(client_algo_id)
    return None if algo_id is None else state.algos.get(algo_id)


def cancel(state: State, algo_id: int | None, client_algo_id: str | None) -> AlgoOrder:
    """Cancel a waiting algo order. Raise -2011 where it is unknown or finished."""
    algo = find(state, algo_id, client_algo_id)
    if algo is None or not algo.is_open:
        raise refused(errors.CANCEL_REJECTED)
    return end(state, algo, AlgoStatus.CANCELED)


def end(state: State, algo: AlgoOrder, status: AlgoStatus, reason: str = "") -> AlgoOrder:
    """Given a waiting algo order and a final status, finish it and return it."""
    ended = replace(algo, status=status, update_ms=state.now_ms, reject_reason=reason)
    lifecycle.put_algo(state, ended)
    return ended


def cancel_all(state: State, desk: Desk) -> list[AlgoOrder]:
    """Cancel every waiting algo order of a contract, oldest first."""
    return [end(state, state.open_algos[algo_id], AlgoStatus.CANCELED) for algo_id in list(desk.algos)]


def watch_tick(state: State, desk: Desk, tick: Tick, *, low_first: bool) -> None:
    """Given a tick, trigger what its path triggers: by last price through both extremes, by mark price at the mark."""
    extremes = (tick.low, tick.high) if low_first else (tick.high, tick.low)
    for price in dict.fromkeys((*extremes, tick.last)):
        _watch_price(state, desk, WorkingType.CONTRACT_PRICE, price)
    _watch_price(state, desk, WorkingType.MARK_PRICE, tick.mark)


def _watch_price(state: State, desk: Desk, kind: WorkingType, price: Decimal) -> None:
    due = [algo_id for algo_id in list(desk.triggers.trailing[kind]) if _trail(state, algo_id, price)]
    due += desk.triggers.due(kind, price)
    for algo_id in due:
        algo = state.open_algos.get(algo_id)
        if algo is not None:
            _trigger(state, desk, algo)


def _trail(state: State, algo_id: int, price: Decimal) -> bool:
    """Given a price, move a trailing order's activation and extreme; return whether it is due."""
    algo = state.open_algos[algo_id]
    buy = algo.side is Side.BUY
    if not algo.activated:
        activate = algo.activate_price
        if activate is not None and (price > activate if buy else price < activate):
            return False
        lifecycle.put_algo(state, replace(algo, activated=True, extreme=price, update_ms=state.now_ms))
        return False
    extreme = algo.extreme
    if extreme is None or (price < extreme if buy else price > extreme):
        moved = replace(algo, extreme=price)
        state.algos[algo_id] = state.open_algos[algo_id] = state.outbox.algos[algo_id] = moved
        return False
    rate = (algo.callback_rate or ZERO) / _HUNDRED
    return price >= extreme * (1 + rate) if buy else price <= extreme * (1 - rate)


def _trigger(state: State, desk: Desk, algo: AlgoOrder) -> None:
    """Given an algo order whose price has come, make its ordinary order; what the exchange refuses ends REJECTED."""
    now = state.now_ms
    desk.triggers.remove(algo)
    algo = replace(algo, status=AlgoStatus.TRIGGERING, update_ms=now, trigger_ms=now)
    lifecycle.put_algo(state, algo)
    if algo.price_protect and _spread_too_wide(desk):
        end(state, algo, AlgoStatus.REJECTED, _PROTECTED)
        return
    quantity = algo.quantity
    if algo.close_position:
        quantity = desk.holdings[algo.position_side].reducible(algo.side)
        if not quantity:
            end(state, algo, AlgoStatus.EXPIRED)
            return
    request = _order_request(state, algo, quantity)
    try:
        terms = admission.admit(state, desk, request, algo)
    except ExchangeError as refusal:
        end(state, algo, AlgoStatus.REJECTED, refusal.msg)
        return
    order = orders.new_order(state, request, terms, algo)
    lifecycle.put_algo(state, replace(algo, status=AlgoStatus.TRIGGERED, actual_order_id=order.order_id))
    orders.execute(state, desk, order, terms.bound)


def _order_request(state: State, algo: AlgoOrder, quantity: Decimal | None) -> OrderRequest:
    limit = algo.type in _LIMIT_TYPES
    time_in_force = TimeInForce.GTC if algo.time_in_force is TimeInForce.GTE_GTC else algo.time_in_force
    return OrderRequest(
        symbol=algo.symbol,
        side=algo.side,
        type=OrderType.LIMIT if limit else OrderType.MARKET,
        quantity=quantity,
        price=algo.price if limit and algo.price else None,
        time_in_force=time_in_force if limit else None,
        position_side=algo.position_side,
        reduce_only=None if state.dual_side else algo.reduce_only or algo.close_position,
        client_order_id=algo.client_algo_id,
        price_match=algo.price_match,
        stp_mode=algo.stp_mode,
    )


def _spread_too_wide(desk: Desk) -> bool:
    """Whether last and mark price are farther apart than the contract's triggerProtect."""
    last, mark = desk.book.last, desk.book.mark
    return last is not None and mark is not None and abs(last - mark) > mark * desk.rules.trigger_protect
