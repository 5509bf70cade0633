"""The state as rows and back: what a store has kept is enough to go on, down to the next id.

Not in the rows, because the market brings it anew: prices, and what was taken from the book since the last tick.
"""

import heapq
from collections.abc import Iterable
from operator import attrgetter

from services.paper_exchange.engine.changes import Rows
from services.paper_exchange.engine.config import EngineConfig
from services.paper_exchange.engine.desk import Desk, enlarges
from services.paper_exchange.engine.lifecycle import forget_algos, forget_orders
from services.paper_exchange.engine.records import AlgoOrder, Countdown, Order, Trade
from services.paper_exchange.engine.rules import SymbolRules
from services.paper_exchange.engine.state import State


def snapshot(state: State) -> Rows:
    """Return every row kept."""
    desks = state.desks.values()
    return Rows(
        orders=tuple(sorted((o for desk in desks for o in desk.orders.values()), key=attrgetter("order_id"))),
        trades=tuple(trade for desk in desks for trade in desk.trades),
        positions=tuple(
            holding.position for desk in desks for holding in desk.holdings.values() if holding.position.update_ms
        ),
        algos=tuple(sorted(state.algos.values(), key=attrgetter("algo_id"))),
        income=tuple(state.income),
        settings=tuple(desk.settings for desk in desks),
        countdowns=tuple(Countdown(symbol, deadline) for symbol, deadline in sorted(state.countdowns.items())),
        account=state.account_row(),
    )


def restore(rules: Iterable[SymbolRules], rows: Rows, config: EngineConfig) -> State:
    """Given a store's rows in any order, return the state that wrote them. Rows of unlisted contracts are ignored."""
    state = State(rules, config)
    _restore_account(state, rows)
    for trade in sorted(rows.trades, key=attrgetter("time_ms", "symbol", "trade_id")):
        _restore_trade(state, trade)
    for order in sorted(rows.orders, key=attrgetter("order_id")):
        if order.symbol in state.desks:
            _restore_order(state, state.desks[order.symbol], order)
    for algo in sorted(rows.algos, key=attrgetter("algo_id")):
        if algo.symbol in state.desks:
            _restore_algo(state, state.desks[algo.symbol], algo)
    _queue_finished(state)
    for desk in state.desks.values():
        for holding in desk.active:
            state.revalue(desk, holding)
    return state


def _restore_account(state: State, rows: Rows) -> None:
    account = rows.account
    if account is not None:
        state.wallet, state.account_ms = account.wallet_balance, account.update_ms
        state.dual_side, state.multi_assets = account.dual_side, account.multi_assets
        state.now_ms = account.update_ms
    for desk in state.desks.values():
        desk.choose_mode(dual_side=state.dual_side)
    for settings in rows.settings:
        if settings.symbol in state.desks:
            state.desks[settings.symbol].settings = settings
    for position in rows.positions:
        if position.symbol in state.desks:
            state.put_position(state.desks[position.symbol].holdings[position.side], position)
            state.now_ms = max(state.now_ms, position.update_ms)
    state.outbox.positions.clear()
    for row in sorted(rows.income, key=attrgetter("tran_id")):
        state.income.append(row)
        state.next_tran_id = row.tran_id + 1
    while 0 < state.config.retained_income < len(state.income):
        state.income.drop_oldest()
    for countdown in rows.countdowns:
        if countdown.deadline_ms and countdown.symbol in state.desks:
            state.countdowns[countdown.symbol] = countdown.deadline_ms
            heapq.heappush(state.timers, (countdown.deadline_ms, 0, countdown.symbol))


def _restore_trade(state: State, trade: Trade) -> None:
    desk = state.desks.get(trade.symbol)
    if desk is None:
        return
    desk.trades.append(trade)
    desk.next_trade_id = trade.trade_id + 1
    state.traded.append(trade.symbol)
    state.now_ms = max(state.now_ms, trade.time_ms)
    if 0 < state.config.retained_trades < len(state.traded):
        state.desks[state.traded.popleft()].trades.drop_oldest()


def _restore_order(state: State, desk: Desk, order: Order) -> None:
    desk.orders[order.order_id] = order
    desk.by_client[order.client_order_id] = order.order_id
    state.next_order_id = max(state.next_order_id, order.order_id + 1, order.queue + 1)
    state.now_ms = max(state.now_ms, order.update_ms)
    if not order.is_open:
        return
    desk.open[order.order_id] = order
    desk.resting[order.side].add(order)
    if enlarges(order.side, order.position_side, reduce_only=order.reduce_only):
        desk.holdings[order.position_side].reserve(order.side, order.open_qty * order.price)
    else:
        desk.reducing[order.order_id] = None
    if order.good_till_ms:
        heapq.heappush(state.timers, (order.good_till_ms, order.order_id, order.symbol))


def _restore_algo(state: State, desk: Desk, algo: AlgoOrder) -> None:
    state.algos[algo.algo_id] = algo
    state.algo_by_client[algo.client_algo_id] = algo.algo_id
    state.next_algo_id = max(state.next_algo_id, algo.algo_id + 1)
    state.now_ms = max(state.now_ms, algo.update_ms)
    if not algo.is_open:
        return
    state.open_algos[algo.algo_id] = algo
    desk.algos[algo.algo_id] = None
    desk.triggers.add(algo)
    if algo.good_till_ms:
        heapq.heappush(state.timers, (algo.good_till_ms, algo.algo_id, algo.symbol))


def _queue_finished(state: State) -> None:
    """Line up finished orders, the first finished first, so that the oldest are forgotten first."""
    done = [order for desk in state.desks.values() for order in desk.orders.values() if not order.is_open]
    done.sort(key=attrgetter("update_ms", "order_id"))
    state.finished.extend((order.symbol, order.order_id) for order in done)
    algos = [algo for algo in state.algos.values() if not algo.is_open]
    algos.sort(key=attrgetter("update_ms", "algo_id"))
    state.finished_algos.extend(algo.algo_id for algo in algos)
    forget_orders(state)
    forget_algos(state)
