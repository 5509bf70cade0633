"""Reads that lag behind matching: what a client sees while the fault `late_reads` stands."""

from services.paper_exchange.engine.records import Order, Trade
from services.paper_exchange.faults import FaultKind
from services.paper_exchange.protocol.endpoint import Call
from services.paper_exchange.protocol.errors import no_such_order


def horizon_ms(call: Call) -> int | None:
    """Given a call, return the time after which nothing is visible yet, or None where reads are on time."""
    now_ms = call.exchange.now_ms()
    fault = call.exchange.menu.standing(FaultKind.LATE_READS, now_ms)
    return now_ms - fault.delay_ms if fault is not None else None


def visible_order(call: Call, order: Order) -> Order:
    """Given an order, return it. Raise -2013 where reads lag and it is not visible yet."""
    horizon = horizon_ms(call)
    if horizon is not None and order.time_ms > horizon:
        raise no_such_order()
    return order


def visible_orders(call: Call, orders: list[Order]) -> list[Order]:
    """Given orders, return those a read sees by now."""
    horizon = horizon_ms(call)
    return orders if horizon is None else [order for order in orders if order.time_ms <= horizon]


def visible_trades(call: Call, trades: list[Trade]) -> list[Trade]:
    """Given trades, return those a read sees by now."""
    horizon = horizon_ms(call)
    return trades if horizon is None else [trade for trade in trades if trade.time_ms <= horizon]
