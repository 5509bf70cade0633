"""What the user data stream is told, in what order."""

from services.paper_exchange.engine.enums import ExecType, OrderStatus, UpdateReason
from services.paper_exchange.engine.events import AccountUpdate, OrderUpdate, TradeLite
from tests.unit.paper_exchange.engine.scene import (
    BTC,
    BUY,
    NOW,
    SELL,
    d,
    exchange,
    flat_tick,
    levels,
    limit,
    market,
    moving_tick,
    place,
)


def test_each_fill_is_told_lite_first_then_in_full_then_for_the_account() -> None:
    engine = exchange()
    order = place(engine, market(BUY, "0.1"))
    new, lite, full, account = engine.drain_events()
    assert isinstance(new, OrderUpdate)
    assert (new.exec_type, new.order.status, new.commission, new.trade_id) == (ExecType.NEW, OrderStatus.NEW, None, 0)
    assert isinstance(lite, TradeLite)
    assert (lite.order_id, lite.last_qty, lite.last_price) == (order.order_id, d("0.1"), d("50000.1"))
    assert isinstance(full, OrderUpdate)
    assert (full.exec_type, full.order) == (ExecType.TRADE, order)
    assert (full.commission, full.trade_id, full.maker) == (d("2.50000500"), lite.trade_id, False)
    assert isinstance(account, AccountUpdate)
    assert (account.reason, account.positions[0].amount) == (UpdateReason.ORDER, d("0.1"))
    assert account.balances[0].wallet_balance == engine.account().wallet_balance
    assert account.balances[0].balance_change == 0


def test_a_fill_over_two_levels_is_two_trades_with_growing_sums() -> None:
    engine = exchange()
    engine.on_tick(BTC, flat_tick("50000")._replace(asks=levels(("50000.1", "0.1"), ("50001", "1"))), NOW)
    place(engine, market(BUY, "0.3"))
    fulls = [event for event in engine.drain_events() if isinstance(event, OrderUpdate)][1:]
    assert [event.order.executed_qty for event in fulls] == [d("0.1"), d("0.3")]
    assert [event.order.status for event in fulls] == [OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED]
    assert fulls[1].trade_id == fulls[0].trade_id + 1


def test_a_closing_fill_tells_the_realized_profit_before_fees() -> None:
    engine = exchange()
    place(engine, market(BUY, "0.1"))
    engine.on_tick(BTC, flat_tick("51000"), NOW)
    engine.drain_events()
    place(engine, market(SELL, "0.1"))
    full, account = engine.drain_events()[-2:]
    assert isinstance(full, OrderUpdate)
    assert isinstance(account, AccountUpdate)
    assert full.realized_pnl == account.positions[0].realized_total == d("99.98")
    assert account.positions[0].break_even_price == 0


def test_orders_without_fills_tell_nothing_of_the_account() -> None:
    engine = exchange()
    place(engine, limit(BUY, "0.1", "49000", client_order_id="it"))
    engine.cancel_order(BTC, NOW, client_order_id="it")
    new, cancelled = engine.drain_events()
    assert isinstance(new, OrderUpdate)
    assert isinstance(cancelled, OrderUpdate)
    assert (cancelled.exec_type, cancelled.order.status) == (ExecType.CANCELED, OrderStatus.CANCELED)
    assert engine.drain_events() == []


def test_a_maker_fill_says_so_and_what_is_still_on_the_book() -> None:
    engine = exchange()
    place(engine, limit(BUY, "0.1", "49900"))
    place(engine, limit(BUY, "0.1", "49000"))
    engine.drain_events()
    engine.on_tick(BTC, moving_tick("49890", "49890", "50000"), NOW)
    (full,) = [event for event in engine.drain_events() if isinstance(event, OrderUpdate)]
    assert (full.maker, full.bid_notional, full.ask_notional) == (True, d(4_900), d(0))


def test_changes_are_drained_once_and_each_row_once() -> None:
    engine = exchange()
    place(engine, market(BUY, "0.1"))
    rows = engine.drain_changes()
    assert (len(rows.orders), len(rows.trades), len(rows.positions), len(rows.income)) == (1, 1, 1, 1)
    assert rows.account == engine.account_row()
    assert rows
    assert not engine.drain_changes()
    engine.advance(NOW + 1)
    assert not engine.drain_changes()
