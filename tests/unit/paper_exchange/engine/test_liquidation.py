"""Liquidation, deleveraging, funding, and the money that moves without a trade."""

from dataclasses import replace

import pytest

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import (
    AlgoStatus,
    ExecType,
    ExpireReason,
    IncomeType,
    MarginType,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
    UpdateReason,
)
from services.paper_exchange.engine.events import AccountUpdate, MarginCall, OrderUpdate
from services.paper_exchange.engine.records import Income
from services.paper_exchange.engine.requests import Window
from tests.unit.paper_exchange.engine.scene import (
    BTC,
    BUY,
    ETH,
    NOW,
    RULES,
    SELL,
    arm,
    d,
    events_of,
    exchange,
    flat_tick,
    held,
    levels,
    limit,
    market,
    place,
    refusing,
    stop,
)

BOTH = PositionSide.BOTH


def income_of(engine: Engine, kind: IncomeType) -> list[Income]:
    return engine.income(NOW, Window(limit=1000), income_type=kind)


def indebted(wallet: str = "600", quantity: str = "0.2") -> Engine:
    engine = exchange(wallet=wallet)
    place(engine, market(BUY, quantity))
    engine.drain_events()
    return engine


def test_a_position_is_liquidated_when_the_mark_price_reaches_its_liquidation_price() -> None:
    engine = indebted()
    price = engine.positions()[0].liquidation_price
    engine.on_tick(BTC, flat_tick(price.quantize(d("0.1")) + d("0.1")), NOW + 1)
    assert held(engine).amount == d("0.2")
    engine.on_tick(BTC, flat_tick(price.quantize(d("0.1")) - d("0.1")), NOW + 2)
    assert held(engine).amount == 0
    assert engine.account().wallet_balance >= 0


def test_a_liquidation_is_told_as_the_exchange_s_own_order_and_pays_the_fund() -> None:
    engine = indebted()
    price = engine.positions()[0].liquidation_price.quantize(d("0.1")) - d("0.1")
    engine.on_tick(BTC, flat_tick(price), NOW + 1)
    updates = [event for event in engine.drain_events() if isinstance(event, OrderUpdate)]
    order = updates[-1].order
    assert [event.exec_type for event in updates] == [ExecType.NEW, ExecType.CALCULATED]
    assert order.client_order_id == f"autoclose-{order.order_id}"
    assert (order.type, order.time_in_force, order.status) == (
        OrderType.LIQUIDATION,
        TimeInForce.IOC,
        OrderStatus.FILLED,
    )
    (paid,) = income_of(engine, IncomeType.INSURANCE_CLEAR)
    assert -paid.income <= order.cum_quote * RULES[0].liquidation_fee
    assert engine.account().wallet_balance == 0


def test_the_liquidation_fee_is_whole_where_enough_is_left() -> None:
    engine = exchange(wallet="600000")
    engine.set_leverage(ETH, 5, NOW)
    place(engine, market(BUY, "1000", symbol=ETH))
    engine.on_tick(ETH, flat_tick("1955", size="1000"), NOW + 1)
    (paid,) = income_of(engine, IncomeType.INSURANCE_CLEAR)
    assert paid.income == -d("1954.9") * 1000 * RULES[1].liquidation_fee
    assert engine.account().wallet_balance > 0
    assert engine.snapshot().trades[-1].commission == 0


def test_open_orders_are_cancelled_before_a_liquidation() -> None:
    engine = exchange(wallet="700")
    place(engine, market(BUY, "0.2"))
    order = place(engine, limit(BUY, "0.01", "40000"))
    waiting = arm(
        engine, stop(OrderType.STOP_MARKET, SELL, None, "40000", close_position=True, time_in_force=TimeInForce.GTE_GTC)
    )
    engine.on_tick(BTC, flat_tick("46600"), NOW + 1)
    assert held(engine).amount == 0
    assert engine.order(BTC, order_id=order.order_id).expire_reason is ExpireReason.LIQUIDATION
    assert engine.algo(algo_id=waiting.algo_id).status is AlgoStatus.EXPIRED


def test_a_gap_beyond_bankruptcy_is_the_insurance_fund_s_loss() -> None:
    engine = indebted()
    engine.on_tick(BTC, flat_tick("30000"), NOW + 1)
    assert held(engine).amount == 0
    assert engine.account().wallet_balance == 0
    assert sum(row.income for row in engine.snapshot().income) == 0


def test_a_thin_book_takes_what_it_can_and_the_fund_the_rest() -> None:
    engine = indebted()
    price = engine.positions()[0].liquidation_price.quantize(d("0.1")) - d("0.1")
    thin = flat_tick(price)._replace(bids=levels((str(price), "0.05")))
    engine.on_tick(BTC, thin, NOW + 1)
    trades = engine.snapshot().trades[1:]
    assert [trade.qty for trade in trades] == [d("0.05"), d("0.15")]
    assert trades[1].price < trades[0].price


def test_a_short_is_liquidated_on_the_way_up() -> None:
    engine = exchange(wallet="600")
    place(engine, market(SELL, "0.2"))
    engine.on_tick(BTC, flat_tick("53000"), NOW + 1)
    assert held(engine).amount == 0
    assert engine.account().wallet_balance >= 0


def test_cross_positions_go_worst_first_until_the_margin_suffices() -> None:
    cheap = tuple(replace(rules, liquidation_fee=d("0.001")) for rules in RULES)
    engine = Engine.restore(cheap, exchange(wallet="1000").snapshot())
    engine.on_tick(BTC, flat_tick("50000"), NOW)
    engine.on_tick(ETH, flat_tick("2500"), NOW)
    place(engine, market(BUY, "0.2"))
    place(engine, market(BUY, "1", symbol=ETH))
    engine.on_tick(BTC, flat_tick("45200"), NOW + 1)
    assert held(engine).amount == 0
    assert held(engine, ETH).amount == 1
    engine = exchange(wallet="1000")
    place(engine, market(BUY, "0.2"))
    place(engine, market(BUY, "1", symbol=ETH))
    engine.on_tick(BTC, flat_tick("40000"), NOW + 1)
    assert (held(engine).amount, held(engine, ETH).amount) == (d(0), d(0))
    assert engine.account().wallet_balance == 0


def test_nothing_is_liquidated_while_a_mark_price_is_unknown() -> None:
    engine = exchange(wallet="1000")
    place(engine, market(BUY, "0.2"))
    place(engine, market(BUY, "1", symbol=ETH))
    again = Engine.restore(RULES, engine.snapshot())
    again.on_tick(BTC, flat_tick("40000"), NOW + 1)
    assert held(again).amount == d("0.2")
    again.on_tick(ETH, flat_tick("2500"), NOW + 2)
    assert held(again).amount == 0


def test_an_isolated_position_loses_its_own_margin_only() -> None:
    engine = exchange(wallet="1000")
    engine.set_margin_type(BTC, MarginType.ISOLATED, NOW)
    place(engine, market(BUY, "0.1"))
    order = place(engine, limit(BUY, "0.01", "45000"))
    cross = engine.account().cross_wallet
    engine.on_tick(BTC, flat_tick("47600"), NOW + 1)
    assert held(engine).amount == 0
    assert engine.account().cross_wallet == cross
    assert engine.order(BTC, order_id=order.order_id).expire_reason is ExpireReason.LIQUIDATION


def test_an_isolated_gap_costs_no_more_than_its_margin() -> None:
    engine = exchange(wallet="1000")
    engine.set_margin_type(BTC, MarginType.ISOLATED, NOW)
    place(engine, market(SELL, "0.1"))
    cross = engine.account().cross_wallet
    engine.on_tick(BTC, flat_tick("70000"), NOW + 1)
    assert engine.account().cross_wallet >= cross
    assert engine.account().cross_wallet - cross < d("0.05")


def test_a_flat_account_that_owes_is_covered_by_the_fund() -> None:
    engine = exchange(wallet="300")
    engine.set_leverage(BTC, 50, NOW)
    place(engine, market(BUY, "0.2"))
    dear = flat_tick("50000")._replace(bids=levels(("47500", "10")))
    engine.on_tick(BTC, dear, NOW + 1)
    place(engine, market(SELL, "0.2"), NOW + 1)
    assert engine.account().wallet_balance == 0
    assert income_of(engine, IncomeType.INSURANCE_CLEAR)[-1].income > 0


def test_a_margin_call_is_told_once_until_the_risk_has_passed() -> None:
    engine = indebted()
    engine.on_tick(BTC, flat_tick("47250"), NOW + 1)
    (call,) = events_of(engine, MarginCall)
    assert isinstance(call, MarginCall)
    assert (call.positions[0].symbol, call.positions[0].mark_price) == (BTC, d(47_250))
    engine.on_tick(BTC, flat_tick("47249"), NOW + 2)
    assert events_of(engine, MarginCall) == []
    engine.on_tick(BTC, flat_tick("49000"), NOW + 3)
    engine.on_tick(BTC, flat_tick("47250"), NOW + 4)
    assert len(events_of(engine, MarginCall)) == 1


def test_auto_deleveraging_takes_a_part_off_at_the_mark_price() -> None:
    engine = indebted("5000")
    order = engine.adl(BTC, BOTH, d("0.15"), NOW)
    assert (order.client_order_id, order.status, order.avg_price) == ("adl_autoclose", OrderStatus.FILLED, d(50_000))
    assert held(engine).amount == d("0.05")
    with refusing(errors.POSITION_NOT_SUFFICIENT):
        engine.adl(BTC, BOTH, d("0.1"), NOW)


@pytest.mark.parametrize(("side", "fee"), [(BUY, "-1.01"), (SELL, "1.01")])
def test_funding_moves_between_longs_and_shorts(side: Side, fee: str) -> None:
    engine = exchange()
    place(engine, market(side, "0.2"))
    before = engine.account().wallet_balance
    engine.drain_events()
    engine.apply_funding(BTC, d("0.0001"), d(50_500), NOW)
    assert engine.account().wallet_balance - before == d(fee)
    (event,) = engine.drain_events()
    assert isinstance(event, AccountUpdate)
    assert (event.reason, event.symbol, event.positions) == (UpdateReason.FUNDING_FEE, BTC, ())
    assert event.balances[0].balance_change == d(fee)
    assert income_of(engine, IncomeType.FUNDING_FEE)[0].income == d(fee)


def test_an_isolated_position_pays_funding_from_its_margin_and_is_named() -> None:
    engine = exchange()
    engine.set_margin_type(BTC, MarginType.ISOLATED, NOW)
    place(engine, market(BUY, "0.2"))
    margin, cross = held(engine).isolated_wallet, engine.account().cross_wallet
    engine.drain_events()
    engine.apply_funding(BTC, d("0.0001"), d(50_000), NOW)
    assert held(engine).isolated_wallet == margin - 1
    assert engine.account().cross_wallet == cross
    (event,) = engine.drain_events()
    assert isinstance(event, AccountUpdate)
    assert event.positions[0].isolated_wallet == margin - 1


def test_no_position_no_funding() -> None:
    engine = exchange()
    engine.apply_funding(BTC, d("0.0001"), d(50_000), NOW)
    assert engine.drain_events() == []


def test_money_comes_and_goes_but_not_what_is_in_use() -> None:
    engine = exchange(wallet="1000")
    engine.transfer(d("500.123456789"), NOW)
    assert engine.account().wallet_balance == d("1500.12345678")
    place(engine, market(BUY, "0.2"))
    free = engine.account().max_withdraw
    with refusing(errors.INSUFFICIENT_BALANCE):
        engine.transfer(-free - d("0.01"), NOW)
    engine.drain_events()
    engine.transfer(-free, NOW)
    (event,) = engine.drain_events()
    assert isinstance(event, AccountUpdate)
    assert (event.reason, event.balances[0].balance_change) == (UpdateReason.WITHDRAW, -free)
    for amount in ("NaN", "1e13"):
        with refusing(errors.BAD_PARAMETER):
            engine.transfer(d(amount), NOW)


def test_unrealized_profit_can_be_traded_with_but_not_withdrawn() -> None:
    engine = indebted("600")
    engine.on_tick(BTC, flat_tick("51000"), NOW)
    account = engine.account()
    assert account.available_balance > account.max_withdraw
    assert account.max_withdraw == account.cross_wallet - account.initial_margin
