"""Reading the past: orders, trades, algo orders and income by the exchange's windows, limits and starting ids."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol, TypeVar

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.enums import IncomeType
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.records import AlgoOrder, Income, Order, Trade
from services.paper_exchange.engine.requests import Window
from services.paper_exchange.engine.state import State

DAY_MS = 86_400_000
_WEEK_DAYS = 7
_LIMIT_MOST = 1000
_ORDERS_DEFAULT = 500
_INCOME_DEFAULT = 100


class _Timed(Protocol):
    @property
    def time_ms(self) -> int: ...


_Row = TypeVar("_Row", bound=_Timed)


def all_orders(state: State, symbol: str | None, window: Window, order_id: int | None) -> list[Order]:
    """Return orders by ascending id: the first ones from `order_id` on, or the newest of the window."""
    limit = _limit(window, _ORDERS_DEFAULT)
    desks = [state.desk(symbol)] if symbol is not None else list(state.desks.values())
    start_ms, end_ms = (0, state.now_ms) if order_id is not None else _bounds(state, window)
    found: list[Order] = []
    for desk in desks:
        found += _orders_of(desk, start_ms, end_ms, order_id)
    found.sort(key=lambda order: order.order_id)
    return found[:limit] if order_id is not None else found[-limit:]


def all_algos(state: State, symbol: str | None, window: Window, algo_id: int | None) -> list[AlgoOrder]:
    """Return algo orders by ascending id: the first ones from `algo_id` on, or the newest of the window."""
    limit = _limit(window, _ORDERS_DEFAULT)
    if symbol is not None:
        state.desk(symbol)
    mine = (algo for algo in state.algos.values() if symbol is None or algo.symbol == symbol)
    if algo_id is not None:
        return list(islice((algo for algo in mine if algo.algo_id >= algo_id), limit))
    start_ms, end_ms = _bounds(state, window)
    return [algo for algo in mine if start_ms <= algo.create_ms <= end_ms][-limit:]


def trades(state: State, symbol: str, window: Window, order_id: int | None, from_id: int | None) -> list[Trade]:
    """Return trades by ascending id: from `from_id` on, of one order, or the oldest of the window.

    Raise -1128 where `from_id` comes with times.
    """
    desk = state.desk(symbol)
    limit = _limit(window, _ORDERS_DEFAULT)
    if from_id is not None:
        if window.start_ms is not None or window.end_ms is not None:
            raise refused(errors.BAD_COMBINATION)
        place = desk.trades.first_at(lambda trade: trade.trade_id, from_id)
        return list(islice(_of_order(desk.trades.forward(place), order_id), limit))
    if order_id is not None and window.start_ms is None and window.end_ms is None:
        return list(islice(_trades_of_order(desk, order_id), limit))
    start_ms, end_ms = _bounds(state, window)
    place = desk.trades.first_at(_time, start_ms)
    return list(islice(_of_order(_until(desk.trades.forward(place), end_ms), order_id), limit))


def income(state: State, window: Window, symbol: str | None, kind: IncomeType | None) -> list[Income]:
    """Return wallet changes by ascending time: the oldest from a given start on, else the newest of 7 days."""
    limit = _limit(window, _INCOME_DEFAULT)
    start_ms, end_ms = _bounds(state, window)

    def wanted(row: Income) -> bool:
        return (symbol is None or row.symbol == symbol) and (kind is None or row.type is kind)

    if window.start_ms is not None:
        rows = _until(state.income.forward(state.income.first_at(_time, start_ms)), end_ms)
        return list(islice(filter(wanted, rows), limit))
    newest = (row for row in _since(state.income.backward(), start_ms) if row.time_ms <= end_ms and wanted(row))
    return list(islice(newest, limit))[::-1]


def open_orders(state: State, symbol: str | None) -> list[Order]:
    """Return open orders by ascending id."""
    if symbol is not None:
        return sorted(state.desk(symbol).open.values(), key=lambda order: order.order_id)
    found = [order for desk in state.desks.values() if desk.open for order in desk.open.values()]
    return sorted(found, key=lambda order: order.order_id)


def open_algos(state: State, symbol: str | None) -> list[AlgoOrder]:
    """Return waiting algo orders by ascending id."""
    if symbol is not None:
        state.desk(symbol)
    return [algo for _, algo in sorted(state.open_algos.items()) if symbol is None or algo.symbol == symbol]


def _time(row: _Timed) -> int:
    return row.time_ms


def _limit(window: Window, default: int) -> int:
    limit = default if window.limit is None else window.limit
    if not 1 <= limit <= _LIMIT_MOST:
        raise refused(errors.BAD_PARAMETER, "limit")
    return limit


def _bounds(state: State, window: Window) -> tuple[int, int]:
    """Given a window as sent, return its ends: 7 days where only one or none was sent. Raise -4165 or -1130."""
    week = _WEEK_DAYS * DAY_MS
    start, end = window.start_ms, window.end_ms
    if start is None:
        end = state.now_ms if end is None else end
        return end - week, end
    if end is None:
        return start, start + week
    if end < start:
        raise refused(errors.BAD_PARAMETER, "endTime")
    if end - start > week:
        raise refused(errors.WINDOW_TOO_LONG, _WEEK_DAYS)
    return start, end


def _orders_of(desk: Desk, start_ms: int, end_ms: int, order_id: int | None) -> list[Order]:
    """Orders created in a time window, or from an id on; ids and times ascend together, so the search ends early."""
    found = []
    for order in reversed(desk.orders.values()):
        if order.order_id < (order_id or 0) or order.time_ms < start_ms:
            break
        if order.time_ms <= end_ms:
            found.append(order)
    return found


def _trades_of_order(desk: Desk, order_id: int) -> Iterator[Trade]:
    """The trades of one order: they lie between its creation and its last change."""
    order = desk.orders.get(order_id)
    if order is None or not order.executed_qty:
        return iter(())
    place = desk.trades.first_at(_time, order.time_ms)
    return _of_order(_until(desk.trades.forward(place), order.update_ms), order_id)


def _of_order(rows: Iterable[Trade], order_id: int | None) -> Iterator[Trade]:
    return (trade for trade in rows if order_id is None or trade.order_id == order_id)


def _until(rows: Iterable[_Row], end_ms: int) -> Iterator[_Row]:
    for row in rows:
        if row.time_ms > end_ms:
            return
        yield row


def _since(rows: Iterable[_Row], start_ms: int) -> Iterator[_Row]:
    for row in rows:
        if row.time_ms < start_ms:
            return
        yield row
