"""From JSON rows to values: exact, and nothing guessed."""

from decimal import Decimal
from typing import Any

import orjson
import pytest

from quantum_common.exchange.answers import MalformedAnswer
from quantum_common.exchange.port import Bar, ConfigurationRefused, SymbolRules
from quantum_common.exchange.rows import (
    bars_of,
    decimal,
    field,
    limits_of,
    number,
    position_of,
    rows,
    rules_of,
    side,
    stop_of,
    streamed_bar_of,
    text,
    trade_of,
    wallet_of,
    whole,
)
from quantum_common.messages import Side
from tests.unit.exchange.scripted import FILTERS, INFO

POSITION = {
    "symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.010", "entryPrice": "104295.1",
    "markPrice": "104286.30000000", "unRealizedProfit": "0.08800000", "liquidationPrice": "0", "leverage": "20",
    "updateTime": 1,
}  # fmt: skip


@pytest.mark.parametrize("digits", ["0.1", "-0.00000001", "123456789012345678901234567890.1", "0E-8", "0"])
def test_a_number_keeps_its_digits(digits: str) -> None:
    row = orjson.loads(orjson.dumps({"qty": digits}))
    assert number(row, "qty").compare_total(Decimal(digits)) == 0


@pytest.mark.parametrize("value", [0.1, 1, None, "", "many", "NaN", "Infinity", True, ["1"]])
def test_what_is_not_a_number_in_a_string_is_malformed(value: Any) -> None:
    with pytest.raises(MalformedAnswer, match="qty"):
        decimal(value, "qty")


@pytest.mark.parametrize("value", [1.0, "1", True, None])
def test_what_is_not_an_integer_is_malformed(value: Any) -> None:
    with pytest.raises(MalformedAnswer, match="orderId"):
        whole({"orderId": value}, "orderId")


def test_an_integer_beyond_the_floats_stays_exact() -> None:
    assert whole(orjson.loads(b'{"orderId":8389765500000000123}'), "orderId") == 8389765500000000123


def test_what_is_not_a_string_is_malformed() -> None:
    with pytest.raises(MalformedAnswer, match="symbol"):
        text({"symbol": 1}, "symbol")


def test_what_is_not_an_object_has_no_fields() -> None:
    with pytest.raises(MalformedAnswer, match="list"):
        field([], "symbol")


@pytest.mark.parametrize("answer", [{}, [1], None])
def test_what_is_not_a_list_of_objects_has_no_rows(answer: Any) -> None:
    with pytest.raises(MalformedAnswer):
        rows(answer)


def test_a_side_is_one_of_two() -> None:
    assert side({"side": "SELL"}) is Side.SELL
    with pytest.raises(MalformedAnswer):
        side({"side": "BOTH"})


def test_a_position_has_its_sign_and_leverage() -> None:
    position = position_of(POSITION)
    assert (position.position_amt, position.leverage) == (Decimal("-0.010"), 20)


def test_a_row_of_hedge_mode_needs_an_operator() -> None:
    with pytest.raises(ConfigurationRefused, match="one-way"):
        position_of(POSITION | {"positionSide": "LONG"})


def test_a_trade_of_the_list_has_no_client_order_id() -> None:
    row = {
        "symbol": "ETHUSDT", "id": 3, "orderId": 4, "side": "BUY", "price": "2779", "qty": "0.005",
        "realizedPnl": "-0.00325000", "commission": "0.00555800", "commissionAsset": "USDT", "time": 5,
    }  # fmt: skip
    trade = trade_of(row)
    assert (trade.trade_id, trade.client_order_id, trade.realized_pnl) == (3, "", Decimal("-0.00325000"))


def test_the_wallet_is_the_usdt_one() -> None:
    assert wallet_of([{"asset": "BNB", "balance": "1"}, {"asset": "USDT", "balance": "12.50"}]) == Decimal("12.50")
    with pytest.raises(MalformedAnswer, match="USDT"):
        wallet_of([])


def test_only_symbols_with_the_filters_of_a_market_order_have_rules() -> None:
    assert rules_of(INFO) == {
        "BTCUSDT": SymbolRules(
            "BTCUSDT", "TRADING", Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(120), Decimal(50)
        )
    }


def test_only_a_trading_symbol_is_tradable() -> None:
    filters = {"filters": FILTERS}
    listed = [{"symbol": name, "status": name, **filters} for name in ("TRADING", "SETTLING", "CLOSE")]
    found = rules_of({"symbols": listed})
    assert [rules.symbol for rules in found.values() if rules.tradable] == ["TRADING"]


def test_a_bound_that_market_orders_do_not_name_is_that_of_all_orders() -> None:
    open_ended = {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "stepSize": "0", "maxQty": "0"}
    filters = [item for item in FILTERS if item["filterType"] != "MARKET_LOT_SIZE"]
    for given in ([*filters, open_ended], filters):
        rules = rules_of({"symbols": [{"symbol": "BTCUSDT", "status": "TRADING", "filters": given}]})["BTCUSDT"]
        assert (rules.step_size, rules.min_qty, rules.max_qty) == (Decimal("0.001"), Decimal("0.001"), Decimal(1000))


def test_limits_of_unknown_kinds_are_left_out() -> None:
    strange = {"rateLimitType": "ORDERS", "interval": "FORTNIGHT", "intervalNum": 1, "limit": 1}
    limits = limits_of({"rateLimits": [*INFO["rateLimits"], strange]})
    assert [(item.header, item.limit) for item in limits] == [
        ("X-MBX-USED-WEIGHT-1M", 2400),
        ("X-MBX-ORDER-COUNT-10S", 300),
        ("X-MBX-ORDER-COUNT-1M", 1200),
    ]


def test_a_stop_with_a_quantity_of_its_own_keeps_it() -> None:
    row = {
        "symbol": "BTCUSDT", "clientAlgoId": "x", "side": "BUY", "triggerPrice": "1", "quantity": "0.5",
        "closePosition": False, "createTime": 1,
    }  # fmt: skip
    assert stop_of(row).qty == Decimal("0.5")


KLINE = [60_000, "1.0", "2.0", "0.5", "1.5", "10", 119_999, "15", 3, "5", "7", "0"]
BAR = Bar(
    "BTCUSDT", 60_000, 119_999, Decimal("1.0"), Decimal("2.0"), Decimal("0.5"), Decimal("1.5"), Decimal(10)
)  # fmt: skip


def test_a_kline_is_the_same_bar_over_rest_and_over_the_stream() -> None:
    streamed = {
        "t": 60_000, "T": 119_999, "s": "BTCUSDT", "i": "1m", "o": "1.0", "c": "1.5", "h": "2.0", "l": "0.5",
        "v": "10", "x": True,
    }  # fmt: skip
    assert bars_of("BTCUSDT", [KLINE]) == [BAR] == [streamed_bar_of(streamed)]


@pytest.mark.parametrize("answer", [{}, [{}], [[1]], [["60000", *KLINE[1:]]], [[*KLINE[:6], "119999"]]])
def test_what_is_not_a_kline_is_malformed(answer: Any) -> None:
    with pytest.raises(MalformedAnswer):
        bars_of("BTCUSDT", answer)
