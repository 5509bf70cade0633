"""The exchange's error table: every line a client can provoke, with its HTTP status, code and text."""

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.paper_fields.refusals import CASES, MARKET, MISSING, ORDER, Case, Params
from tests.paper import API_SECRET, PaperProcess, send, send_signed

PAPER = "--symbols 2 --weight-limit 1000000 --order-limit-10s 100000 --order-limit-1m 100000"


@pytest.fixture
def tidy(paper: PaperProcess) -> Iterator[None]:
    """Afterwards no order is open and no position stands."""
    yield
    send_signed(paper, "DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    for row in send_signed(paper, "GET", "/fapi/v3/positionRisk").body:
        amount = Decimal(row["positionAmt"])
        if amount:
            side = "SELL" if amount > 0 else "BUY"
            send_signed(paper, "POST", ORDER, **{**MARKET, "side": side, "quantity": abs(amount), "reduceOnly": "true"})


def filled_in(paper: PaperProcess, params: Params) -> Params:
    """Given parameters with prices to be filled in, return them with prices of this moment."""
    mark = Decimal(send(paper, "GET", "/fapi/v1/premiumIndex", "symbol=BTCUSDT").body["markPrice"])
    prices: dict[str, Any] = {
        "low": f"{mark * Decimal('0.97'):.1f}",
        "low_hundred": f"{mark * Decimal('0.97'):.0f}",
        "high": f"{mark * Decimal('1.03'):.1f}",
        "far_low": f"{mark * Decimal('0.90'):.1f}",
        "far_high": f"{mark * Decimal('1.10'):.1f}",
    }
    return {name: value.format(**prices) if isinstance(value, str) else value for name, value in params.items()}


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.name}")
def test_the_exchange_refuses_in_its_own_words(paper: PaperProcess, case: Case) -> None:
    for method, path, params in case.before:
        assert send_signed(paper, method, path, **filled_in(paper, params)).status == 200
    answer = send_signed(paper, case.method, case.path, **filled_in(paper, case.params))
    assert (answer.status, answer.body["code"]) == (case.status, case.code), answer.body
    assert case.text in answer.body["msg"]
    assert set(answer.body) == {"code", "msg"}


def test_without_a_key_or_with_a_strange_one(paper: PaperProcess) -> None:
    assert send(paper, "GET", "/fapi/v3/balance", "timestamp=1&signature=00", key=None).body["code"] == -2014
    assert send(paper, "GET", "/fapi/v3/balance", "timestamp=1&signature=00", key="short").status == 401
    stranger = send(paper, "GET", "/fapi/v3/balance", "timestamp=1&signature=00", key="x" * 64)
    assert (stranger.status, stranger.body) == (
        401,
        {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
    )


def test_without_a_stamp_or_a_signature(paper: PaperProcess) -> None:
    stamp = f"timestamp={int(time.time() * 1000)}"
    assert send(paper, "GET", "/fapi/v3/balance", "").body["msg"] == MISSING.format("timestamp")
    assert send(paper, "GET", "/fapi/v3/balance", stamp).body["msg"] == MISSING.format("signature")
    wrong = send(paper, "GET", "/fapi/v3/balance", f"{stamp}&signature={'0' * 64}")
    assert wrong.body == {"code": -1022, "msg": "Signature for this request is not valid."}


@pytest.mark.parametrize(
    ("shift_ms", "text"),
    [
        (-6000, "Timestamp for this request is outside of the recvWindow."),
        (1500, "Timestamp for this request was 1000ms ahead of the server's time."),
    ],
)
def test_a_stamp_too_old_or_from_the_future(paper: PaperProcess, shift_ms: int, text: str) -> None:
    stamp = int(time.time() * 1000) + shift_ms
    answer = send_signed(paper, "GET", "/fapi/v3/balance", timestamp=stamp, recvWindow=5000)
    assert (answer.status, answer.body) == (400, {"code": -1021, "msg": text})
    assert send_signed(paper, "GET", "/fapi/v3/balance", recvWindow=5000).status == 200


def test_the_checks_come_in_the_exchanges_order(paper: PaperProcess) -> None:
    """What is missing counts before an unknown symbol, that before a wrong signature, that before the stamp."""
    old = "timestamp=1"
    bad = f"signature={'0' * 64}"
    assert send(paper, "POST", ORDER, f"symbol=NOPE&{old}&{bad}").body["code"] == -1102
    assert send(paper, "GET", ORDER, f"symbol=NOPE&{old}&{bad}").body["code"] == -1121
    assert send(paper, "GET", ORDER, f"symbol=BTCUSDT&{old}&{bad}").body["code"] == -1022
    assert send_signed(paper, "GET", ORDER, symbol="BTCUSDT", timestamp=1).body["code"] == -1021


def test_a_parameter_sent_twice(paper: PaperProcess) -> None:
    answer = send(paper, "GET", "/fapi/v1/klines", "symbol=BTCUSDT&symbol=ETHUSDT&interval=1m")
    assert answer.body == {"code": -1101, "msg": "Duplicate values for a parameter detected."}


def test_a_listen_key_that_is_not_there(paper: PaperProcess) -> None:
    send(paper, "DELETE", "/fapi/v1/listenKey", "")
    answer = send(paper, "PUT", "/fapi/v1/listenKey", "")
    assert answer.body["code"] == -1125
    assert answer.body["msg"].startswith("This listenKey does not exist. Please use `POST /fapi/v1/listenKey`")


@pytest.mark.usefixtures("tidy")
def test_hedge_mode_needs_sides_and_forbids_reduce_only(paper: PaperProcess) -> None:
    send_signed(paper, "POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    try:
        assert send_signed(paper, "POST", ORDER, **MARKET).body["code"] == -4061
        answer = send_signed(paper, "POST", ORDER, **{**MARKET, "positionSide": "LONG", "reduceOnly": "true"})
        assert answer.body == {"code": -1106, "msg": "Parameter 'reduceonly' sent when not required."}
    finally:
        send_signed(paper, "POST", "/fapi/v1/positionSide/dual", dualSidePosition="false")


def test_a_symbol_that_does_not_trade(paper: PaperProcess) -> None:
    paper.control("POST", "market", symbol="ETHUSDT", status="CLOSE")
    try:
        answer = send_signed(paper, "POST", ORDER, **{**MARKET, "symbol": "ETHUSDT", "quantity": "1"})
        assert answer.body == {"code": -4141, "msg": "Symbol is closed."}
    finally:
        paper.control("POST", "market", symbol="ETHUSDT", status="TRADING")


def test_the_signature_secret_is_published_only_for_the_demo_account() -> None:
    assert len(API_SECRET) == 64
