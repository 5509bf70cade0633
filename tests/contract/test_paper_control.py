"""The control path's other verbs, and the rate limits of a small exchange."""

import http.client
import json
import time
from typing import Any

import aiohttp
import pytest

from tests.paper import PaperProcess, paper_client, send, send_signed, start_paper

ORDER = "/fapi/v1/order"
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
WAIT_S = 5.0
PAPER = "--symbols 2 --weight-limit 1000000 --balance 1000000 --order-limit-10s 100000"


def test_a_foreign_trade_a_deposit_and_a_jump(paper: PaperProcess) -> None:
    order = paper.control("POST", "trade", symbol="ETHUSDT", side="BUY", quantity="1")
    assert order["client_order_id"].startswith("web_")
    before = send_signed(paper, "GET", "/fapi/v3/balance").body[0]["balance"]
    paper.control("POST", "transfer", amount="500")
    after = send_signed(paper, "GET", "/fapi/v3/balance").body[0]["balance"]
    assert after != before
    paper.control("POST", "market", symbol="ETHUSDT", price="2000")
    shown = send(paper, "GET", "/fapi/v1/premiumIndex", "symbol=ETHUSDT").body["markPrice"]
    assert shown.startswith(("1999", "2000"))


def test_funding_is_charged_now(paper: PaperProcess) -> None:
    paper.control("POST", "trade", symbol="ETHUSDT", side="BUY", quantity="1")
    paper.control("POST", "market", symbol="ETHUSDT", funding="0.001")
    rows = send_signed(paper, "GET", "/fapi/v1/income", incomeType="FUNDING_FEE").body
    assert rows[-1]["symbol"] == "ETHUSDT"
    assert rows[-1]["income"].startswith("-")


async def test_a_position_is_liquidated_and_deleveraged(tmp_path_factory: pytest.TempPathFactory) -> None:
    paper = start_paper(tmp_path_factory.mktemp("poor"), "--symbols", "1", "--balance", "1000")
    client = paper_client(paper)
    key = await client.futures_stream_get_listen_key()
    try:
        await client.futures_create_order(**{**MARKET, "quantity": "0.100"})
        paper.control("POST", "adl", symbol="BTCUSDT", quantity="0.010")
        assert send_signed(paper, "GET", "/fapi/v3/positionRisk").body[0]["positionAmt"] == "0.090"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{paper.ws_url}/market/ws/!forceOrder@arr") as public,
            session.ws_connect(f"{paper.ws_url}/private/ws/{key}") as private,
        ):
            paper.control("POST", "liquidate", symbol="BTCUSDT")
            told = json.loads((await public.receive(WAIT_S)).data)
            assert (told["e"], told["o"]["s"], told["o"]["S"]) == ("forceOrder", "BTCUSDT", "SELL")
            updates = [json.loads((await private.receive(WAIT_S)).data) for _ in range(5)]
            forced = [message["o"] for message in updates if message["e"] == "ORDER_TRADE_UPDATE"]
            assert "CALCULATED" in {order["x"] for order in forced}
            assert all(order["c"].startswith("autoclose-") for order in forced)
        rows = send_signed(paper, "GET", "/fapi/v1/forceOrders").body
        assert {row["clientOrderId"].split("-")[0] for row in rows} == {"autoclose", "adl_autoclose"}
        assert send_signed(paper, "GET", "/fapi/v3/positionRisk").body == []
    finally:
        await client.close_connection()
        paper.stop()


@pytest.mark.parametrize(
    ("method", "name", "body", "status"),
    [
        ("POST", "faults", {"kind": "plague"}, 400),
        ("POST", "faults", {"kind": "delay", "delay_ms": -1}, 400),
        ("POST", "market", {"price": "5"}, 400),
        ("POST", "market", {"symbol": "NOPE", "price": "5"}, 400),
        ("POST", "liquidate", {"symbol": "BTCUSDT", "position_side": "SHORT"}, 400),
        ("POST", "adl", {"symbol": "BTCUSDT"}, 400),
        ("GET", "nothing", {}, 404),
    ],
)
def test_a_control_that_cannot_be_done_says_why(
    paper: PaperProcess, method: str, name: str, body: dict[str, Any], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", paper.port, timeout=5)
    connection.request(method, f"/paper/{name}", json.dumps(body))
    answer = connection.getresponse()
    assert answer.status == status
    assert json.loads(answer.read())["error"]
    connection.close()


def test_limits_are_counted_and_who_ignores_them_is_banned(tmp_path_factory: pytest.TempPathFactory) -> None:
    options = ("--symbols", "1", "--weight-limit", "40", "--order-limit-10s", "3", "--order-limit-1m", "1200")
    paper = start_paper(tmp_path_factory.mktemp("limited"), *options)
    try:
        info = send(paper, "GET", "/fapi/v1/exchangeInfo", "").body["rateLimits"]
        assert [row["limit"] for row in info] == [40, 1200, 3]
        wait_for_fresh_window()
        used = int(send(paper, "GET", "/fapi/v1/ping", "").headers["X-MBX-USED-WEIGHT-1M"])
        answers = [send_signed(paper, "POST", ORDER, **MARKET) for _ in range(4)]
        assert [answer.headers.get("X-MBX-ORDER-COUNT-10S") for answer in answers] == ["1", "2", "3", None]
        assert answers[3].status == 429
        assert answers[3].body["msg"] == "Too many new orders; current limit is 3 orders per 10 SECONDS."
        assert 0 < int(answers[3].headers["Retry-After"]) <= 10
        pings = [send(paper, "GET", "/fapi/v1/ping", "").status for _ in range(40 - used + 25)]
        assert pings[: 40 - used] == [200] * (40 - used)
        assert set(pings[40 - used :]) == {429, 418}
        assert pings[-1] == 418
        banned = send(paper, "GET", "/fapi/v1/ping", "")
        assert "IP banned until" in banned.body["msg"]
        assert int(banned.headers["Retry-After"]) > 60
    finally:
        paper.stop()


def wait_for_fresh_window() -> None:
    """Wait where a ten-second window is about to end, so that a count does not start anew in between."""
    left_s = 10 - time.time() % 10
    if left_s < 3:
        time.sleep(left_s)
