"""The past, as the exchange's query endpoints cut it."""

from dataclasses import replace

import pytest

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.config import EngineConfig
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import IncomeType, OrderStatus, OrderType
from services.paper_exchange.engine.errors import Refusal
from services.paper_exchange.engine.requests import Window
from tests.unit.paper_exchange.engine.scene import (
    BTC,
    BUY,
    ETH,
    NOW,
    SELL,
    arm,
    d,
    exchange,
    flat_tick,
    levels,
    limit,
    market,
    moving_tick,
    place,
    refusing,
    stop,
)

DAY = 86_400_000
MINUTE = 60_000


def busy(orders: int = 10, config: EngineConfig | None = None) -> Engine:
    """Ten round trips, a minute apart, alternating with a resting order in the other contract."""
    engine = exchange(config=config)
    for number in range(orders):
        place(engine, market(SELL if number % 2 else BUY, "0.1"), NOW + number * MINUTE)
    return engine


def test_trades_without_times_are_the_oldest_of_seven_days() -> None:
    engine = busy()
    ids = [trade.trade_id for trade in engine.trades(BTC, NOW + DAY, Window(limit=3))]
    assert ids == [100_000_001, 100_000_002, 100_000_003]
    assert engine.trades(BTC, NOW + 8 * DAY, Window()) == []
    assert engine.trades(ETH, NOW, Window()) == []


def test_trades_from_an_id_go_on_from_there_whatever_their_age() -> None:
    engine = busy()
    ids = [trade.trade_id for trade in engine.trades(BTC, NOW + 30 * DAY, Window(limit=2), from_id=100_000_009)]
    assert ids == [100_000_009, 100_000_010]
    assert engine.trades(BTC, NOW, Window(), from_id=100_000_011) == []


def test_trades_of_a_window_include_both_ends() -> None:
    engine = busy()
    window = Window(NOW + MINUTE, NOW + 3 * MINUTE)
    times = [trade.time_ms for trade in engine.trades(BTC, NOW + DAY, window)]
    assert times == [NOW + MINUTE, NOW + 2 * MINUTE, NOW + 3 * MINUTE]


def test_trades_of_one_order_are_found_among_others() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.3", "49900"))
    place(engine, market(BUY, "0.1"), NOW + 1)
    for number in range(3):
        crossing = flat_tick("50000")._replace(asks=levels(("49900", "0.1")))
        engine.on_tick(BTC, crossing, NOW + 2 + number)
        place(engine, market(SELL, "0.05"), NOW + 2 + number)
    found = engine.trades(BTC, NOW + DAY, Window(), order_id=order.order_id)
    assert [trade.qty for trade in found] == [d("0.1")] * 3
    assert [trade.buyer for trade in found] == [True] * 3
    assert engine.trades(BTC, NOW + DAY, Window(NOW, NOW + 2), order_id=order.order_id) == found[:1]
    assert engine.trades(BTC, NOW + DAY, Window(), order_id=1) == []
    last = place(engine, limit(BUY, "0.1", "40000"), NOW + 9)
    assert engine.trades(BTC, NOW + DAY, Window(), order_id=last.order_id) == []


def test_all_orders_are_the_newest_of_the_window_ascending() -> None:
    engine = busy()
    place(engine, replace(limit(BUY, "1", "2400"), symbol=ETH), NOW + 10 * MINUTE)
    times = [order.time_ms for order in engine.all_orders(BTC, NOW + DAY, Window(limit=2))]
    assert times == [NOW + 8 * MINUTE, NOW + 9 * MINUTE]
    everything = engine.all_orders(None, NOW + DAY, Window())
    assert len(everything) == 11
    assert everything == sorted(everything, key=lambda order: order.order_id)
    window = Window(NOW, NOW + MINUTE)
    assert [order.time_ms for order in engine.all_orders(BTC, NOW + DAY, window)] == [NOW, NOW + MINUTE]


def test_all_orders_from_an_id_are_the_first_from_there() -> None:
    engine = busy()
    first = engine.all_orders(BTC, NOW + DAY, Window())[4].order_id
    ids = [order.order_id for order in engine.all_orders(BTC, NOW + 30 * DAY, Window(limit=2), first)]
    assert ids == [first, first + 1]


def test_algo_orders_are_listed_like_orders() -> None:
    engine = exchange()
    algos = [
        arm(engine, stop(OrderType.STOP_MARKET, BUY, "0.1", f"{50500 + number}"), NOW + number) for number in range(4)
    ]
    arm(engine, stop(OrderType.STOP_MARKET, BUY, "1", "2600", symbol=ETH), NOW)
    assert engine.all_algos(BTC, NOW + DAY, Window(limit=2)) == algos[2:]
    assert engine.all_algos(BTC, NOW + DAY, Window(limit=2), algos[1].algo_id) == algos[1:3]
    assert len(engine.all_algos(None, NOW + DAY, Window())) == 5
    assert engine.all_algos(BTC, NOW + DAY, Window(NOW + 1, NOW + 2)) == algos[1:3]


def test_income_is_the_newest_or_from_a_start_the_oldest() -> None:
    engine = busy()
    newest = engine.income(NOW + DAY, Window(limit=2))
    assert [row.time_ms for row in newest] == [NOW + 9 * MINUTE] * 2
    oldest = engine.income(NOW + DAY, Window(NOW, limit=2))
    assert [row.type for row in oldest] == [IncomeType.TRANSFER, IncomeType.COMMISSION]
    fees = engine.income(NOW + DAY, Window(), symbol=BTC, income_type=IncomeType.COMMISSION)
    assert len(fees) == 10
    assert engine.income(NOW + DAY, Window(), symbol=ETH) == []
    ended = engine.income(NOW + DAY, Window(end_ms=NOW + MINUTE))
    assert {row.time_ms for row in ended} == {NOW, NOW + MINUTE}
    assert engine.income(NOW + 8 * DAY, Window()) == []


@pytest.mark.parametrize(
    ("window", "refusal"),
    [
        (Window(limit=0), errors.BAD_PARAMETER),
        (Window(limit=1001), errors.BAD_PARAMETER),
        (Window(NOW, NOW - 1), errors.BAD_PARAMETER),
        (Window(NOW, NOW + 7 * DAY + 1), errors.WINDOW_TOO_LONG),
    ],
)
def test_a_window_out_of_bounds_is_refused_everywhere(window: Window, refusal: Refusal) -> None:
    engine = exchange()
    for query in (
        lambda: engine.trades(BTC, NOW, window),
        lambda: engine.all_orders(BTC, NOW, window),
        lambda: engine.all_algos(None, NOW, window),
        lambda: engine.income(NOW, window),
    ):
        with refusing(refusal):
            query()


def test_a_starting_id_and_times_exclude_each_other_for_trades() -> None:
    engine = exchange()
    with refusing(errors.BAD_COMBINATION):
        engine.trades(BTC, NOW, Window(start_ms=NOW), from_id=1)
    with refusing(errors.BAD_COMBINATION):
        engine.trades(BTC, NOW, Window(end_ms=NOW), from_id=1)


def test_an_order_is_found_by_either_id_or_not_at_all() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000", client_order_id="mine"))
    assert engine.order(BTC, order_id=order.order_id) == engine.open_order(BTC, client_order_id="mine") == order
    engine.cancel_order(BTC, NOW, client_order_id="mine")
    assert engine.order(BTC, client_order_id="mine").status is OrderStatus.CANCELED
    with refusing(errors.NO_SUCH_ORDER):
        engine.open_order(BTC, client_order_id="mine")
    with refusing(errors.NO_SUCH_ORDER):
        engine.order(ETH, order_id=order.order_id)
    with refusing(errors.EITHER_MISSING):
        engine.order(BTC)


SMALL = EngineConfig(retained_orders=3, retained_trades=3, retained_income=4, retained_algos=1)


def test_the_oldest_finished_rows_are_forgotten_and_open_ones_never() -> None:
    engine = exchange(config=SMALL)
    resting = place(engine, limit(BUY, "0.1", "40000", client_order_id="rests"))
    gone = place(engine, market(BUY, "0.1", client_order_id="gone"))
    for number in range(4):
        place(engine, market(SELL if number % 2 else BUY, "0.1", client_order_id="again"))
    assert len(engine.all_orders(BTC, NOW, Window())) == 4
    assert engine.order(BTC, client_order_id="rests") == resting
    with refusing(errors.NO_SUCH_ORDER):
        engine.order(BTC, client_order_id="gone")
    with refusing(errors.NO_SUCH_ORDER):
        engine.order(BTC, order_id=gone.order_id)
    assert engine.order(BTC, client_order_id="again").is_open is False
    assert len(engine.trades(BTC, NOW, Window())) == 3
    assert len(engine.income(NOW, Window())) == 4


def test_the_oldest_finished_algo_orders_are_forgotten() -> None:
    engine = exchange(config=SMALL)
    for client_id in ("one", "two", "two"):
        arm(engine, stop(OrderType.STOP_MARKET, BUY, "0.1", "50500", client_algo_id=client_id))
        engine.cancel_algo(NOW, client_algo_id=client_id)
    with refusing(errors.NO_SUCH_ORDER):
        engine.algo(client_algo_id="one")
    assert len(engine.snapshot().algos) == 1
    assert engine.algo(client_algo_id="two").is_open is False


def test_a_forgotten_algo_order_does_not_trouble_its_order() -> None:
    engine = exchange(config=SMALL)
    arm(engine, stop(OrderType.STOP, BUY, "0.1", "50500", price=d("50400"), client_algo_id="first"))
    engine.on_tick(BTC, flat_tick("50500"), NOW)
    arm(engine, stop(OrderType.STOP_MARKET, BUY, "0.1", "51500"))
    engine.cancel_all_algos(BTC, NOW)
    engine.on_tick(BTC, moving_tick("50300", "50300", "50500"), NOW)
    assert engine.order(BTC, client_order_id="first").status is OrderStatus.FILLED


def test_many_forgotten_trades_keep_the_window_right() -> None:
    engine = exchange(config=EngineConfig(retained_trades=10))
    for number in range(2100):
        place(engine, market(SELL if number % 2 else BUY, "0.001"), NOW + number)
        engine.on_tick(BTC, flat_tick("50000"), NOW + number)
    ids = [trade.trade_id for trade in engine.trades(BTC, NOW + 3000, Window())]
    assert ids == list(range(100_002_091, 100_002_101))
