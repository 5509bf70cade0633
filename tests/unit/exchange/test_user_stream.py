"""The user data stream: Connected first and after every gap, and no end of its own."""

import asyncio
import time
from typing import Any

import pytest

from quantum_common.exchange import user_stream
from quantum_common.exchange.port import ConfigurationRefused, Connected, LeverageChanged, Traded
from tests.unit.exchange.scripted import GatedClock, Reply, ScriptedExchange, connected, scripted_exchange
from tests.unit.exchange.test_user_events import TRADE, order_update

LISTEN_KEY = {
    "POST /v1/listenKey": Reply(body={"listenKey": "K1"}),
    "PUT /v1/listenKey": Reply(body={"listenKey": "K1"}),
}
LEVERAGE = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "T": 1, "ac": {"s": "BTCUSDT", "l": 7}}


async def until_asked(server: ScriptedExchange, method: str, path: str, count: int) -> None:
    while len(server.requests(method, path)) < count:
        await asyncio.sleep(0)


async def until_open(server: ScriptedExchange) -> Any:
    while not server.sockets:
        await asyncio.sleep(0)
    return server.sockets[-1]


async def test_connected_comes_before_anything_else() -> None:
    async with scripted_exchange(**LISTEN_KEY) as server, connected(server) as exchange:
        server.greeting = [order_update(), LEVERAGE]
        events = [await exchange.account.next_event() for _ in range(3)]
        assert events == [Connected(), Traded(TRADE), LeverageChanged("BTCUSDT", 7)]
        assert server.socket_urls == ["/private/ws/K1"]


@pytest.mark.parametrize(
    "ending",
    [
        {"e": "listenKeyExpired", "E": 1, "listenKey": "K1"},
        order_update(t="not a number"),
        "not even JSON",
        None,
    ],
    ids=["expired", "malformed", "no JSON", "closed"],
)
async def test_whatever_ends_a_connection_another_begins_with_connected(ending: Any) -> None:
    clock = GatedClock()
    async with scripted_exchange(**LISTEN_KEY) as server, connected(server, clock=clock) as exchange:
        assert await exchange.account.next_event() == Connected()
        socket = await until_open(server)
        server.scripts["POST /v1/listenKey"] = Reply(body={"listenKey": "K2"})
        server.greeting = [LEVERAGE]
        if ending is None:
            await socket.close()
        elif isinstance(ending, str):
            await socket.send_str(ending)
        else:
            await socket.send_json(ending)
        assert await exchange.account.next_event() == Connected()
        assert await exchange.account.next_event() == LeverageChanged("BTCUSDT", 7)
        assert server.socket_urls == ["/private/ws/K1", "/private/ws/K2"]


async def test_an_exchange_that_is_away_is_tried_again_with_a_bounded_pause() -> None:
    clock = GatedClock()
    async with (
        scripted_exchange(**{"POST /v1/listenKey": Reply(500, text="")}) as server,
        connected(server, clock=clock) as exchange,
    ):
        waiting = asyncio.create_task(exchange.account.next_event())
        for count in range(1, 12):
            await until_asked(server, "POST", "/v1/listenKey", count)
            clock.gate.set()
        server.scripts |= LISTEN_KEY
        clock.gate.set()
        while not waiting.done():
            clock.gate.set()
            await asyncio.sleep(0)
        assert await waiting == Connected()
        assert clock.slept[:8] == [500, 500, 500, 800, 1600, 3200, 5000, 5000]


async def test_a_refused_key_breaks_the_reader() -> None:
    refused = Reply(401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
    async with scripted_exchange(**{"POST /v1/listenKey": refused}) as server, connected(server) as exchange:
        with pytest.raises(ConfigurationRefused):
            await exchange.account.next_event()


async def test_an_answer_without_a_listen_key_is_tried_again() -> None:
    clock = GatedClock()
    async with (
        scripted_exchange(**{"POST /v1/listenKey": Reply(body={})}) as server,
        connected(server, clock=clock) as exchange,
    ):
        waiting = asyncio.create_task(exchange.account.next_event())
        await until_asked(server, "POST", "/v1/listenKey", 2)
        server.scripts |= LISTEN_KEY
        assert await waiting == Connected()


async def test_the_listen_key_is_kept_alive() -> None:
    clock = GatedClock()
    async with scripted_exchange(**LISTEN_KEY) as server, connected(server, clock=clock) as exchange:
        await exchange.account.next_event()
        clock.gate.set()
        await until_asked(server, "PUT", "/v1/listenKey", 1)
        server.scripts["PUT /v1/listenKey"] = Reply(500, text="")
        clock.gate.set()
        await until_asked(server, "PUT", "/v1/listenKey", 2)
        while len(clock.slept) < 3:
            await asyncio.sleep(0)
        assert clock.slept == [60_000, 60_000, 5_000]
        assert server.requests("PUT", "/v1/listenKey")[0].params == {"listenKey": "K1"}


@pytest.mark.parametrize(
    "answer",
    [
        Reply(400, {"code": -1125, "msg": "This listenKey does not exist."}),
        Reply(body={"listenKey": "K2"}),
    ],
)
async def test_a_listen_key_that_died_unannounced_is_found_out(answer: Reply) -> None:
    clock = GatedClock()
    async with scripted_exchange(**LISTEN_KEY) as server, connected(server, clock=clock) as exchange:
        await exchange.account.next_event()
        server.scripts["PUT /v1/listenKey"] = answer
        clock.gate.set()
        assert await exchange.account.next_event() == Connected()


async def test_events_that_nobody_takes_end_in_a_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_stream, "EVENTS_WAITING_MAX", 3)
    async with scripted_exchange(**LISTEN_KEY) as server, connected(server, clock=GatedClock()) as exchange:
        assert await exchange.account.next_event() == Connected()
        socket = await until_open(server)
        for _ in range(4):
            await socket.send_json(LEVERAGE)
        while len(server.socket_urls) < 2:
            await asyncio.sleep(0)
        assert await exchange.account.next_event() == Connected()


async def test_an_open_stream_closes_at_once() -> None:
    async with scripted_exchange(**LISTEN_KEY) as server:
        async with connected(server) as exchange:
            await exchange.account.next_event()
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 1
        assert not server.requests("DELETE", "/v1/listenKey")
