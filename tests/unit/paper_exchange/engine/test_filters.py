"""The filters of exchangeInfo and the contracts' rules, line by line."""

from dataclasses import replace
from decimal import Decimal

import pytest

from services.paper_exchange.engine import errors, filters
from services.paper_exchange.engine.defaults import default_rules
from services.paper_exchange.engine.enums import Side
from services.paper_exchange.engine.errors import ExchangeError, Refusal
from tests.unit.paper_exchange.engine.scene import RULES, d, refusing

BITCOIN = RULES[0]


@pytest.mark.parametrize(
    ("price", "refusal"),
    [
        ("NaN", errors.BAD_PARAMETER),
        ("Infinity", errors.BAD_PARAMETER),
        ("-1", errors.PRICE_BELOW_ZERO),
        ("0", errors.PRICE_BELOW_ZERO),
        ("4529764.1", errors.PRICE_ABOVE_MAX),
        ("50000.001", errors.BAD_PRECISION),
        ("556.70", errors.PRICE_BELOW_MIN),
        ("50000.05", errors.PRICE_OFF_TICK),
    ],
)
def test_a_price_outside_the_price_filter_is_refused(price: str, refusal: Refusal) -> None:
    with refusing(refusal):
        filters.check_price(BITCOIN, d(price))


@pytest.mark.parametrize("price", ["556.80", "4529764", "50000.10", "50000.100000"])
def test_a_price_on_the_grid_passes_whatever_its_trailing_zeros(price: str) -> None:
    filters.check_price(BITCOIN, d(price))


@pytest.mark.parametrize(
    ("quantity", "market", "refusal"),
    [
        ("NaN", False, errors.BAD_PARAMETER),
        ("0", False, errors.QUANTITY_BELOW_ZERO),
        ("-1", True, errors.QUANTITY_BELOW_ZERO),
        ("1000.001", False, errors.QUANTITY_ABOVE_MAX),
        ("120.001", True, errors.QUANTITY_ABOVE_MAX),
        ("1e30", False, errors.QUANTITY_ABOVE_MAX),
        ("0.0001", False, errors.BAD_PRECISION),
    ],
)
def test_a_quantity_outside_the_lot_is_refused(quantity: str, *, market: bool, refusal: Refusal) -> None:
    with refusing(refusal):
        filters.check_quantity(BITCOIN, d(quantity), market=market)


def test_a_market_order_has_a_lot_of_its_own() -> None:
    filters.check_quantity(BITCOIN, d("1000"), market=False)
    filters.check_quantity(BITCOIN, d("120"), market=True)


def test_steps_and_smallest_lots_coarser_than_the_precision_have_codes_of_their_own() -> None:
    coarse = replace(BITCOIN, lot=BITCOIN.lot._replace(minimum=d("0.010"), step=d("0.010")))
    with refusing(errors.QUANTITY_BELOW_MIN):
        filters.check_quantity(coarse, d("0.005"), market=False)
    with refusing(errors.QUANTITY_OFF_STEP):
        filters.check_quantity(coarse, d("0.015"), market=False)


def test_a_zero_in_the_rules_disables_its_check() -> None:
    free = replace(
        BITCOIN,
        max_price=d(0),
        tick_size=d(0),
        lot=BITCOIN.lot._replace(maximum=d(0), step=d(0)),
        multiplier_up=d(0),
        multiplier_down=d(0),
    )
    filters.check_price(free, d("9999999.07"))
    filters.check_quantity(free, d("5000"), market=False)
    filters.check_percent_price(free, Side.BUY, d(90_000), d(50_000))
    filters.check_percent_price(free, Side.SELL, d(10), d(50_000))


def test_a_buy_is_bounded_above_and_a_sell_below_the_mark_price_only() -> None:
    mark = d("50000.07")
    with pytest.raises(ExchangeError, match=r"Limit price can't be higher than 52500\.00\.") as above:
        filters.check_percent_price(BITCOIN, Side.BUY, d("52500.1"), mark)
    with pytest.raises(ExchangeError, match=r"Limit price can't be lower than 47500\.10\.") as below:
        filters.check_percent_price(BITCOIN, Side.SELL, d("47500.0"), mark)
    assert (above.value.code, below.value.code) == (-4016, -4024)
    filters.check_percent_price(BITCOIN, Side.BUY, d("1000"), mark)
    filters.check_percent_price(BITCOIN, Side.SELL, d("90000"), mark)


def test_the_smallest_notional_is_named_in_the_refusal() -> None:
    filters.check_notional(BITCOIN, d(50_000), d("0.001"))
    with pytest.raises(ExchangeError, match=r"no smaller than 50 \(unless you choose reduce only\)"):
        filters.check_notional(BITCOIN, d(49_999), d("0.001"))


@pytest.mark.parametrize(
    ("client_id", "refusal"),
    [("", errors.BAD_CLIENT_ID), ("a b", errors.BAD_CLIENT_ID), ("ä", errors.BAD_CLIENT_ID)],
)
def test_a_client_id_of_other_characters_is_refused(client_id: str, refusal: Refusal) -> None:
    with refusing(refusal):
        filters.check_client_id(client_id)


def test_a_client_id_of_37_characters_is_told_so() -> None:
    filters.check_client_id("x-Cb7ytekJ.A:/_" + "9" * 21)
    with pytest.raises(ExchangeError, match="should not be more than 36 chars"):
        filters.check_client_id("a" * 37)


def test_bitcoin_has_the_live_filters() -> None:
    assert BITCOIN.tick_size == d("0.10")
    assert (BITCOIN.min_price, BITCOIN.max_price) == (d("556.80"), d(4529764))
    assert BITCOIN.lot == (d("0.001"), d(1000), d("0.001"))
    assert BITCOIN.market_lot == (d("0.001"), d(120), d("0.001"))
    assert (BITCOIN.min_notional, RULES[1].min_notional) == (d(50), d(20))
    assert (BITCOIN.multiplier_up, BITCOIN.multiplier_down) == (d("1.05"), d("0.95"))
    assert (BITCOIN.market_take_bound, BITCOIN.max_num_orders) == (d("0.05"), 200)
    assert (BITCOIN.max_leverage, BITCOIN.max_notional(125), BITCOIN.max_notional(20)) == (125, d(50_000), d(5_000_000))


@pytest.mark.parametrize(
    ("symbol", "price", "tick", "step"),
    [
        ("SOLUSDT", "165", "0.01", "0.01"),
        ("XRPUSDT", "2.3", "0.0001", "1"),
        ("1000PEPEUSDT", "0.0123", "0.000001", "1"),
    ],
)
def test_rules_of_any_contract_follow_the_size_of_its_price(symbol: str, price: str, tick: str, step: str) -> None:
    rules = default_rules(symbol, d(price))
    assert (rules.tick_size, rules.lot.step) == (d(tick), d(step))
    assert rules.base_asset == symbol.removesuffix("USDT")
    assert rules.min_notional == 5
    filters.check_price(rules, d(price))
    filters.check_quantity(rules, max(rules.lot.step, d(100)), market=True)


def test_known_decimals_of_a_contract_are_taken_over() -> None:
    rules = default_rules("ADAUSDT", d("0.76"), price_decimals=4, quantity_decimals=0)
    assert (rules.price_precision, rules.quantity_precision) == (4, 0)
    assert (rules.tick_size, rules.lot.step) == (d("0.0001"), d(1))


@pytest.mark.parametrize(("symbol", "price"), [("BTCUSDT", 0), ("BTCBUSD", 1), ("USDT", 1)])
def test_rules_of_what_is_no_contract_are_an_error(symbol: str, price: int) -> None:
    with pytest.raises(ValueError, match=r"reference price|not a contract"):
        default_rules(symbol, Decimal(price))


def test_maintenance_has_no_step_between_brackets() -> None:
    for rules in (*RULES, default_rules("SOLUSDT", d(165))):
        for lower, upper in zip(rules.brackets, rules.brackets[1:], strict=False):
            edge = lower.cap
            assert edge * lower.maint_ratio - lower.cum == edge * upper.maint_ratio - upper.cum
        assert rules.bracket_of(rules.brackets[-1].cap * 2) is rules.brackets[-1]
