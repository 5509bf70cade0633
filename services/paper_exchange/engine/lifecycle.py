"""How an ordinary order is kept, told and finished, whatever made it change."""

from dataclasses import replace

from services.paper_exchange.engine.desk import Desk, enlarges
from services.paper_exchange.engine.enums import AlgoStatus, ExecType, ExpireReason, OrderStatus
from services.paper_exchange.engine.events import AlgoUpdate, OrderUpdate
from services.paper_exchange.engine.records import AlgoOrder, Order
from services.paper_exchange.engine.state import State


def publish(state: State, desk: Desk, order: Order, exec_type: ExecType, modify_id: int | None = None) -> None:
    """Given an order after a change without a trade, keep it and say so."""
    holding = desk.holdings[order.position_side]
    update = OrderUpdate(
        state.now_ms,
        order,
        exec_type,
        bid_notional=holding.bid_notional,
        ask_notional=holding.ask_notional,
        modify_id=modify_id,
    )
    keep(state, desk, order, update)


def keep(state: State, desk: Desk, order: Order, update: OrderUpdate) -> None:
    """Given an order and the event that changed it, keep the order, say the event, and close what is finished."""
    desk.orders[order.order_id] = order
    state.outbox.orders[order.order_id] = order
    state.outbox.events.append(update)
    if order.is_open:
        desk.open[order.order_id] = order
    else:
        _finish(state, desk, order)


def rest(state: State, desk: Desk, order: Order) -> None:
    """Given an open limit order that found no more counterparty, queue it and reserve its margin."""
    desk.resting[order.side].add(order)
    if enlarges(order.side, order.position_side, reduce_only=order.reduce_only):
        holding = desk.holdings[order.position_side]
        holding.reserve(order.side, order.open_qty * order.price)
        state.revalue(desk, holding)
    else:
        desk.reducing[order.order_id] = None


def unrest(state: State, desk: Desk, order: Order) -> None:
    """Given an open order, take it out of the queue and free its margin; one that does not rest is left alone."""
    desk.reducing.pop(order.order_id, None)
    if not desk.resting[order.side].remove(order):
        return
    if enlarges(order.side, order.position_side, reduce_only=order.reduce_only):
        holding = desk.holdings[order.position_side]
        holding.reserve(order.side, -order.open_qty * order.price)
        state.revalue(desk, holding)


def end(state: State, desk: Desk, order: Order, status: OrderStatus, reason: ExpireReason = ExpireReason.NONE) -> Order:
    """Given an open order and a final status other than FILLED, finish it and return it."""
    unrest(state, desk, order)
    ended = replace(order, status=status, expire_reason=reason, update_ms=state.now_ms)
    publish(state, desk, ended, ExecType.CANCELED if status is OrderStatus.CANCELED else ExecType.EXPIRED)
    return ended


def put_algo(state: State, algo: AlgoOrder) -> None:
    """Given an algo order after a change, keep it and say so."""
    state.algos[algo.algo_id] = algo
    state.outbox.algos[algo.algo_id] = algo
    state.outbox.events.append(AlgoUpdate(state.now_ms, algo))
    desk = state.desks[algo.symbol]
    if algo.is_open:
        state.open_algos[algo.algo_id] = algo
        desk.algos[algo.algo_id] = None
        return
    if state.open_algos.pop(algo.algo_id, None) is not None:
        del desk.algos[algo.algo_id]
        desk.triggers.remove(algo)
        state.finished_algos.append(algo.algo_id)
        forget_algos(state)


def _finish(state: State, desk: Desk, order: Order) -> None:
    """Given a finished order, take it from the open ones, finish the algo order behind it, and forget the oldest."""
    desk.open.pop(order.order_id, None)
    state.finished.append((order.symbol, order.order_id))
    algo = state.algos.get(order.algo_id) if order.algo_id else None
    if algo is not None and algo.status is AlgoStatus.TRIGGERED:
        done = replace(
            algo,
            status=AlgoStatus.FINISHED,
            update_ms=state.now_ms,
            actual_price=order.avg_price,
            actual_qty=order.executed_qty,
        )
        put_algo(state, done)
    forget_orders(state)


def forget_orders(state: State) -> None:
    """Forget the orders that finished first, beyond the number to keep."""
    while 0 < state.config.retained_orders < len(state.finished):
        symbol, order_id = state.finished.popleft()
        desk = state.desks[symbol]
        gone = desk.orders.pop(order_id)
        if desk.by_client.get(gone.client_order_id) == order_id:
            del desk.by_client[gone.client_order_id]


def forget_algos(state: State) -> None:
    """Forget the algo orders that finished first, beyond the number to keep."""
    while 0 < state.config.retained_algos < len(state.finished_algos):
        algo_id = state.finished_algos.popleft()
        gone = state.algos.pop(algo_id)
        if state.algo_by_client.get(gone.client_algo_id) == algo_id:
            del state.algo_by_client[gone.client_algo_id]
