"""Rows on disk: what was saved is what is loaded, to the digit."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from services.paper_exchange.engine.changes import Rows
from services.paper_exchange.engine.defaults import default_rules
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import OrderType, Side, TimeInForce
from services.paper_exchange.engine.records import Income, Order
from services.paper_exchange.engine.requests import AlgoRequest, OrderRequest
from services.paper_exchange.engine_feed import engine_tick
from services.paper_exchange.market.bars import MinuteBars
from services.paper_exchange.market.quote import Quote
from services.paper_exchange.rows import decode_row, encode_row
from services.paper_exchange.store import StateInUse, Store

NOW = 1_700_000_040_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store on disk."""
    found = Store(tmp_path / "state")
    yield found
    found.close()


def used_engine() -> Engine:
    """An engine with a row of nearly every kind."""
    bars = MinuteBars(1, 3, NOW)
    bars.append((1_000_000, 1_000_100, 999_900, 1_000_050), 50_000)
    engine = Engine([default_rules("BTCUSDT", Decimal(100_000))])
    engine.on_tick("BTCUSDT", engine_tick(Quote("BTCUSDT", bars, NOW, 1)), NOW)
    engine.transfer(Decimal("10000.12345678"), NOW)
    engine.set_leverage("BTCUSDT", 7, NOW)
    buy = OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, Decimal("0.010"))
    engine.place_order(buy, NOW + 1)
    rest = OrderRequest(
        "BTCUSDT", Side.BUY, OrderType.LIMIT, Decimal("0.010"), Decimal(97_000), TimeInForce.GTC, client_order_id="mine"
    )
    engine.place_order(rest, NOW + 2)
    engine.place_algo(
        AlgoRequest("BTCUSDT", Side.SELL, OrderType.STOP_MARKET, Decimal("0.010"), trigger_price=Decimal(90_000)),
        NOW + 3,
    )
    engine.countdown_cancel_all("BTCUSDT", 60_000, NOW + 4)
    return engine


def test_all_rows_come_back_as_they_were(store: Store) -> None:
    engine = used_engine()
    rows = engine.drain_changes()
    assert all((rows.orders, rows.trades, rows.positions, rows.algos, rows.income, rows.settings, rows.countdowns))
    store.save(rows)
    assert store.load() == engine.snapshot()


def test_a_row_saved_again_replaces_itself(store: Store) -> None:
    engine = used_engine()
    store.save(engine.drain_changes())
    engine.cancel_order("BTCUSDT", NOW + 5, client_order_id="mine")
    store.save(engine.drain_changes())
    assert store.load() == engine.snapshot()
    assert len(store.load().orders) == 2


def test_orders_and_trades_are_found_again_by_their_ids(store: Store) -> None:
    engine = used_engine()
    store.save(engine.drain_changes())
    filled, resting = engine.snapshot().orders
    trade = engine.snapshot().trades[0]
    assert store.order("BTCUSDT", filled.order_id, None) == filled
    assert store.order("BTCUSDT", None, "mine") == resting
    assert store.order("ETHUSDT", filled.order_id, None) is None
    assert store.order("ETHUSDT", None, "mine") is None
    assert store.order("BTCUSDT", 1, None) is None
    assert store.trades_from("BTCUSDT", trade.trade_id, 5) == [trade]
    assert store.trades_from("BTCUSDT", trade.trade_id + 1, 5) == []
    assert store.trades_from("ETHUSDT", 0, 5) == []
    assert Store(None).trades_from("BTCUSDT", 0, 5) is None


def test_facts_are_kept_by_name(store: Store) -> None:
    store.save_facts({"market": b"1", "listen_key": b"2"})
    store.save_facts({"market": b"3"})
    assert store.facts() == {"market": b"3", "listen_key": b"2"}
    assert store.load() == Rows()


def test_an_open_state_is_refused_to_others_and_free_after_closing(tmp_path: Path) -> None:
    first = Store(tmp_path)
    with pytest.raises(StateInUse, match="another paper exchange runs on this state"):
        Store(tmp_path)
    first.close()
    Store(tmp_path).close()


def test_without_a_folder_nothing_is_kept() -> None:
    store = Store(None)
    store.save(used_engine().drain_changes())
    store.save_facts({"market": b"1"})
    assert store.load() == Rows()
    assert store.facts() == {}
    store.close()


def test_a_row_written_by_an_older_version_takes_defaults() -> None:
    income = decode_row(Income, b'{"tran_id":1,"type":"TRANSFER","income":"5.50","time_ms":7,"gone":1}')
    assert income.income == Decimal("5.50")
    assert income.asset == "USDT"
    order = used_engine().drain_changes().orders[0]
    assert decode_row(Order, encode_row(order)) == order
