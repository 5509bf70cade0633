"""Every line of the fault menu, as a client feels it, and the truth of the exchange behind it."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest
from binance import AsyncClient
from binance.exceptions import BinanceAPIException

from quantum_common.clock import epoch_ms
from tests.paper import PaperProcess, send, send_signed

ORDER = "/fapi/v1/order"
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
WAIT_S = 5.0
PAPER = "--symbols 2 --weight-limit 1000000 --balance 1000000 --order-limit-10s 100000"


def orders(paper: PaperProcess) -> int:
    """How many orders the exchange has ever taken."""
    return len(paper.state()["rows"]["orders"])


@pytest.mark.parametrize(
    ("kind", "status", "code", "text", "executed"),
    [
        ("unknown_503_before", 503, None, "Unknown error, please check your request or try again later.", 0),
        ("unknown_503_after", 503, None, "Unknown error, please check your request or try again later.", 1),
        ("service_unavailable", 503, None, "Service Unavailable.", 0),
        ("timeout_1007_before", 408, -1007, "Timeout waiting for response from backend server.", 0),
        ("timeout_1007_after", 408, -1007, "Send status unknown; execution status unknown.", 1),
        ("bus_1006_before", 400, -1006, "An unexpected response was received from the message bus.", 0),
        ("bus_1006_after", 400, -1006, "Execution status unknown.", 1),
        ("throttled_1008", 503, -1008, "Request throttled by system-level protection.", 0),
        ("internal_1001", 503, -1001, "Internal error; unable to process your request. Please try again.", 0),
        ("too_many_requests", 429, -1003, "Too many requests; current limit is 1000000 requests per minute.", 0),
        ("banned", 418, -1003, "Way too many requests; IP banned until ", 0),
    ],
)
async def test_an_order_is_answered_as_the_menu_says_and_executed_or_not(
    paper: PaperProcess, client: AsyncClient, kind: str, status: int, code: int | None, text: str, executed: int
) -> None:
    before = orders(paper)
    paper.fault(kind, count=1, method="POST", path="/order", retry_after_s=3)
    with pytest.raises(BinanceAPIException) as refused:
        await client.futures_create_order(**MARKET)
    assert (refused.value.status_code, refused.value.code) == (status, code)
    assert text in refused.value.message
    assert orders(paper) == before + executed
    if status in (418, 429):
        assert refused.value.response.headers["Retry-After"] == "3"
    await client.futures_create_order(**MARKET)
    assert orders(paper) == before + executed + 1


def test_an_unknown_answer_bears_no_code(paper: PaperProcess) -> None:
    paper.fault("unknown_503_after", count=1)
    answer = send_signed(paper, "POST", ORDER, **MARKET)
    assert set(answer.body) == {"timestamp", "path", "msg"}
    assert answer.body["path"] == ORDER


@pytest.mark.parametrize(("kind", "executed"), [("drop_before", 0), ("drop_after", 1)])
async def test_an_answer_is_lost_before_or_after_execution(
    paper: PaperProcess, client: AsyncClient, kind: str, executed: int
) -> None:
    await client.futures_ping()
    before = orders(paper)
    paper.fault(kind, count=1, method="POST")
    with pytest.raises(aiohttp.ClientError):
        await client.futures_create_order(**MARKET)
    assert orders(paper) == before + executed


def test_orders_that_only_close_are_exempt_from_throttling(paper: PaperProcess) -> None:
    send_signed(paper, "POST", ORDER, **MARKET)
    paper.fault("throttled_1008", path="/order")
    assert send_signed(paper, "POST", ORDER, **MARKET).body["code"] == -1008
    assert send_signed(paper, "POST", ORDER, **{**MARKET, "side": "SELL", "reduceOnly": "true"}).status == 200


def test_a_fault_strikes_only_what_its_filters_name(paper: PaperProcess) -> None:
    paper.fault("internal_1001", method="GET", path="/balance")
    paper.fault("internal_1001", symbol="ETHUSDT")
    assert send_signed(paper, "GET", "/fapi/v3/account").status == 200
    assert send_signed(paper, "GET", "/fapi/v3/balance").status == 503
    assert send(paper, "GET", "/fapi/v1/depth", "symbol=BTCUSDT").status == 200
    assert send(paper, "GET", "/fapi/v1/depth", "symbol=ETHUSDT").status == 503


def test_faults_are_listed_with_how_often_they_struck_and_cleared(paper: PaperProcess) -> None:
    paper.fault("internal_1001", count=2, path="/ping")
    for _ in range(3):
        send(paper, "GET", "/fapi/v1/ping", "")
    listed = paper.control("GET", "faults")
    assert [(fault["kind"], fault["struck"], fault["count"]) for fault in listed] == [("internal_1001", 2, 2)]
    assert paper.control("DELETE", "faults") == []
    assert paper.control("GET", "faults") == []


def test_a_fault_with_a_chance_strikes_sometimes(paper: PaperProcess) -> None:
    paper.fault("internal_1001", probability="0.5", path="/ping")
    struck = sum(send(paper, "GET", "/fapi/v1/ping", "").status == 503 for _ in range(60))
    assert 10 < struck < 50


def test_a_fault_ends_with_its_time(paper: PaperProcess) -> None:
    began_s = time.monotonic()
    paper.fault("internal_1001", duration_ms=300, path="/ping")
    while (status := send(paper, "GET", "/fapi/v1/ping", "").status) == 503:
        pass
    assert status == 200
    assert time.monotonic() - began_s >= 0.3


@pytest.mark.parametrize(("skew_ms", "text"), [(9000, "outside of the recvWindow"), (-9000, "ahead of the server's")])
def test_a_clock_askew_refuses_stamps_until_the_client_reads_the_time_again(
    paper: PaperProcess, skew_ms: int, text: str
) -> None:
    paper.fault("clock_skew", skew_ms=skew_ms)
    answer = send_signed(paper, "POST", ORDER, **MARKET)
    assert answer.body["code"] == -1021
    assert text in answer.body["msg"]
    before_ms = epoch_ms()
    stamp = send(paper, "GET", "/fapi/v1/time", "").body["serverTime"]
    assert before_ms <= stamp - skew_ms <= epoch_ms()
    assert send_signed(paper, "POST", ORDER, timestamp=stamp, **MARKET).status == 200


def test_a_request_held_up_before_matching_is_refused_there(paper: PaperProcess) -> None:
    before = orders(paper)
    paper.fault("delay", count=1, delay_ms=2_000, path="/order")
    answer = send_signed(paper, "POST", ORDER, recvWindow=1_900, **MARKET)
    assert answer.body == {"code": -5028, "msg": "Timestamp for this request is outside of the ME recvWindow."}
    assert orders(paper) == before


def test_an_answer_may_come_late(paper: PaperProcess) -> None:
    paper.fault("delay_answer", count=1, delay_ms=400, path="/ping")
    started = time.monotonic()
    assert send(paper, "GET", "/fapi/v1/ping", "").status == 200
    assert time.monotonic() - started >= 0.4


def test_reads_lag_behind_matching(paper: PaperProcess) -> None:
    paper.fault("late_reads", delay_ms=60_000)
    amount = position(paper)
    began_s = time.monotonic()
    order = send_signed(paper, "POST", ORDER, **MARKET).body["orderId"]
    wanted = {"symbol": "BTCUSDT", "orderId": order}
    assert send_signed(paper, "GET", ORDER, **wanted).body["code"] == -2013
    assert send_signed(paper, "GET", "/fapi/v1/userTrades", **wanted).body == []
    assert order not in [row["orderId"] for row in send_signed(paper, "GET", "/fapi/v1/allOrders", **wanted).body]
    assert position(paper) == amount
    paper.control("DELETE", "faults")
    paper.fault("late_reads", delay_ms=600)
    while "status" not in (found := send_signed(paper, "GET", ORDER, **wanted).body):
        assert found["code"] == -2013
    assert time.monotonic() - began_s >= 0.6
    assert found["status"] == "FILLED"
    assert len(send_signed(paper, "GET", "/fapi/v1/userTrades", **wanted).body) >= 1
    assert position(paper) != amount


def position(paper: PaperProcess) -> str:
    """The position in BTCUSDT as positionRisk shows it, empty where there is none."""
    rows = send_signed(paper, "GET", "/fapi/v3/positionRisk", symbol="BTCUSDT").body
    return str(rows[0]["positionAmt"]) if rows else ""


async def listen(paper: PaperProcess, client: AsyncClient, count: int, wait_s: float = WAIT_S) -> list[Any]:
    """Place one market order and return the messages a user stream receives for it, at most `count`."""
    key = await client.futures_stream_get_listen_key()
    found: list[Any] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{paper.ws_url}/private/ws/{key}") as socket:
        await client.futures_create_order(**MARKET)
        try:
            while len(found) < count:
                found.append(json.loads((await socket.receive(wait_s)).data))
        except TimeoutError:
            pass
    return found


async def test_an_event_arrives_twice(paper: PaperProcess, client: AsyncClient) -> None:
    paper.fault("duplicate_event", event="ACCOUNT_UPDATE", count=1)
    kinds = [message["e"] for message in await listen(paper, client, 5)]
    assert kinds.count("ACCOUNT_UPDATE") == 2


async def test_an_event_never_arrives(paper: PaperProcess, client: AsyncClient) -> None:
    paper.fault("drop_event", event="ORDER_TRADE_UPDATE", symbol="BTCUSDT")
    kinds = [message["e"] for message in await listen(paper, client, 2)]
    assert kinds == ["TRADE_LITE", "ACCOUNT_UPDATE"], "which is the last: both of the order's were to come before it"


async def test_events_change_places_across_types_but_never_within_one(paper: PaperProcess, client: AsyncClient) -> None:
    paper.fault("reorder_events", event="ORDER_TRADE_UPDATE")
    messages = await listen(paper, client, 4)
    assert [message["e"] for message in messages] == [
        *("TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE")
    ]
    assert [message["o"]["x"] for message in messages if "o" in message] == ["NEW", "TRADE"]


async def test_an_event_arrives_late(paper: PaperProcess, client: AsyncClient) -> None:
    paper.fault("delay_event", event="ORDER_TRADE_UPDATE", delay_ms=300, count=1)
    kinds = [message["e"] for message in await listen(paper, client, 4)]
    assert kinds == ["TRADE_LITE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE", "ORDER_TRADE_UPDATE"]


async def test_websockets_fall_silent_or_are_cut_or_lose_their_key(paper: PaperProcess, client: AsyncClient) -> None:
    paper.fault("ws_silence")
    assert await listen(paper, client, 1, 0.3) == []
    paper.control("DELETE", "faults")
    key = await client.futures_stream_get_listen_key()
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{paper.ws_url}/private/ws/{key}") as socket:
            paper.fault("ws_cut")
            closed = await socket.receive(WAIT_S)
            assert closed.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR)
        async with session.ws_connect(f"{paper.ws_url}/private/ws/{key}") as socket:
            paper.fault("listen_key_expired")
            assert json.loads((await socket.receive(WAIT_S)).data)["e"] == "listenKeyExpired"
            assert send(paper, "PUT", "/fapi/v1/listenKey", "").body["code"] == -1125
    assert await client.futures_stream_get_listen_key() != key


async def test_a_client_that_goes_away_does_not_undo_its_order(paper: PaperProcess, client: AsyncClient) -> None:
    before = orders(paper)
    paper.fault("delay", delay_ms=1_000, path="/order")
    placing = asyncio.create_task(client.futures_create_order(**MARKET))
    while not (await asyncio.to_thread(paper.control, "GET", "faults"))[0]["struck"]:
        await asyncio.sleep(0)
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    while orders(paper) == before:
        await asyncio.sleep(0.05)
    assert orders(paper) == before + 1
