"""From frames of the user data stream to events."""

from decimal import Decimal
from typing import Any

import pytest

from quantum_common.exchange.answers import MalformedAnswer
from quantum_common.exchange.port import LeverageChanged, PositionChanged, Traded, TradeView, WalletChanged
from quantum_common.exchange.user_events import Ending, events_of
from quantum_common.messages import Side

ORDER = {
    "s": "BTCUSDT", "c": "qo-1", "S": "SELL", "o": "MARKET", "f": "GTC", "q": "0.010", "p": "0", "ap": "104295.1",
    "sp": "0", "x": "TRADE", "X": "FILLED", "i": 8389765500000000001, "l": "0.010", "z": "0.010", "L": "104295.10",
    "N": "USDT", "n": "0.52147550", "T": 17, "t": 100000001, "b": "0", "a": "0", "m": False, "R": False, "rp": "-1.5",
}  # fmt: skip
TRADE = TradeView(
    symbol="BTCUSDT", trade_id=100000001, order_id=8389765500000000001, client_order_id="qo-1", side=Side.SELL,
    qty=Decimal("0.010"), price=Decimal("104295.10"), fee=Decimal("0.52147550"), fee_asset="USDT",
    realized_pnl=Decimal("-1.5"), trade_ms=17,
)  # fmt: skip


def order_update(**changed: Any) -> dict[str, Any]:
    return {"e": "ORDER_TRADE_UPDATE", "E": 18, "T": 17, "o": ORDER | changed}


def test_a_fill_is_a_trade_with_fee_profit_and_client_id() -> None:
    assert events_of(order_update()) == [Traded(TRADE)]


def test_a_fill_of_a_liquidation_is_a_trade() -> None:
    events = events_of(order_update(x="CALCULATED", c="autoclose-1"))
    assert isinstance(events, list)
    (event,) = events
    assert isinstance(event, Traded)
    assert event.trade.client_order_id == "autoclose-1"


def test_a_fill_without_a_fee_costs_nothing() -> None:
    message = order_update()
    del message["o"]["N"], message["o"]["n"]
    events = events_of(message)
    assert isinstance(events, list)
    (event,) = events
    assert isinstance(event, Traded)
    assert (event.trade.fee, event.trade.fee_asset) == (Decimal(0), "USDT")


@pytest.mark.parametrize("kind", ["NEW", "CANCELED", "EXPIRED", "AMENDMENT"])
def test_an_order_event_without_a_fill_is_no_trade(kind: str) -> None:
    assert events_of(order_update(x=kind)) == []


def test_a_calculation_of_nothing_is_no_trade() -> None:
    assert events_of(order_update(x="CALCULATED", l="0")) == []


def test_a_fill_that_names_no_trade_is_left_to_the_list_of_trades() -> None:
    assert events_of(order_update(x="CALCULATED", t=0)) == []


def test_an_account_update_tells_positions_and_the_usdt_wallet() -> None:
    account = {
        "m": "ORDER",
        "B": [{"a": "BNB", "wb": "1"}, {"a": "USDT", "wb": "9999.47852450", "cw": "1", "bc": "0"}],
        "P": [
            {"s": "BTCUSDT", "pa": "-0.01", "ep": "104295.1", "up": "-0.088", "ps": "BOTH"},
            {"s": "BTCUSDT", "pa": "0", "ep": "0", "up": "0", "ps": "LONG"},
        ],
    }
    assert events_of({"e": "ACCOUNT_UPDATE", "E": 18, "T": 17, "a": account}) == [
        PositionChanged("BTCUSDT", Decimal("-0.01"), Decimal("104295.1"), Decimal("-0.088"), 18),
        WalletChanged(Decimal("9999.47852450"), "ORDER", 18),
    ]


def test_an_account_update_may_have_one_part_only() -> None:
    funding = {"m": "FUNDING_FEE", "B": [{"a": "USDT", "wb": "5"}]}
    assert events_of({"e": "ACCOUNT_UPDATE", "E": 1, "a": funding}) == [WalletChanged(Decimal(5), "FUNDING_FEE", 1)]
    assert events_of({"e": "ACCOUNT_UPDATE", "E": 1, "a": {"m": "DEPOSIT"}}) == []


def test_a_change_of_leverage_is_told_and_of_the_margin_mode_is_not() -> None:
    config = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "T": 1}
    assert events_of(config | {"ac": {"s": "BTCUSDT", "l": 7}}) == [LeverageChanged("BTCUSDT", 7)]
    assert events_of(config | {"ai": {"j": True}}) == []


def test_an_expired_listen_key_ends_the_stream() -> None:
    assert events_of({"e": "listenKeyExpired", "E": 1, "listenKey": "x"}) is Ending.LISTEN_KEY_EXPIRED


@pytest.mark.parametrize("kind", ["TRADE_LITE", "ALGO_UPDATE", "MARGIN_CALL", "SOMETHING_NEW", None])
def test_an_event_that_changes_nothing_here_is_left_out(kind: str | None) -> None:
    assert events_of({"e": kind, "E": 1}) == []


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"e": "ORDER_TRADE_UPDATE"},
        {"e": "ACCOUNT_UPDATE", "E": 1, "a": {"m": "ORDER", "P": {}}},
        {"e": "ACCOUNT_UPDATE", "a": {}},
        order_update(L=104295.1),
        order_update(t="1"),
        order_update(x=None),
    ],
)
def test_an_event_that_breaks_its_documentation_is_malformed(message: Any) -> None:
    with pytest.raises(MalformedAnswer):
        events_of(message)
