"""Ordinary orders: what each type does in the market, and what the exchange refuses."""

from dataclasses import replace

import pytest

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import (
    ExpireReason,
    OrderStatus,
    OrderType,
    PositionSide,
    PriceMatch,
    Side,
    SymbolStatus,
    TimeInForce,
)
from services.paper_exchange.engine.errors import ExchangeError, Refusal
from services.paper_exchange.engine.requests import OrderRequest
from tests.unit.paper_exchange.engine.scene import (
    BTC,
    BUY,
    NOW,
    RULES,
    SELL,
    d,
    exchange,
    flat_tick,
    held,
    levels,
    limit,
    market,
    moving_tick,
    place,
    refusing,
)

IOC, FOK, GTX, GTD = TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX, TimeInForce.GTD
LADDER = flat_tick("50000")._replace(
    bids=levels(("49999.9", "1"), ("49990", "2"), ("47000", "50")),
    asks=levels(("50000.1", "1"), ("50010", "2"), ("53000", "50")),
)


def ladder() -> Engine:
    engine = exchange(wallet="10000000")
    engine.on_tick(BTC, LADDER, NOW)
    return engine


def test_a_market_order_takes_level_by_level() -> None:
    order = place(ladder(), market(BUY, "2"))
    assert (order.status, order.executed_qty, order.cum_quote) == (OrderStatus.FILLED, d(2), d("100010.1"))
    assert order.avg_price == d("50005.05")


def test_a_market_order_stops_at_its_bound_and_expires_the_rest() -> None:
    order = place(ladder(), market(BUY, "5"))
    assert (order.status, order.executed_qty) == (OrderStatus.EXPIRED, d(3))
    assert order.expire_reason is ExpireReason.MARKET_REMAINDER


def test_what_was_taken_is_gone_until_the_next_tick() -> None:
    engine = ladder()
    place(engine, market(SELL, "3"))
    with refusing(errors.BOOK_OUT_OF_BOUNDS):
        place(engine, market(SELL, "1"))
    assert engine.market(BTC).bids == levels(("47000", "50"))
    engine.on_tick(BTC, LADDER, NOW + 1)
    assert place(engine, market(SELL, "1"), NOW + 1).avg_price == d("49999.9")


def test_a_market_without_a_tick_has_no_orders_on_its_book() -> None:
    engine = Engine(RULES)
    engine.transfer(d(1000), NOW)
    with refusing(errors.EMPTY_BOOK):
        place(engine, market(BUY, "0.01"))
    assert engine.market(BTC).last is None


def test_a_crossing_limit_order_fills_at_the_better_prices_and_rests_with_what_is_left() -> None:
    engine = ladder()
    order = place(engine, limit(BUY, "4", "50010"))
    assert (order.status, order.executed_qty, order.avg_price) == (
        OrderStatus.PARTIALLY_FILLED,
        d(3),
        d("150020.1") / 3,
    )
    assert engine.open_orders(BTC) == [order]
    assert engine.positions(BTC)[0].bid_notional == d(50_010)


def test_an_ioc_order_expires_what_it_cannot_have_at_once() -> None:
    order = place(ladder(), limit(BUY, "2", "50000.1", time_in_force=IOC))
    assert (order.status, order.executed_qty) == (OrderStatus.EXPIRED, d(1))
    assert order.expire_reason is ExpireReason.IOC_REMAINDER
    untouched = place(ladder(), limit(BUY, "2", "49000", time_in_force=IOC))
    assert (untouched.status, untouched.executed_qty) == (OrderStatus.EXPIRED, d(0))


def test_a_fok_order_fills_whole_or_leaves_no_trace() -> None:
    engine = ladder()
    assert place(engine, limit(BUY, "3", "50010", time_in_force=FOK)).status is OrderStatus.FILLED
    before = engine.snapshot()
    with refusing(errors.FILL_OR_KILL):
        place(engine, limit(SELL, "4", "49990", time_in_force=FOK))
    assert engine.snapshot() == before


def test_a_post_only_order_rests_or_is_refused() -> None:
    engine = ladder()
    assert place(engine, limit(BUY, "1", "50000.0", time_in_force=GTX)).status is OrderStatus.NEW
    with refusing(errors.POST_ONLY):
        place(engine, limit(BUY, "1", "50000.1", time_in_force=GTX))
    with refusing(errors.POST_ONLY):
        place(engine, limit(SELL, "1", "50000.0", time_in_force=GTX))


def test_a_resting_order_fills_as_maker_when_the_market_passes_it() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49900"))
    engine.on_tick(BTC, moving_tick("49950", "49900", "50000"), NOW + 1)
    assert engine.order(BTC, order_id=order.order_id).status is OrderStatus.NEW
    engine.on_tick(BTC, moving_tick("49950", "49899.9", "49950"), NOW + 2)
    filled = engine.order(BTC, order_id=order.order_id)
    assert (filled.status, filled.avg_price, filled.update_ms) == (OrderStatus.FILLED, d(49_900), NOW + 2)
    (trade,) = engine.snapshot().trades
    assert (trade.maker, trade.commission) == (True, d("0.998"))


def test_a_resting_order_fills_as_far_as_a_crossing_book_goes() -> None:
    engine = exchange()
    order = place(engine, limit(SELL, "1", "50100"))
    crossing = flat_tick("50090")._replace(bids=levels(("50110", "0.3"), ("50100", "0.2"), ("50080", "9")))
    engine.on_tick(BTC, crossing, NOW + 1)
    part = engine.order(BTC, order_id=order.order_id)
    assert (part.executed_qty, part.avg_price) == (d("0.5"), d(50_100))
    assert engine.positions(BTC)[0].ask_notional == d("0.5") * 50_100


def test_resting_orders_trade_by_price_and_then_by_time() -> None:
    engine = exchange()
    worse = place(engine, limit(BUY, "0.1", "49800"))
    first = place(engine, limit(BUY, "0.1", "49900"))
    second = place(engine, limit(BUY, "0.1", "49900"))
    engine.on_tick(BTC, moving_tick("49790", "49790", "49790"), NOW + 1)
    traded = [trade.order_id for trade in engine.snapshot().trades]
    assert traded == [first.order_id, second.order_id, worse.order_id]


def test_the_path_of_a_falling_tick_fills_sells_before_buys() -> None:
    engine = exchange()
    buy, sell = place(engine, limit(BUY, "0.1", "49900")), place(engine, limit(SELL, "0.1", "50100"))
    engine.on_tick(BTC, moving_tick("49950", "49000", "51000"), NOW + 1)
    assert [trade.order_id for trade in engine.snapshot().trades] == [sell.order_id, buy.order_id]


@pytest.mark.parametrize(
    ("match", "side", "price"),
    [
        (PriceMatch.OPPONENT, BUY, "50000.1"),
        (PriceMatch.OPPONENT, SELL, "49999.9"),
        (PriceMatch.QUEUE, BUY, "49999.9"),
        (PriceMatch.QUEUE, SELL, "50000.1"),
    ],
)
def test_price_match_takes_its_price_from_the_book(match: PriceMatch, side: Side, price: str) -> None:
    order = place(ladder(), limit(side, "0.1", "1", price=None, price_match=match))
    assert (order.price, order.price_match) == (d(price), match)


def test_price_match_counts_levels_and_is_refused_where_they_end() -> None:
    engine = ladder()
    deep = tuple((d(49_999 - number), d(1)) for number in range(6))
    engine.on_tick(BTC, LADDER._replace(bids=deep), NOW)
    assert place(engine, limit(BUY, "1", "1", price=None, price_match=PriceMatch.QUEUE_5)).price == 49_995
    with refusing(errors.NO_DEPTH_FOR_PRICE_MATCH):
        place(engine, limit(BUY, "1", "1", price=None, price_match=PriceMatch.QUEUE_10))


REFUSED = [
    (market(BUY, "1", symbol="NOPEUSDT"), errors.BAD_SYMBOL),
    (market(BUY, "1", type=OrderType.STOP_MARKET), errors.ALGO_ENDPOINT_NEEDED),
    (market(BUY, "1", type=OrderType.TRAILING_STOP_MARKET), errors.ALGO_ENDPOINT_NEEDED),
    (market(BUY, "1", type=OrderType.LIQUIDATION), errors.BAD_ORDER_TYPE),
    (market(BUY, "1", quantity=None), errors.MANDATORY_MISSING),
    (market(BUY, "1", time_in_force=IOC), errors.NOT_REQUIRED),
    (market(BUY, "1", price=d(1)), errors.NOT_REQUIRED),
    (market(BUY, "1", price_match=PriceMatch.QUEUE), errors.PRICE_MATCH_TYPE),
    (market(BUY, "1", position_side=PositionSide.LONG), errors.BAD_POSITION_SIDE),
    (market(BUY, "1", client_order_id="a b"), errors.BAD_CLIENT_ID),
    (market(BUY, "0"), errors.QUANTITY_BELOW_ZERO),
    (market(BUY, "121"), errors.QUANTITY_ABOVE_MAX),
    (market(BUY, "0.0005"), errors.BAD_PRECISION),
    (market(BUY, "110"), errors.MAX_POSITION),
    (market(BUY, "41"), errors.INSUFFICIENT_MARGIN),
    (market(SELL, "1", reduce_only=True), errors.REDUCE_ONLY_REJECTED),
    (limit(BUY, "1", "50000", time_in_force=None), errors.MANDATORY_MISSING),
    (limit(BUY, "1", "50000", time_in_force=TimeInForce.GTE_GTC), errors.BAD_TIF),
    (limit(BUY, "1", "50000", price=None), errors.MANDATORY_MISSING),
    (limit(BUY, "1", "50000", price_match=PriceMatch.QUEUE), errors.NOT_REQUIRED),
    (limit(BUY, "1", "50000.05"), errors.PRICE_OFF_TICK),
    (limit(BUY, "1", "500"), errors.PRICE_BELOW_MIN),
    (limit(BUY, "1", "52500.1"), errors.PRICE_ABOVE_MULTIPLIER),
    (limit(SELL, "1", "47499.9"), errors.PRICE_BELOW_MULTIPLIER),
    (limit(BUY, "0.001", "49999"), errors.NOTIONAL_TOO_SMALL),
    (limit(BUY, "1", "50000", time_in_force=GTD), errors.MANDATORY_MISSING),
    (limit(BUY, "1", "50000", time_in_force=GTD, good_till_ms=NOW + 600_000), errors.BAD_GOOD_TILL_DATE),
    (limit(BUY, "1", "50000", time_in_force=GTD, good_till_ms=253402300799000), errors.BAD_GOOD_TILL_DATE),
    (limit(BUY, "1", "50000", good_till_ms=NOW + 700_000), errors.NOT_REQUIRED),
]


@pytest.mark.parametrize(("request_", "refusal"), REFUSED)
def test_a_bad_order_is_refused_with_its_code_and_changes_nothing(request_: OrderRequest, refusal: Refusal) -> None:
    engine = exchange()
    before = engine.snapshot()
    with refusing(refusal):
        engine.test_order(request_, NOW)
    with refusing(refusal):
        place(engine, request_)
    assert engine.snapshot() == before
    assert not engine.drain_changes()
    assert engine.drain_events() == []


def test_a_test_order_that_passes_leaves_no_trace() -> None:
    engine = exchange()
    engine.test_order(market(BUY, "1"), NOW)
    assert not engine.drain_changes()


def test_a_client_id_is_unique_among_open_orders_only() -> None:
    engine = exchange()
    first = place(engine, limit(BUY, "0.1", "49000", client_order_id="mine"))
    with refusing(errors.DUPLICATE_CLIENT_ID):
        place(engine, market(BUY, "0.1", client_order_id="mine"))
    engine.cancel_order(BTC, NOW, client_order_id="mine")
    second = place(engine, market(BUY, "0.1", client_order_id="mine"))
    third = place(engine, market(BUY, "0.1", client_order_id="mine"))
    assert first.order_id < second.order_id < third.order_id
    assert engine.order(BTC, client_order_id="mine") == third
    assert engine.order(BTC, order_id=first.order_id).status is OrderStatus.CANCELED


def test_the_201st_open_order_of_a_contract_is_refused() -> None:
    engine = exchange()
    for number in range(200):
        place(engine, limit(BUY, "0.002", f"{49000 - number}"))
    with refusing(errors.MAX_OPEN_ORDERS):
        place(engine, limit(BUY, "0.002", "40000"))


def test_cancelling_frees_the_margin_and_works_once() -> None:
    engine = exchange()
    free = engine.account().available_balance
    order = place(engine, limit(BUY, "1", "49000"))
    assert engine.account().available_balance == free - 2450
    assert engine.account().open_order_initial_margin == 2450
    cancelled = engine.cancel_order(BTC, NOW + 5, order_id=order.order_id)
    assert (cancelled.status, cancelled.update_ms) == (OrderStatus.CANCELED, NOW + 5)
    assert engine.account().available_balance == free
    with refusing(errors.CANCEL_REJECTED):
        engine.cancel_order(BTC, NOW, order_id=order.order_id)
    with refusing(errors.CANCEL_REJECTED):
        engine.cancel_order(BTC, NOW, client_order_id="unknown")
    with refusing(errors.EITHER_MISSING):
        engine.cancel_order(BTC, NOW)


def test_cancel_all_takes_the_orders_of_one_contract_only() -> None:
    engine = exchange()
    orders = [place(engine, limit(BUY, "0.1", price)) for price in ("49000", "49100")]
    other = place(engine, replace(limit(BUY, "1", "2400"), symbol="ETHUSDT"))
    assert [order.order_id for order in engine.cancel_all(BTC, NOW)] == [order.order_id for order in orders]
    assert engine.open_orders() == [other]


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(SymbolStatus.CLOSE, errors.SYMBOL_CLOSED), (SymbolStatus.TRADING_HALT, errors.CANNOT_OPEN_NOW)],
)
def test_a_contract_that_does_not_trade_takes_no_orders(status: SymbolStatus, refusal: Refusal) -> None:
    engine = exchange()
    engine.set_status(BTC, status, NOW)
    with refusing(refusal):
        place(engine, market(BUY, "0.1"))
    assert engine.symbols()[BTC].status is status
    assert engine.rules(BTC).status is status


def test_closing_a_contract_expires_its_orders() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000"))
    engine.set_status(BTC, SymbolStatus.TRADING_HALT, NOW)
    assert engine.open_order(BTC, order_id=order.order_id) == order
    engine.set_status(BTC, SymbolStatus.CLOSE, NOW)
    assert engine.order(BTC, order_id=order.order_id).expire_reason is ExpireReason.DELISTED


def test_a_market_order_of_the_whole_balance_leaves_no_margin_for_another() -> None:
    engine = exchange(wallet="1000")
    place(engine, market(BUY, "0.39"))
    with refusing(errors.INSUFFICIENT_MARGIN):
        place(engine, market(BUY, "0.01"))
    closing = place(engine, market(SELL, "0.39"))
    assert closing.status is OrderStatus.FILLED
    assert held(engine).amount == 0


def test_an_order_that_loses_at_once_needs_the_loss_as_well() -> None:
    engine = exchange(wallet="260")
    place(engine, limit(BUY, "0.1", "50000"))
    engine.cancel_all(BTC, NOW)
    with refusing(errors.INSUFFICIENT_MARGIN):
        place(engine, limit(BUY, "0.1", "51000"))


def test_an_unpriced_market_takes_limit_orders_by_their_own_price() -> None:
    engine = Engine(RULES)
    engine.transfer(d(10_000), NOW)
    assert place(engine, limit(SELL, "0.1", "50000")).status is OrderStatus.NEW
    with refusing(errors.INSUFFICIENT_MARGIN):
        place(engine, limit(BUY, "50", "50000"))


def test_an_error_reads_as_code_and_text() -> None:
    error = ExchangeError(-1121, "Invalid symbol.")
    assert (str(error), error.code, error.msg, error.http_status) == ("-1121: Invalid symbol.", -1121, error.msg, 400)
