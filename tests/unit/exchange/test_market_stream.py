"""Closed bars of the subscribed symbols: each once, in order, through cuts and silence."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from quantum_common.clock import epoch_ms
from quantum_common.exchange import market_stream
from quantum_common.exchange.market_stream import STREAMS_A_CONNECTION
from quantum_common.exchange.port import FundingTerms
from tests.unit.exchange.scripted import GatedClock, Reply, connected, scripted_exchange
from tests.unit.exchange.test_history import STEP, kline, klines_to
from tests.unit.exchange.test_user_stream import until_asked, until_open


def pushed(index: int, symbol: str = "BTCUSDT", *, closed: bool = True) -> dict[str, Any]:
    bar = {
        "t": index * STEP, "T": index * STEP + STEP - 1, "s": symbol, "i": "1m", "o": "1", "c": "1", "h": "1",
        "l": "1", "v": "1", "x": closed,
    }  # fmt: skip
    stream = f"{symbol.lower()}@kline_1m"
    return {"stream": stream, "data": {"e": "kline", "E": 1, "s": symbol, "k": bar}}


class StillClock(GatedClock):
    """A clock that only the test moves, and that counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.began_ms, self.asked = epoch_ms(), 0

    def now_ms(self) -> int:
        self.asked += 1
        return self.began_ms + self.ahead_ms


async def take(exchange: Any, count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        found += [bar.open_ms // STEP for bar in await exchange.market.next_bars()]
    return found


async def test_only_closed_bars_are_delivered() -> None:
    async with scripted_exchange() as server, connected(server, "BTCUSDT", "ETHUSDT") as exchange:
        server.greeting = [pushed(1, closed=False), pushed(1), pushed(2, closed=False), pushed(2)]
        assert await take(exchange, 2) == [1, 2]
        assert server.socket_urls == ["/market/stream?streams=btcusdt@kline_1m/ethusdt@kline_1m"]


async def test_bars_that_closed_while_the_stream_was_cut_come_from_the_history() -> None:
    async with scripted_exchange() as server, connected(server, "BTCUSDT", clock=GatedClock()) as exchange:
        server.greeting = [pushed(1)]
        assert await take(exchange, 1) == [1]
        server.scripts["GET /v1/klines"] = klines_to(5)
        server.greeting = [pushed(5)]
        await (await until_open(server)).close()
        assert await take(exchange, 4) == [2, 3, 4, 5]


async def test_the_stream_goes_on_where_the_first_history_ended() -> None:
    async with (
        scripted_exchange(**{"GET /v1/klines": klines_to(3)}) as server,
        connected(server, "BTCUSDT") as exchange,
    ):
        assert [bar.open_ms // STEP for bar in await exchange.market.history("BTCUSDT", "1m", 2)] == [1, 2]
        await exchange.market.history("BTCUSDT", "5m", 2)
        await exchange.market.history("OTHERUSDT", "1m", 2)
        server.scripts["GET /v1/klines"] = klines_to(6)
        server.greeting = [pushed(5)]
        assert await take(exchange, 3) == [3, 4, 5]


async def test_a_gap_of_many_pages_is_filled() -> None:
    async with (
        scripted_exchange(**{"GET /v1/klines": klines_to(1800)}) as server,
        connected(server, "BTCUSDT", clock=GatedClock()) as exchange,
    ):
        server.greeting = [pushed(1), pushed(1799)]
        assert await take(exchange, 1799) == list(range(1, 1800))


async def test_what_fills_a_gap_comes_at_once_so_that_the_newest_bar_is_the_present() -> None:
    async with (
        scripted_exchange(**{"GET /v1/klines": klines_to(1800)}) as server,
        connected(server, "BTCUSDT", clock=GatedClock()) as exchange,
    ):
        server.greeting = [pushed(1), pushed(1799)]
        batches = [[bar.open_ms // STEP for bar in await exchange.market.next_bars()]]
        if batches == [[1]]:
            batches.append([bar.open_ms // STEP for bar in await exchange.market.next_bars()])
        assert batches[-1][-1] == 1799
        assert [index for batch in batches for index in batch] == list(range(1, 1800))


async def test_funding_is_read_with_its_interval() -> None:
    premiums = [
        {"symbol": "BTCUSDT", "lastFundingRate": "0.00010000"}, {"symbol": "XYZUSDT", "lastFundingRate": "-0.00250000"},
        {"symbol": "BTCUSDT_270326", "lastFundingRate": ""},
    ]  # fmt: skip
    intervals = [{"symbol": "XYZUSDT", "fundingIntervalHours": 4}]
    async with (
        scripted_exchange(
            **{"GET /v1/premiumIndex": Reply(body=premiums), "GET /v1/fundingInfo": Reply(body=intervals)}
        ) as server,
        connected(server, "BTCUSDT") as exchange,
    ):
        assert await exchange.market.funding_terms() == {
            "BTCUSDT": FundingTerms("BTCUSDT", Decimal("0.0001"), 8 * 3_600_000),
            "XYZUSDT": FundingTerms("XYZUSDT", Decimal("-0.0025"), 4 * 3_600_000),
        }


async def test_a_history_that_lags_or_fails_is_read_again() -> None:
    clock = GatedClock()
    async with (
        scripted_exchange(**{"GET /v1/klines": Reply(500, text="")}) as server,
        connected(server, "BTCUSDT", clock=clock) as exchange,
    ):
        server.greeting = [pushed(1), pushed(4)]
        assert await take(exchange, 1) == [1]
        await until_asked(server, "GET", "/v1/klines", 2)
        server.scripts["GET /v1/klines"] = Reply(body=[])
        await until_asked(server, "GET", "/v1/klines", 4)
        server.scripts["GET /v1/klines"] = klines_to(2)
        await until_asked(server, "GET", "/v1/klines", 6)
        server.scripts["GET /v1/klines"] = Reply(body=[kline(2), kline(3), kline(4)])
        assert await take(exchange, 3) == [2, 3, 4]


@pytest.mark.parametrize("frame", ["no JSON", "[]", '{"stream":"x"}', '{"data":{"k":{"x":true,"i":"1m","s":"NONE"}}}'])
async def test_a_frame_that_cannot_be_read_ends_the_connection(frame: str) -> None:
    async with scripted_exchange() as server, connected(server, "BTCUSDT", clock=GatedClock()) as exchange:
        server.greeting = [pushed(1)]
        assert await take(exchange, 1) == [1]
        server.scripts["GET /v1/klines"] = klines_to(3)
        await (await until_open(server)).send_str(frame)
        assert await take(exchange, 1) == [2]


async def test_a_bar_of_a_symbol_that_nobody_asked_for_ends_the_connection() -> None:
    async with scripted_exchange() as server, connected(server, "BTCUSDT", clock=GatedClock()) as exchange:
        server.greeting = [pushed(1, "ETHUSDT")]
        taking = asyncio.create_task(take(exchange, 1))
        while len(server.socket_urls) < 2:
            await asyncio.sleep(0)
        server.greeting = [pushed(1)]
        assert await taking == [1]


async def test_a_stream_that_falls_silent_is_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_stream, "SILENCE_MS_MAX", 5)
    clock = StillClock()
    async with scripted_exchange() as server, connected(server, "BTCUSDT", clock=clock) as exchange:
        server.greeting = [pushed(1)]
        assert await take(exchange, 1) == [1]
        server.scripts["GET /v1/klines"] = klines_to(3)
        server.greeting = []
        clock.ahead_ms += 5
        assert await take(exchange, 1) == [2]
        assert len(server.socket_urls) == 2


async def test_a_quiet_guard_lets_a_sounding_stream_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_stream, "SILENCE_MS_MAX", 5)
    clock = StillClock()
    async with scripted_exchange() as server, connected(server, "BTCUSDT", clock=clock) as exchange:
        for minute in range(1, 5):
            taking = asyncio.create_task(take(exchange, 1))
            await (await until_open(server)).send_json(pushed(minute))
            assert await taking == [minute]
            clock.ahead_ms += 4
            before = clock.asked
            while clock.asked == before:  # the guard looks every five milliseconds
                await asyncio.sleep(0)
        assert len(server.socket_urls) == 1


async def test_many_symbols_share_few_connections() -> None:
    symbols = [f"S{number}USDT" for number in range(STREAMS_A_CONNECTION + 1)]
    async with scripted_exchange() as server, connected(server, *symbols) as exchange:
        waiting = asyncio.create_task(exchange.market.next_bars())
        server.greeting = []
        while len(server.sockets) < 2:
            await asyncio.sleep(0)
        assert [url.count("@kline_1m") for url in sorted(server.socket_urls, key=len)] == [1, STREAMS_A_CONNECTION]
        waiting.cancel()
