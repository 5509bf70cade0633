"""Websockets as python-binance's socket manager opens them, and as clients of other libraries do."""

import asyncio
import json
import time
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from binance import AsyncClient
from binance.ws.reconnecting_websocket import ReconnectingWebsocket

from quantum_common.clock import epoch_ms
from tests.contract.paper_fields import events
from tests.contract.paper_fields.shape import fits
from tests.paper import PaperProcess, socket_manager, start_paper

SYMBOL = "BTCUSDT"
WAIT_S = 5.0
PAPER = "--symbols 3 --speed 60 --balance 100000 --weight-limit 1000000"  # minutes pass in a second


@pytest.fixture(autouse=True)
def short_socket_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the library's sockets close within a second rather than ten."""
    monkeypatch.setattr(ReconnectingWebsocket, "TIMEOUT", 1)


async def take(socket: Any, count: int) -> list[Any]:
    """Receive so many messages from a socket of the library."""
    return [await asyncio.wait_for(socket.recv(), WAIT_S) for _ in range(count)]


async def receive(socket: aiohttp.ClientWebSocketResponse, count: int = 1) -> list[Any]:
    """Receive so many messages from a plain websocket."""
    return [json.loads((await socket.receive(WAIT_S)).data) for _ in range(count)]


async def test_a_fill_is_told_lite_first_then_as_order_then_as_account(
    paper: PaperProcess, client: AsyncClient
) -> None:
    async with socket_manager(paper, client).futures_user_socket() as socket:
        before_ms = epoch_ms()
        order = await client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.010")
        new, lite, fill, update = await take(socket, 4)
    fits(new, events.ORDER_TRADE_UPDATE)
    fits(lite, events.TRADE_LITE)
    fits(fill, events.FILL_UPDATE)
    fits(update, events.ACCOUNT_UPDATE)
    assert (new["o"]["x"], new["o"]["X"], fill["o"]["x"], fill["o"]["X"]) == ("NEW", "NEW", "TRADE", "FILLED")
    assert lite["i"] == fill["o"]["i"] == order["orderId"]
    assert lite["t"] == fill["o"]["t"]
    assert update["a"]["m"] == "ORDER"
    found = await client.futures_get_order(symbol=SYMBOL, orderId=order["orderId"])
    assert Decimal(fill["o"]["ap"]) == Decimal(found["avgPrice"])
    assert before_ms <= fill["E"] <= epoch_ms()


async def test_algo_orders_and_settings_are_told(paper: PaperProcess, client: AsyncClient) -> None:
    mark = Decimal((await client.futures_mark_price(symbol=SYMBOL))["markPrice"])
    async with socket_manager(paper, client).futures_user_socket() as socket:
        algo = await client.futures_create_algo_order(
            algoType="CONDITIONAL",
            symbol=SYMBOL,
            side="SELL",
            type="STOP_MARKET",
            triggerPrice=f"{mark * Decimal('0.9'):.1f}",
            quantity="0.010",
        )
        await client.futures_cancel_algo_order(algoId=algo["algoId"])
        await client.futures_change_leverage(symbol=SYMBOL, leverage=7)
        placed, cancelled, config = await take(socket, 3)
    fits(placed, events.ALGO_UPDATE)
    assert (placed["o"]["X"], cancelled["o"]["X"]) == ("NEW", "CANCELED")
    fits(config, events.CONFIG_UPDATE)
    assert config["ac"] == {"s": SYMBOL, "l": 7}


async def test_a_kline_closes_exactly_once_and_its_minute_is_what_rest_says(
    paper: PaperProcess, client: AsyncClient
) -> None:
    socket = socket_manager(paper, client).futures_multiplex_socket(["btcusdt@kline_1m"])
    closed: list[Any] = []
    async with socket:
        while len(closed) < 3:
            message = (await take(socket, 1))[0]
            assert message["stream"] == "btcusdt@kline_1m"
            fits(message["data"], events.KLINE_EVENT)
            if message["data"]["k"]["x"]:
                closed.append(message["data"]["k"])
    assert [kline["t"] for kline in closed] == [closed[0]["t"] + 60_000 * number for number in range(3)]
    rows = await client.futures_klines(symbol=SYMBOL, interval="1m", startTime=closed[0]["t"], limit=3)
    assert [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows] == [
        (kline["t"], kline["o"], kline["h"], kline["l"], kline["c"], kline["v"]) for kline in closed
    ]


async def test_the_librarys_other_sockets_carry_their_streams(paper: PaperProcess, client: AsyncClient) -> None:
    manager = socket_manager(paper, client)
    for socket, table in (
        (manager.kline_futures_socket(SYMBOL), events.CONTINUOUS_KLINE_EVENT),
        (manager.symbol_mark_price_socket(SYMBOL), events.MARK_PRICE),
        (manager.symbol_ticker_futures_socket(SYMBOL), events.STREAM_BOOK_TICKER),
        (manager.futures_depth_socket(SYMBOL, "5"), events.STREAM_DEPTH),
    ):
        async with socket:
            message = (await take(socket, 1))[0]
        fits(message.get("data", message), table)


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("/market/ws/btcusdt@aggTrade", events.STREAM_TRADE),
        ("/market/ws/!markPrice@arr@1s", [events.MARK_PRICE]),
        ("/public/ws/btcusdt@depth20", events.STREAM_DEPTH),
        ("/public/ws/btcusdt@depth", events.STREAM_DEPTH),
        ("/ws/btcusdt@bookTicker", events.STREAM_BOOK_TICKER),
        ("/ws/ethusdt@kline_5m", events.KLINE_EVENT),
    ],
)
async def test_streams_by_path(paper: PaperProcess, path: str, table: Any) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(paper.ws_url + path) as socket:
        fits((await receive(socket))[0], table)


async def test_differences_of_the_book_follow_on_each_other(paper: PaperProcess) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(paper.ws_url + "/public/ws") as socket:
        await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth"], "id": 1})
        _, first, second = await receive(socket, 3)
    assert second["pu"] == first["u"]
    assert second["U"] == first["u"] + 1


async def test_subscriptions_are_made_listed_and_taken_back(paper: PaperProcess) -> None:
    names = ["btcusdt@bookTicker", "ethusdt@bookTicker"]
    async with aiohttp.ClientSession() as session, session.ws_connect(paper.ws_url + "/public/stream") as socket:
        await socket.send_json({"method": "SUBSCRIBE", "params": names, "id": 7})
        assert await receive(socket) == [{"result": None, "id": 7}]
        assert {message["stream"] for message in await receive(socket, 6)} == set(names)
        await socket.send_json({"method": "UNSUBSCRIBE", "params": names, "id": 8})
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 9})
        answers = [message for message in await receive(socket, 2) if "id" in message]
        while len(answers) < 2:
            answers += [message for message in await receive(socket) if "id" in message]
        assert answers == [{"result": None, "id": 8}, {"result": [], "id": 9}]
        await socket.send_str("no json")
        assert (await receive(socket))[0]["code"] == 3
        await socket.send_json({"method": "SING", "params": [], "id": 10})
        assert (await receive(socket))[0]["error"]["code"] == 2


@pytest.mark.parametrize(
    ("route", "stream"),
    [("/private/ws", "btcusdt@bookTicker"), ("/public/ws", "btcusdt@kline_1m"), ("/market/ws", "btcusdt@depth5")],
)
async def test_the_wrong_route_is_acknowledged_and_stays_silent(paper: PaperProcess, route: str, stream: str) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(paper.ws_url + route) as socket:
        await socket.send_json({"method": "SUBSCRIBE", "params": [stream], "id": 1})
        assert await receive(socket) == [{"result": None, "id": 1}]
        with pytest.raises(TimeoutError):
            await socket.receive(1.2)


@pytest.mark.parametrize(
    "form", ["/private/ws?listenKey={}", "/private/ws/{}", "/ws/{}", "/private/stream?listenKey={}"]
)
async def test_every_form_of_the_user_stream(paper: PaperProcess, client: AsyncClient, form: str) -> None:
    key = await client.futures_stream_get_listen_key()
    async with aiohttp.ClientSession() as session, session.ws_connect(paper.ws_url + form.format(key)) as socket:
        await client.futures_create_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.010")
        message = (await receive(socket))[0]
    assert message.get("data", message)["e"] == "ORDER_TRADE_UPDATE"


async def test_named_events_alone_are_sent_where_events_are_named(paper: PaperProcess, client: AsyncClient) -> None:
    key = await client.futures_stream_get_listen_key()
    path = f"/private/ws?listenKey={key}&events=ACCOUNT_UPDATE/TRADE_LITE"
    async with aiohttp.ClientSession() as session, session.ws_connect(paper.ws_url + path) as socket:
        await client.futures_create_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.010")
        assert [message["e"] for message in await receive(socket, 2)] == ["TRADE_LITE", "ACCOUNT_UPDATE"]


async def test_a_closed_listen_key_is_announced_to_its_holder(paper: PaperProcess, client: AsyncClient) -> None:
    key = await client.futures_stream_get_listen_key()
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{paper.ws_url}/private/ws/{key}") as socket:
        await client.futures_stream_close(listenKey=key)
        message = (await receive(socket))[0]
    fits(message, events.LISTEN_KEY_EXPIRED)
    assert message["listenKey"] == key


async def test_pings_are_answered_and_a_flood_is_closed(paper: PaperProcess) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{paper.ws_url}/public/ws", autoping=False) as socket:
            await socket.ping(b"hello")
            answer = await socket.receive(WAIT_S)
            assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"hello")
        async with session.ws_connect(f"{paper.ws_url}/public/ws") as socket:
            for number in range(12):
                await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
            kinds = [(await socket.receive(WAIT_S)).type for _ in range(11)]
    assert aiohttp.WSMsgType.CLOSE in kinds


async def test_no_stream_lives_elsewhere(paper: PaperProcess) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(f"{paper.ws_url}/elsewhere/ws")


async def test_a_websocket_ends_with_its_life(tmp_path_factory: pytest.TempPathFactory) -> None:
    paper = start_paper(tmp_path_factory.mktemp("short"), "--symbols", "1", "--websocket-life-s", "1")
    try:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{paper.ws_url}/public/ws") as socket:
            assert (await socket.receive(WAIT_S)).type is aiohttp.WSMsgType.CLOSE
    finally:
        paper.stop()


async def test_a_client_that_never_reads_holds_up_nobody(paper: PaperProcess, client: AsyncClient) -> None:
    key = await client.futures_stream_get_listen_key()
    reader, writer = await asyncio.open_connection("127.0.0.1", paper.port, limit=1024)
    handshake = (
        f"GET /private/ws/{key} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    writer.write(handshake.encode())
    assert b"101" in await reader.readline()
    started = time.monotonic()
    for number in range(100):
        side = "BUY" if number % 2 else "SELL"
        await client.futures_create_order(symbol=SYMBOL, side=side, type="MARKET", quantity="0.010")
    assert time.monotonic() - started < WAIT_S
    writer.close()
