"""What happens because time passes."""

import pytest

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import AlgoStatus, OrderStatus, OrderType, TimeInForce
from services.paper_exchange.engine.requests import Window
from tests.unit.paper_exchange.engine.scene import (
    BTC,
    BUY,
    ETH,
    NOW,
    RULES,
    arm,
    d,
    exchange,
    flat_tick,
    limit,
    place,
    refusing,
    stop,
)

GTD = TimeInForce.GTD
TILL = NOW + 700_000


@pytest.mark.parametrize("how", ["tick", "advance", "query"])
def test_a_gtd_order_expires_at_its_second_however_time_passes(how: str) -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000", time_in_force=GTD, good_till_ms=TILL + 345))
    assert (order.good_till_ms, engine.next_deadline_ms()) == (TILL, TILL)
    engine.advance(TILL - 1)
    assert engine.order(BTC, order_id=order.order_id).is_open
    match how:
        case "tick":
            engine.on_tick(BTC, flat_tick("50000"), TILL)
        case "advance":
            engine.advance(TILL)
        case _:
            engine.all_orders(BTC, TILL, Window())
    ended = engine.order(BTC, order_id=order.order_id)
    assert (ended.status, ended.update_ms) == (OrderStatus.EXPIRED, TILL)
    assert engine.next_deadline_ms() is None


def test_a_gtd_order_that_is_gone_already_is_left_alone() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000", time_in_force=GTD, good_till_ms=TILL))
    engine.cancel_order(BTC, NOW, order_id=order.order_id)
    engine.drain_events()
    engine.advance(TILL)
    assert engine.drain_events() == []


def test_a_gtd_algo_order_expires_before_or_after_its_trigger() -> None:
    engine = exchange()
    waits = arm(
        engine,
        stop(OrderType.STOP_MARKET, BUY, "0.1", "52000", time_in_force=GTD, good_till_ms=TILL),
    )
    rests = arm(
        engine, stop(OrderType.STOP, BUY, "0.1", "50500", price=d(49_000), time_in_force=GTD, good_till_ms=TILL)
    )
    engine.on_tick(BTC, flat_tick("50500"), NOW + 300_000)
    (order,) = engine.open_orders()
    engine.advance(TILL)
    assert engine.algo(algo_id=waits.algo_id).status is AlgoStatus.EXPIRED
    assert engine.algo(algo_id=rests.algo_id).status is AlgoStatus.FINISHED
    assert engine.order(BTC, order_id=order.order_id).status is OrderStatus.EXPIRED


def test_the_countdown_cancels_unless_it_is_renewed_or_stopped() -> None:
    engine = exchange()
    place(engine, limit(BUY, "0.1", "49000"))
    engine.countdown_cancel_all(BTC, 10_000, NOW)
    engine.countdown_cancel_all(BTC, 10_000, NOW + 5_000)
    engine.advance(NOW + 10_000)
    assert len(engine.open_orders()) == 1
    engine.countdown_cancel_all(BTC, 0, NOW + 11_000)
    engine.advance(NOW + 20_000)
    assert len(engine.open_orders()) == 1
    engine.countdown_cancel_all(BTC, 1_000, NOW + 20_000)
    engine.countdown_cancel_all(ETH, 1_000, NOW + 20_000)
    engine.advance(NOW + 21_000)
    assert engine.open_orders() == []
    assert engine.snapshot().countdowns == ()


def test_a_countdown_needs_a_contract_and_no_negative_time() -> None:
    engine = exchange()
    with refusing(errors.BAD_PARAMETER):
        engine.countdown_cancel_all(BTC, -1, NOW)
    with refusing(errors.BAD_SYMBOL):
        engine.countdown_cancel_all("NOPE", 1, NOW)


def test_the_clock_never_goes_back() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000"), NOW - 5_000)
    assert order.time_ms == NOW


def test_stale_timers_do_not_pile_up() -> None:
    engine = exchange()
    for number in range(5_000):
        engine.countdown_cancel_all(BTC, 10_000_000, NOW + number)
    place(engine, limit(BUY, "0.1", "49000", time_in_force=GTD, good_till_ms=TILL))
    assert len(engine._state.timers) < 4_200
    assert engine.next_deadline_ms() == TILL


def test_timers_survive_a_restart() -> None:
    engine = exchange()
    place(engine, limit(BUY, "0.1", "49000", time_in_force=GTD, good_till_ms=TILL))
    arm(engine, stop(OrderType.STOP_MARKET, BUY, "0.1", "52000", time_in_force=GTD, good_till_ms=TILL + 1000))
    engine.countdown_cancel_all(ETH, 900_000, NOW)
    again = Engine.restore(RULES, engine.snapshot())
    again.advance(NOW + 1_000_000)
    assert again.open_orders() == []
    assert again.open_algos() == []
    assert again.snapshot().countdowns == ()
