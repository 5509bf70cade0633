"""Leverage, margin type and modes of the account."""

from dataclasses import replace

import pytest

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.enums import MarginType, OrderType, UpdateReason
from services.paper_exchange.engine.events import AccountUpdate, ConfigUpdate
from tests.unit.paper_exchange.engine.scene import (
    BTC,
    BUY,
    ETH,
    NOW,
    arm,
    d,
    exchange,
    limit,
    market,
    place,
    refusing,
    stop,
)

CROSSED, ISOLATED = MarginType.CROSSED, MarginType.ISOLATED


def test_leverage_is_twenty_until_chosen_and_changes_the_margin_at_once() -> None:
    engine = exchange()
    assert engine.settings(BTC).leverage == 20
    place(engine, market(BUY, "0.1"))
    engine.drain_events()
    assert engine.set_leverage(BTC, 10, NOW).leverage == 10
    assert engine.account().initial_margin == 500
    assert engine.drain_events() == [ConfigUpdate(NOW, BTC, 10)]
    assert engine.settings(ETH).leverage == 20


@pytest.mark.parametrize("leverage", [0, -1, 126])
def test_a_leverage_the_contract_does_not_offer_is_refused(leverage: int) -> None:
    with refusing(errors.BAD_LEVERAGE):
        exchange().set_leverage(BTC, leverage, NOW)


def test_leverage_cannot_shrink_the_bracket_below_the_position() -> None:
    engine = exchange()
    place(engine, market(BUY, "2"))
    with refusing(errors.MAX_POSITION):
        engine.set_leverage(BTC, 125, NOW)


def test_leverage_cannot_be_lowered_beyond_the_margin_there_is() -> None:
    engine = exchange(wallet="1000")
    place(engine, market(BUY, "0.2"))
    with refusing(errors.LEVERAGE_TOO_SMALL):
        engine.set_leverage(BTC, 5, NOW)


def test_isolated_leverage_goes_up_but_not_down_with_a_position() -> None:
    engine = exchange()
    engine.set_margin_type(BTC, ISOLATED, NOW)
    place(engine, market(BUY, "0.1"))
    with refusing(errors.ISOLATED_LEVERAGE_REDUCTION):
        engine.set_leverage(BTC, 10, NOW)
    assert engine.set_leverage(BTC, 50, NOW).leverage == 50


def test_a_bracket_that_is_full_takes_no_more() -> None:
    engine = exchange(wallet="1000000")
    engine.set_leverage(BTC, 125, NOW)
    place(engine, market(BUY, "0.9"))
    with refusing(errors.MAX_POSITION):
        place(engine, limit(BUY, "0.2", "49000"))


def test_the_margin_type_changes_only_without_orders_and_positions() -> None:
    engine = exchange()
    with refusing(errors.SAME_MARGIN_TYPE):
        engine.set_margin_type(BTC, CROSSED, NOW)
    order = place(engine, limit(BUY, "0.1", "49000"))
    with refusing(errors.MARGIN_TYPE_OPEN_ORDERS):
        engine.set_margin_type(BTC, ISOLATED, NOW)
    engine.cancel_order(BTC, NOW, order_id=order.order_id)
    algo = arm(engine, stop(OrderType.STOP_MARKET, BUY, "0.1", "50500"))
    with refusing(errors.MARGIN_TYPE_OPEN_ORDERS):
        engine.set_margin_type(BTC, ISOLATED, NOW)
    engine.cancel_algo(NOW, algo_id=algo.algo_id)
    place(engine, market(BUY, "0.1"))
    with refusing(errors.MARGIN_TYPE_POSITION):
        engine.set_margin_type(BTC, ISOLATED, NOW)
    engine.drain_events()
    assert engine.set_margin_type(ETH, ISOLATED, NOW).margin_type is ISOLATED
    (event,) = engine.drain_events()
    assert isinstance(event, AccountUpdate)
    assert (event.reason, event.balances, event.positions[0].margin_type) == (
        UpdateReason.MARGIN_TYPE_CHANGE,
        (),
        ISOLATED,
    )


def test_the_position_mode_changes_only_without_orders_and_positions() -> None:
    engine = exchange()
    with refusing(errors.SAME_POSITION_MODE):
        engine.set_position_mode(NOW, dual_side=False)
    order = place(engine, limit(BUY, "0.1", "49000"))
    with refusing(errors.POSITION_MODE_OPEN_ORDERS):
        engine.set_position_mode(NOW, dual_side=True)
    engine.cancel_order(BTC, NOW, order_id=order.order_id)
    place(engine, market(BUY, "0.1"))
    with refusing(errors.POSITION_MODE_POSITION):
        engine.set_position_mode(NOW, dual_side=True)
    other = exchange()
    other.set_position_mode(NOW, dual_side=True)
    assert other.account_row().dual_side
    assert len(other.positions(all_symbols=True)) == 4
    other.set_position_mode(NOW, dual_side=False)
    assert len(other.positions(all_symbols=True)) == 2


def test_multi_assets_and_isolated_margin_exclude_each_other() -> None:
    engine = exchange()
    with refusing(errors.SAME_MULTI_ASSETS):
        engine.set_multi_assets(NOW, enabled=False)
    order = place(engine, replace(limit(BUY, "1", "2400"), symbol=ETH))
    with refusing(errors.MULTI_ASSETS_OPEN_ORDERS):
        engine.set_multi_assets(NOW, enabled=True)
    engine.cancel_order(ETH, NOW, order_id=order.order_id)
    engine.drain_events()
    engine.set_multi_assets(NOW, enabled=True)
    assert engine.drain_events() == [ConfigUpdate(NOW, multi_assets=True)]
    assert engine.account().multi_assets
    with refusing(errors.ISOLATED_MULTI_ASSETS):
        engine.set_margin_type(BTC, ISOLATED, NOW)
    engine.set_multi_assets(NOW, enabled=False)
    engine.set_margin_type(BTC, ISOLATED, NOW)
    with refusing(errors.MULTI_ASSETS_ISOLATED):
        engine.set_multi_assets(NOW, enabled=True)


def test_an_unknown_contract_is_refused_everywhere() -> None:
    engine = exchange()
    for call in (
        lambda: engine.settings("NOPE"),
        lambda: engine.rules("NOPE"),
        lambda: engine.market("NOPE"),
        lambda: engine.positions("NOPE"),
        lambda: engine.set_leverage("NOPE", 1, NOW),
        lambda: engine.open_orders("NOPE"),
        lambda: engine.open_algos("NOPE"),
        lambda: engine.cancel_all("NOPE", NOW),
        lambda: engine.apply_funding("NOPE", d(0), d(1), NOW),
    ):
        with refusing(errors.BAD_SYMBOL):
            call()
