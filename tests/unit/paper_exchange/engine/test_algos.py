"""Conditional orders: what they wait for, what they become, and what is refused."""

from dataclasses import replace

import pytest

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import (
    AlgoStatus,
    OrderStatus,
    OrderType,
    PositionSide,
    PriceMatch,
    Side,
    SymbolStatus,
    TimeInForce,
    WorkingType,
)
from services.paper_exchange.engine.errors import Refusal
from services.paper_exchange.engine.events import AlgoUpdate
from services.paper_exchange.engine.requests import AlgoRequest
from tests.unit.paper_exchange.engine.scene import (
    BTC,
    BUY,
    NOW,
    SELL,
    arm,
    d,
    exchange,
    flat_tick,
    held,
    limit,
    market,
    moving_tick,
    place,
    refusing,
    stop,
)

STOP, STOP_MARKET = OrderType.STOP, OrderType.STOP_MARKET
TAKE, TAKE_MARKET = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_MARKET
TRAILING = OrderType.TRAILING_STOP_MARKET


def long(quantity: str = "0.5") -> Engine:
    engine = exchange()
    place(engine, market(BUY, quantity))
    engine.drain_events()
    engine.drain_changes()
    return engine


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "before", "at"),
    [
        (STOP_MARKET, BUY, "50500", "50499.9", "50500"),
        (STOP_MARKET, SELL, "49500", "49500.1", "49500"),
        (TAKE_MARKET, BUY, "49500", "49500.1", "49500"),
        (TAKE_MARKET, SELL, "50500", "50499.9", "50500"),
    ],
)
def test_an_algo_order_triggers_at_its_price_and_not_before(
    kind: OrderType, side: Side, trigger: str, before: str, at: str
) -> None:
    engine = exchange()
    algo = arm(engine, stop(kind, side, "0.1", trigger, client_algo_id="mine"))
    engine.on_tick(BTC, flat_tick(before), NOW + 1)
    assert engine.algo(algo_id=algo.algo_id).status is AlgoStatus.NEW
    assert engine.open_orders() == []
    engine.on_tick(BTC, flat_tick(at), NOW + 2)
    done = engine.algo(client_algo_id="mine")
    order = engine.order(BTC, order_id=done.actual_order_id)
    assert (done.status, done.trigger_ms, done.actual_qty) == (AlgoStatus.FINISHED, NOW + 2, d("0.1"))
    assert done.actual_price == order.avg_price
    assert (order.client_order_id, order.type, order.orig_type) == ("mine", OrderType.MARKET, kind)
    assert (order.stop_price, order.status) == (d(trigger), OrderStatus.FILLED)


def test_the_states_of_a_triggered_order_are_told_one_after_the_other() -> None:
    engine = exchange()
    arm(engine, stop(STOP_MARKET, BUY, "0.1", "50500"))
    engine.on_tick(BTC, flat_tick("50500"), NOW)
    told = [event.algo.status for event in engine.drain_events() if isinstance(event, AlgoUpdate)]
    assert told == [AlgoStatus.NEW, AlgoStatus.TRIGGERING, AlgoStatus.TRIGGERED, AlgoStatus.FINISHED]


def test_an_extreme_between_two_ticks_triggers_too() -> None:
    engine = long()
    arm(engine, stop(STOP_MARKET, SELL, "0.5", "49500"))
    engine.on_tick(BTC, moving_tick("49900", "49400", "50100"), NOW)
    assert held(engine).amount == 0


def test_by_mark_price_the_last_price_does_not_trigger() -> None:
    engine = long()
    algo = arm(engine, stop(STOP_MARKET, SELL, "0.5", "49500", working_type=WorkingType.MARK_PRICE))
    engine.on_tick(BTC, moving_tick("49400", "49400", "50000", "49600"), NOW)
    assert engine.algo(algo_id=algo.algo_id).is_open
    engine.on_tick(BTC, moving_tick("49600", "49600", "49600", "49500"), NOW)
    assert held(engine).amount == 0


def test_a_rising_tick_passes_its_low_first_and_a_falling_one_its_high() -> None:
    for last, expected in (("50100", STOP_MARKET), ("49900", TAKE_MARKET)):
        engine = long()
        arm(engine, stop(STOP_MARKET, SELL, None, "49000", close_position=True))
        arm(engine, stop(TAKE_MARKET, SELL, None, "51000", close_position=True))
        engine.on_tick(BTC, moving_tick(last, "48900", "51100"), NOW)
        trade = engine.snapshot().trades[-1]
        assert engine.order(BTC, order_id=trade.order_id).orig_type is expected


def test_a_stop_limit_becomes_a_resting_limit_order() -> None:
    engine = long()
    algo = arm(engine, stop(STOP, SELL, "0.5", "49500", price=d("49600"), reduce_only=True))
    engine.on_tick(BTC, flat_tick("49500"), NOW)
    (order,) = engine.open_orders()
    assert (order.type, order.price, order.reduce_only, order.algo_id) == (
        OrderType.LIMIT,
        d(49_600),
        True,
        algo.algo_id,
    )
    assert engine.algo(algo_id=algo.algo_id).status is AlgoStatus.TRIGGERED
    engine.cancel_order(BTC, NOW, order_id=order.order_id)
    assert engine.algo(algo_id=algo.algo_id).status is AlgoStatus.FINISHED


def test_a_take_profit_may_match_the_book_s_price_when_it_triggers() -> None:
    engine = long()
    arm(engine, stop(TAKE, SELL, "0.5", "50500", price_match=PriceMatch.QUEUE, reduce_only=True))
    engine.on_tick(BTC, flat_tick("50500"), NOW)
    assert engine.open_orders()[0].price == d("50500.1")


def test_close_position_closes_whatever_is_open_at_the_trigger() -> None:
    engine = long("0.1")
    algo = arm(engine, stop(STOP_MARKET, SELL, None, "49500", close_position=True))
    place(engine, market(BUY, "0.4"))
    engine.on_tick(BTC, flat_tick("49400"), NOW)
    order = engine.order(BTC, order_id=engine.algo(algo_id=algo.algo_id).actual_order_id)
    assert (order.orig_qty, order.close_position, order.reduce_only) == (d("0.5"), True, True)
    assert held(engine).amount == 0


def test_close_position_without_a_position_expires() -> None:
    engine = exchange()
    algo = arm(engine, stop(STOP_MARKET, SELL, None, "49500", close_position=True))
    engine.on_tick(BTC, flat_tick("49400"), NOW)
    assert engine.algo(algo_id=algo.algo_id).status is AlgoStatus.EXPIRED


def test_a_gte_order_expires_with_its_position() -> None:
    engine = long()
    gte = arm(engine, stop(STOP_MARKET, SELL, None, "49500", close_position=True, time_in_force=TimeInForce.GTE_GTC))
    plain = arm(engine, stop(TAKE_MARKET, SELL, None, "50500", close_position=True))
    place(engine, market(SELL, "0.2"))
    assert engine.algo(algo_id=gte.algo_id).is_open
    place(engine, market(SELL, "0.3"))
    assert engine.algo(algo_id=gte.algo_id).status is AlgoStatus.EXPIRED
    assert engine.algo(algo_id=plain.algo_id).is_open


def test_of_two_orders_due_at_one_price_the_first_may_end_the_other() -> None:
    engine = long()
    arm(engine, stop(STOP_MARKET, SELL, None, "49600", close_position=True))
    late = arm(engine, stop(STOP_MARKET, SELL, "0.5", "49500", time_in_force=TimeInForce.GTE_GTC))
    engine.on_tick(BTC, flat_tick("49400"), NOW)
    assert engine.algo(algo_id=late.algo_id).status is AlgoStatus.EXPIRED
    assert len(engine.snapshot().orders) == 2


def test_a_gte_limit_order_becomes_good_till_cancelled() -> None:
    engine = long()
    arm(engine, stop(STOP, SELL, "0.5", "49500", price=d(49_600), time_in_force=TimeInForce.GTE_GTC))
    engine.on_tick(BTC, flat_tick("49500"), NOW)
    assert engine.open_orders()[0].time_in_force is TimeInForce.GTC


def test_an_order_the_exchange_refuses_at_the_trigger_ends_rejected_with_the_reason() -> None:
    engine = exchange()
    algo = arm(engine, stop(STOP_MARKET, SELL, "0.1", "49500", reduce_only=True))
    engine.on_tick(BTC, flat_tick("49400"), NOW)
    ended = engine.algo(algo_id=algo.algo_id)
    assert (ended.status, ended.reject_reason) == (AlgoStatus.REJECTED, "ReduceOnly Order is rejected.")
    assert engine.snapshot().orders == ()


def test_price_protection_rejects_a_trigger_far_from_the_mark_price() -> None:
    engine = long()
    algo = arm(engine, stop(STOP_MARKET, SELL, "0.5", "47000", price_protect=True))
    engine.on_tick(BTC, moving_tick("46000", "46000", "46000", "49500"), NOW)
    assert engine.algo(algo_id=algo.algo_id).status is AlgoStatus.REJECTED
    calm = arm(engine, stop(STOP_MARKET, SELL, "0.5", "45000", price_protect=True))
    engine.on_tick(BTC, moving_tick("44900", "44900", "44900", "45000"), NOW)
    assert engine.algo(algo_id=calm.algo_id).status is AlgoStatus.FINISHED


@pytest.mark.parametrize(
    ("side", "path"),
    [(SELL, ["50400", "51000", "50600", "50490"]), (BUY, ["49600", "49000", "49400", "49490"])],
)
def test_a_trailing_stop_follows_the_best_price_and_triggers_on_the_way_back(side: Side, path: list[str]) -> None:
    engine = exchange()
    algo = arm(engine, stop(TRAILING, side, "0.1", None, callback_rate=d(1)))
    assert algo.activated
    for price in path[:-1]:
        engine.on_tick(BTC, flat_tick(price), NOW)
        assert engine.algo(algo_id=algo.algo_id).is_open
    assert engine.algo(algo_id=algo.algo_id).extreme == d(path[1])
    engine.on_tick(BTC, flat_tick(path[-1]), NOW)
    assert engine.algo(algo_id=algo.algo_id).status is AlgoStatus.FINISHED


def test_a_trailing_stop_with_an_activation_price_waits_for_it() -> None:
    engine = exchange()
    algo = arm(engine, stop(TRAILING, SELL, "0.1", None, callback_rate=d(1), activate_price=d(50_500)))
    engine.on_tick(BTC, flat_tick("49000"), NOW)
    assert engine.algo(algo_id=algo.algo_id) == algo
    engine.on_tick(BTC, flat_tick("50500"), NOW)
    assert engine.algo(algo_id=algo.algo_id).activated
    engine.on_tick(BTC, flat_tick("49900"), NOW)
    assert engine.algo(algo_id=algo.algo_id).status is AlgoStatus.FINISHED


GTD = TimeInForce.GTD
REFUSED = [
    (stop(OrderType.LIMIT, BUY, "0.1", "50500"), errors.BAD_ORDER_TYPE),
    (stop(STOP_MARKET, BUY, "0.1", "50500", symbol="NOPEUSDT"), errors.BAD_SYMBOL),
    (stop(STOP_MARKET, BUY, "0.1", "50500", position_side=PositionSide.LONG), errors.BAD_POSITION_SIDE),
    (stop(STOP_MARKET, BUY, "0.1", "50500", client_algo_id="a b"), errors.BAD_CLIENT_ID),
    (stop(STOP_MARKET, BUY, "0.1", "50500", client_algo_id="x" * 37), errors.CLIENT_ID_TOO_LONG),
    (stop(STOP_MARKET, BUY, "0.1", "50500", time_in_force=GTD), errors.MANDATORY_MISSING),
    (stop(STOP_MARKET, BUY, None, "50500"), errors.MANDATORY_MISSING),
    (stop(STOP_MARKET, BUY, "0.1", None), errors.MANDATORY_MISSING),
    (stop(STOP_MARKET, BUY, "0.1", "50500", price=d(1)), errors.NOT_REQUIRED),
    (stop(STOP_MARKET, BUY, "0.1", "50500", price_match=PriceMatch.QUEUE), errors.PRICE_MATCH_TYPE),
    (stop(STOP_MARKET, BUY, "0.1", "50500", time_in_force=TimeInForce.GTX), errors.BAD_TIF),
    (stop(STOP, BUY, "0.1", "50500"), errors.MANDATORY_MISSING),
    (stop(STOP, BUY, "0.1", "50500", price=d(50_600), price_match=PriceMatch.QUEUE), errors.NOT_REQUIRED),
    (stop(STOP, BUY, "0.1", "50500", price=d("50600.05")), errors.PRICE_OFF_TICK),
    (stop(STOP_MARKET, BUY, "0.1", "50500.05"), errors.PRICE_OFF_TICK),
    (stop(STOP_MARKET, BUY, "121", "50500"), errors.QUANTITY_ABOVE_MAX),
    (stop(STOP_MARKET, BUY, "0.001", "49000"), errors.NOTIONAL_TOO_SMALL),
    (stop(STOP, BUY, "0.1", "50500", price=d(50_600), close_position=True), errors.BAD_CLOSE_POSITION_TYPE),
    (stop(STOP_MARKET, BUY, "0.1", "50500", close_position=True), errors.QUANTITY_WITH_CLOSE_POSITION),
    (stop(STOP_MARKET, BUY, None, "50500", close_position=True, reduce_only=True), errors.NOT_REQUIRED),
    (
        stop(STOP_MARKET, BUY, None, "50500", close_position=True, time_in_force=TimeInForce.GTE_GTC),
        errors.GTE_WITHOUT_POSITION,
    ),
    (stop(TRAILING, BUY, "0.1", None), errors.MANDATORY_MISSING),
    (stop(TRAILING, BUY, "0.1", None, callback_rate=d("0.05")), errors.BAD_CALLBACK_RATE),
    (stop(TRAILING, BUY, "0.1", None, callback_rate=d("20.1")), errors.BAD_CALLBACK_RATE),
    (stop(TRAILING, BUY, "0.1", None, callback_rate=d(1), activate_price=d(0)), errors.BAD_ACTIVATION_PRICE),
    (stop(TRAILING, BUY, "0.1", None, callback_rate=d(1), activate_price=d(50_000)), errors.WOULD_TRIGGER),
    (stop(TRAILING, SELL, "0.1", None, callback_rate=d(1), activate_price=d(50_000)), errors.WOULD_TRIGGER),
    (stop(STOP_MARKET, BUY, "0.1", "50000"), errors.WOULD_TRIGGER),
    (stop(STOP_MARKET, SELL, "0.1", "50000"), errors.WOULD_TRIGGER),
    (stop(TAKE_MARKET, BUY, "0.1", "50000"), errors.WOULD_TRIGGER),
    (stop(TAKE_MARKET, SELL, "0.1", "50000", working_type=WorkingType.MARK_PRICE), errors.WOULD_TRIGGER),
]


@pytest.mark.parametrize(("request_", "refusal"), REFUSED)
def test_a_bad_algo_order_is_refused_with_its_code_and_changes_nothing(request_: AlgoRequest, refusal: Refusal) -> None:
    engine = exchange()
    before = engine.snapshot()
    with refusing(refusal):
        arm(engine, request_)
    assert engine.snapshot() == before


def test_a_market_without_a_price_takes_no_algo_orders_and_a_closed_one_neither() -> None:
    engine = exchange()
    engine.set_status(BTC, SymbolStatus.CLOSE, NOW)
    with refusing(errors.SYMBOL_CLOSED):
        arm(engine, stop(STOP_MARKET, BUY, "0.1", "50500"))
    fresh = Engine(engine.symbols().values())
    with refusing(errors.SYMBOL_CLOSED):
        arm(fresh, stop(STOP_MARKET, BUY, "0.1", "50500"))
    fresh.set_status(BTC, SymbolStatus.TRADING, NOW)
    with refusing(errors.EMPTY_BOOK):
        arm(fresh, stop(STOP_MARKET, BUY, "0.1", "50500"))


def test_closing_a_contract_expires_its_algo_orders() -> None:
    engine = exchange()
    algo = arm(engine, stop(STOP_MARKET, BUY, "0.1", "50500"))
    engine.set_status(BTC, SymbolStatus.CLOSE, NOW)
    assert engine.algo(algo_id=algo.algo_id).status is AlgoStatus.EXPIRED


def test_a_client_algo_id_is_unique_among_waiting_orders() -> None:
    engine = exchange()
    request = stop(STOP_MARKET, BUY, "0.1", "50500", client_algo_id="mine")
    arm(engine, request)
    with refusing(errors.DUPLICATE_CLIENT_ID):
        arm(engine, request)
    engine.cancel_algo(NOW, client_algo_id="mine")
    assert arm(engine, request).is_open


def test_a_triggered_order_whose_client_id_is_taken_is_rejected() -> None:
    engine = exchange()
    arm(engine, stop(STOP_MARKET, BUY, "0.1", "50500", client_algo_id="mine"))
    place(engine, limit(BUY, "0.1", "49000", client_order_id="mine"))
    engine.on_tick(BTC, flat_tick("50500"), NOW)
    assert engine.algo(client_algo_id="mine").reject_reason == "ClientOrderId is duplicated."


def test_the_201st_waiting_algo_order_of_the_account_is_refused() -> None:
    engine = exchange()
    for number in range(200):
        symbol, trigger = (BTC, f"{50_500 + number}") if number % 2 else ("ETHUSDT", f"{2_600 + number}")
        arm(engine, stop(STOP_MARKET, BUY, "0.1", trigger, symbol=symbol))
    with refusing(errors.MAX_ALGO_ORDERS):
        arm(engine, stop(STOP_MARKET, BUY, "0.1", "60000"))


def test_one_close_position_order_of_a_kind_and_direction() -> None:
    engine = exchange()
    request = stop(STOP_MARKET, SELL, None, "49500", close_position=True)
    arm(engine, stop(STOP_MARKET, SELL, "0.1", "49400"))
    arm(engine, request)
    with refusing(errors.CLOSE_POSITION_EXISTS):
        arm(engine, replace(request, trigger_price=d(49_400)))
    assert arm(engine, replace(request, side=BUY, trigger_price=d(50_500))).is_open


def test_cancelling_an_algo_order_works_once_and_by_either_id() -> None:
    engine = exchange()
    first = arm(engine, stop(STOP_MARKET, BUY, "0.1", "50500"))
    second = arm(engine, stop(TRAILING, BUY, "0.1", None, callback_rate=d(1), client_algo_id="tail"))
    assert engine.open_algos() == [first, second]
    assert engine.cancel_algo(NOW, algo_id=first.algo_id).status is AlgoStatus.CANCELED
    assert engine.cancel_algo(NOW, client_algo_id="tail").status is AlgoStatus.CANCELED
    assert engine.open_algos(BTC) == []
    with refusing(errors.CANCEL_REJECTED):
        engine.cancel_algo(NOW, algo_id=first.algo_id)
    with refusing(errors.EITHER_MISSING):
        engine.cancel_algo(NOW)
    with refusing(errors.NO_SUCH_ORDER):
        engine.algo(client_algo_id="unknown")
    engine.on_tick(BTC, flat_tick("52000"), NOW)
    assert engine.snapshot().orders == ()


def test_cancel_all_algos_leaves_ordinary_orders_and_other_contracts() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000"))
    arm(engine, stop(STOP_MARKET, BUY, "0.1", "50500"))
    other = arm(engine, stop(STOP_MARKET, BUY, "1", "2600", symbol="ETHUSDT"))
    assert len(engine.cancel_all_algos(BTC, NOW)) == 1
    assert (engine.open_algos(), engine.open_orders()) == ([other], [order])


def test_hedged_algo_orders_close_their_own_side() -> None:
    engine = exchange()
    engine.set_position_mode(NOW, dual_side=True)
    place(engine, market(BUY, "0.2", position_side=PositionSide.LONG))
    place(engine, market(SELL, "0.1", position_side=PositionSide.SHORT))
    arm(engine, stop(STOP_MARKET, SELL, None, "49500", close_position=True, position_side=PositionSide.LONG))
    engine.on_tick(BTC, flat_tick("49400"), NOW)
    assert held(engine, side=PositionSide.LONG).amount == 0
    assert held(engine, side=PositionSide.SHORT).amount == d("-0.1")
