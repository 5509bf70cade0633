"""The state as rows: what a store has kept is enough to go on exactly as if nothing had happened."""

from dataclasses import fields

from services.paper_exchange.engine.changes import Rows
from services.paper_exchange.engine.config import EngineConfig
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import MarginType, OrderType, PositionSide, TimeInForce
from services.paper_exchange.engine.records import Account, Position
from services.paper_exchange.engine.requests import AmendRequest
from tests.unit.paper_exchange.engine.scene import (
    BTC,
    BUY,
    ETH,
    NOW,
    RULES,
    SELL,
    arm,
    d,
    exchange,
    flat_tick,
    limit,
    market,
    moving_tick,
    place,
    stop,
)

LATER = NOW + 1_000


def eventful() -> Engine:
    engine = exchange()
    engine.set_leverage(BTC, 10, NOW)
    engine.set_margin_type(ETH, MarginType.ISOLATED, NOW)
    place(engine, market(BUY, "0.3"))
    place(engine, market(SELL, "2", symbol=ETH))
    place(engine, market(SELL, "0.1"))
    first = place(engine, limit(BUY, "0.1", "49000", client_order_id="first"))
    place(engine, limit(BUY, "0.1", "49000", client_order_id="second"))
    engine.amend_order(AmendRequest(BTC, BUY, d("0.2"), d(49_000), order_id=first.order_id), NOW)
    place(engine, limit(SELL, "0.1", "51000", reduce_only=True))
    arm(engine, stop(OrderType.STOP_MARKET, SELL, None, "48000", close_position=True))
    arm(engine, stop(OrderType.TRAILING_STOP_MARKET, SELL, "0.1", None, callback_rate=d(5)))
    arm(engine, stop(OrderType.STOP, BUY, "0.1", "50100", price=d(49_500)))
    engine.on_tick(BTC, flat_tick("50200"), NOW)
    engine.countdown_cancel_all(ETH, 60_000, NOW)
    engine.apply_funding(BTC, d("0.0001"), d(50_200), NOW)
    return engine


def again(engine: Engine) -> Engine:
    """The same engine after a restart, its markets ticked as they stood."""
    fresh = Engine.restore(RULES, engine.snapshot())
    for symbol in (BTC, ETH):
        view = engine.market(symbol)
        assert view.last is not None
        fresh.on_tick(symbol, flat_tick(view.last, size="1000"), view.time_ms)
        engine.on_tick(symbol, flat_tick(view.last, size="1000"), view.time_ms)
    engine.drain_events()
    engine.drain_changes()
    fresh.drain_events()
    fresh.drain_changes()
    return fresh


def go_on(engine: Engine) -> None:
    place(engine, market(SELL, "0.15"), LATER)
    engine.on_tick(BTC, moving_tick("48900", "48900", "50200"), LATER)
    place(engine, market(BUY, "1", symbol=ETH), LATER)
    arm(engine, stop(OrderType.STOP_MARKET, BUY, "0.1", "52000"), LATER)
    engine.on_tick(BTC, flat_tick("47000"), LATER + 60_000)
    engine.transfer(d(5), LATER + 60_000)


def test_a_restored_engine_answers_the_same() -> None:
    engine = eventful()
    fresh = again(engine)
    assert fresh.snapshot() == engine.snapshot()
    assert fresh.account() == engine.account()
    assert fresh.positions(all_symbols=True) == engine.positions(all_symbols=True)
    assert fresh.open_orders() == engine.open_orders()
    assert fresh.open_algos() == engine.open_algos()


def test_a_restored_engine_goes_on_the_same_ids_and_events_included() -> None:
    engine = eventful()
    fresh = again(engine)
    for each in (engine, fresh):
        go_on(each)
    assert fresh.drain_events() == engine.drain_events()
    assert fresh.drain_changes() == engine.drain_changes()
    assert fresh.snapshot() == engine.snapshot()


def test_the_changes_of_each_call_add_up_to_the_snapshot() -> None:
    engine = Engine(RULES)
    engine.transfer(d(100_000), NOW)
    engine.on_tick(BTC, flat_tick("50000"), NOW)
    store: dict[str, dict[object, object]] = {field.name: {} for field in fields(Rows)}
    for step in (
        lambda: place(engine, market(BUY, "0.3")),
        lambda: place(engine, limit(SELL, "0.1", "51000")),
        lambda: arm(engine, stop(OrderType.STOP_MARKET, SELL, "0.1", "49000")),
        lambda: engine.on_tick(BTC, flat_tick("48500"), NOW + 1),
        lambda: engine.set_leverage(BTC, 5, NOW + 1),
        lambda: engine.cancel_all(BTC, NOW + 2),
    ):
        step()
        _write(store, engine.drain_changes())
    whole: dict[str, dict[object, object]] = {field.name: {} for field in fields(Rows)}
    _write(whole, engine.snapshot())
    whole["settings"] = {key: row for key, row in whole["settings"].items() if key == BTC}
    assert store == whole


def _write(store: dict[str, dict[object, object]], rows: Rows) -> None:
    for order in rows.orders:
        store["orders"][order.order_id] = order
    for trade in rows.trades:
        store["trades"][trade.symbol, trade.trade_id] = trade
    for position in rows.positions:
        store["positions"][position.symbol, position.side] = position
    for algo in rows.algos:
        store["algos"][algo.algo_id] = algo
    for income in rows.income:
        store["income"][income.tran_id] = income
    for settings in rows.settings:
        store["settings"][settings.symbol] = settings
    if rows.account is not None:
        store["account"]["row"] = rows.account


def test_rows_of_contracts_no_longer_listed_are_left_out() -> None:
    engine = eventful()
    rows = engine.snapshot()
    fresh = Engine.restore(RULES[:1], rows)
    assert {order.symbol for order in fresh.snapshot().orders} == {BTC}
    assert {trade.symbol for trade in fresh.snapshot().trades} == {BTC}
    only_eth = Engine.restore(RULES[1:], rows)
    assert only_eth.open_orders() == []
    assert only_eth.open_algos() == []


def test_a_restore_keeps_no_more_than_the_engine_is_set_to() -> None:
    small = EngineConfig(retained_orders=2, retained_trades=2, retained_income=3, retained_algos=1)
    engine = eventful()
    arm(engine, stop(OrderType.STOP_MARKET, BUY, "0.1", "52000", client_algo_id="x"))
    engine.cancel_algo(NOW, client_algo_id="x")
    arm(engine, stop(OrderType.STOP_MARKET, BUY, "0.1", "52000", client_algo_id="x"))
    engine.cancel_algo(NOW, client_algo_id="x")
    rows = Engine.restore(RULES, engine.snapshot(), small).snapshot()
    assert len([order for order in rows.orders if not order.is_open]) == 2
    assert (len(rows.trades), len(rows.income)) == (2, 3)
    assert len([algo for algo in rows.algos if not algo.is_open]) == 1


def test_an_empty_store_gives_a_new_exchange() -> None:
    fresh = Engine.restore(RULES, Rows())
    assert fresh.account() == Engine(RULES).account()
    assert not fresh.drain_changes()


def test_hedge_mode_survives_a_restart() -> None:
    engine = exchange()
    engine.set_position_mode(NOW, dual_side=True)
    place(engine, market(BUY, "0.1", position_side=PositionSide.LONG))
    place(engine, limit(SELL, "0.1", "51000", position_side=PositionSide.LONG, time_in_force=TimeInForce.GTX))
    fresh = again(engine)
    assert fresh.positions() == engine.positions()
    assert fresh.account() == engine.account()


def test_the_published_example_account_shows_the_published_liquidation_prices() -> None:
    rows = Rows(
        account=Account(wallet_balance=d("1535443.01"), update_ms=NOW),
        positions=(
            Position(ETH, PositionSide.BOTH, d("3683.979"), d("1456.84"), update_ms=NOW),
            Position(BTC, PositionSide.BOTH, d("109.488"), d("32481.98"), update_ms=NOW),
        ),
    )
    engine = Engine.restore(RULES, rows)
    engine.on_tick(BTC, flat_tick("31967.27"), NOW)
    engine.on_tick(ETH, flat_tick("1335.18"), NOW)
    shown = {view.symbol: view.liquidation_price.quantize(d("0.01")) for view in engine.positions()}
    assert shown == {ETH: d("1153.26"), BTC: d("26316.89")}
