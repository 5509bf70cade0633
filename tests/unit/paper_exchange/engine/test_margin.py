"""The formulas, against the numbers the exchange publishes."""

from decimal import Decimal

import pytest

from services.paper_exchange.engine import margin
from services.paper_exchange.engine.defaults import default_rules
from services.paper_exchange.engine.digits import ceil_to, floor_to, trunc8
from services.paper_exchange.engine.margin import Leg
from services.paper_exchange.engine.rules import SymbolRules
from tests.unit.paper_exchange.engine.scene import BTC, ETH, d

ETH_RULES, BTC_RULES = default_rules(ETH, d(1456)), default_rules(BTC, d(32481))
ETH_LEG, BTC_LEG = Leg(d("3683.979"), d("1456.84")), Leg(d("109.488"), d("32481.98"))
WALLET = d("1535443.01")
CENT = d("0.01")


@pytest.mark.parametrize(
    ("rules", "leg", "published"), [(ETH_RULES, ETH_LEG, "1114.78"), (BTC_RULES, BTC_LEG, "18778.73")]
)
def test_the_published_liquidation_prices_of_one_position_are_reproduced(
    rules: SymbolRules, leg: Leg, published: str
) -> None:
    assert margin.liquidation_price(WALLET, d(0), (leg,), rules).quantize(CENT) == d(published)


@pytest.mark.parametrize(
    ("rules", "leg", "other_rules", "other", "other_mark", "published"),
    [
        (ETH_RULES, ETH_LEG, BTC_RULES, BTC_LEG, "31967.27", "1153.26"),
        (BTC_RULES, BTC_LEG, ETH_RULES, ETH_LEG, "1335.18", "26316.89"),
    ],
)
def test_the_published_liquidation_prices_of_two_cross_positions_are_reproduced(
    rules: SymbolRules, leg: Leg, other_rules: SymbolRules, other: Leg, other_mark: str, published: str
) -> None:
    notional = other.amount * d(other_mark)
    maint = margin.maintenance_margin(notional, other_rules.bracket_of(notional))
    others = margin.unrealized_pnl(other.amount, other.entry, d(other_mark)) - maint
    assert margin.liquidation_price(WALLET, others, (leg,), rules).quantize(CENT) == d(published)


def test_the_bracket_tables_of_the_examples_have_the_published_ratios_and_cums() -> None:
    eth, btc = ETH_RULES.bracket_of(d("4918735.4")), BTC_RULES.bracket_of(d(3_500_000))
    assert (eth.maint_ratio, eth.cum) == (d("0.1"), d(135_365))
    assert (btc.maint_ratio, btc.cum) == (d("0.025"), d(16_300))


def test_a_short_is_liquidated_above_its_entry_and_a_safe_long_never() -> None:
    short = margin.liquidation_price(d(1_000), d(0), (Leg(d(-1), d(40_000)),), BTC_RULES)
    assert short == d(41_000) / d("1.004")
    assert margin.liquidation_price(d(100_000), d(0), (Leg(d(1), d(50_000)),), BTC_RULES) == 0


def test_the_bracket_at_the_liquidation_price_counts_not_the_one_at_the_entry() -> None:
    price = margin.liquidation_price(d(20_000), d(0), (Leg(d(-1), d(49_000)),), BTC_RULES)
    bracket = BTC_RULES.bracket_of(price)
    assert bracket.number == 2
    assert price * (1 + bracket.maint_ratio) == pytest.approx(Decimal(69_000) + bracket.cum, abs=d("1e-9"))


def test_hedged_legs_of_one_size_have_no_liquidation_price_from_price_alone() -> None:
    legs = (Leg(d(1), d(100)), Leg(d(-1), d(100)))
    assert margin.liquidation_price(d(10_000), d(0), legs, BTC_RULES) > d(100_000)


def test_the_search_for_the_bracket_ends_with_a_price_even_where_it_does_not_settle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(margin, "_LIQUIDATION_STEPS_MAX", 1)
    assert margin.liquidation_price(d(20_000), d(0), (Leg(d(-1), d(49_000)),), BTC_RULES) == d(69_000) / d("1.004")


def test_the_documents_sample_values_are_truncated_not_rounded() -> None:
    notional = d("49.72023376")
    assert margin.initial_margin(notional, 20) == d("2.48601168")
    assert trunc8(notional * d("0.01")) == d("0.49720233")
    assert margin.initial_margin(-notional, 20) == d("2.48601168")


@pytest.mark.parametrize(
    ("amount", "entry", "rate", "shown"),
    [("10", "0.385", "0.0002", "0.385077"), ("-10", "70.92841", "0.0004", "70.900038636")],
)
def test_the_documents_break_even_prices_are_reproduced(amount: str, entry: str, rate: str, shown: str) -> None:
    fee = abs(d(amount)) * d(entry) * d(rate)
    assert margin.break_even_price(d(amount), d(entry), fee) == d(shown)


def test_break_even_of_nothing_is_zero_and_never_below() -> None:
    assert margin.break_even_price(d(0), d(0), d(5)) == 0
    assert margin.break_even_price(d(1), d(10), d(-20)) == 0


@pytest.mark.parametrize(("amount", "rate", "fee"), [("2", "0.0001", "-10"), ("-2", "0.0001", "10"), ("2", "0", "0")])
def test_longs_pay_funding_when_the_rate_is_positive(amount: str, rate: str, fee: str) -> None:
    assert margin.funding_fee(d(amount), d(50_000), d(rate)) == d(fee)


@pytest.mark.parametrize(
    ("sign", "price", "loss"), [(1, "101", "2"), (1, "99", "0"), (-1, "99", "2"), (-1, "101", "0"), (1, "100", "0")]
)
def test_open_loss_is_what_the_order_would_lose_at_once(sign: int, price: str, loss: str) -> None:
    assert margin.open_loss(sign, d(2), d(price), d(100)) == d(loss)


def test_recorded_real_trades_have_the_fees_and_profit_the_exchange_charged() -> None:
    assert margin.commission(d("2778.35"), d("0.005"), d("0.0004")) == d("0.00555670")
    assert margin.realized_pnl(d("-0.005"), d("2778.35"), d("2779")) == d("-0.00325000")


def test_truncation_goes_towards_zero_and_leaves_no_negative_zero() -> None:
    assert str(trunc8(d("-0.000000001"))) == "0E-8"
    assert trunc8(d("-1.999999999")) == d("-1.99999999")
    assert (floor_to(d("1.27"), d("0.10")), ceil_to(d("1.21"), d("0.10"))) == (d("1.2"), d("1.3"))


def test_the_worst_side_of_orders_and_position_needs_the_margin() -> None:
    assert margin.worst_notional(d(100), d(50), d(120)) == 150
    assert margin.worst_notional(d(100), d(0), d(320)) == 220
    assert margin.worst_notional(d(-100), d(150), d(30)) == 130
