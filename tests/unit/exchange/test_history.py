"""Bars of the past: closed ones only, whatever the page size."""

from typing import Any

import pytest

from quantum_common.exchange.budget import Cost, Lane
from quantum_common.exchange.history import klines_cost
from quantum_common.exchange.port import ExchangeUnavailable
from tests.unit.exchange.scripted import Asked, Reply, connected, scripted_exchange

STEP = 60_000


def kline(index: int) -> list[Any]:
    return [index * STEP, "1", "1", "1", "1", "1", index * STEP + STEP - 1, "1", 1, "1", "1", "0"]


def klines_to(newest: int) -> Any:
    """Answer as klines does: the newest rows, or those before an end or after a start; the last is still open."""

    def answer(asked: Asked) -> Reply:
        start, end = int(asked.params.get("startTime", 0)), int(asked.params.get("endTime", 10**15))
        found = [kline(index) for index in range(newest + 1) if start <= index * STEP <= end]
        limit = int(asked.params["limit"])
        assert limit <= 1500
        return Reply(body=found[:limit] if "startTime" in asked.params else found[-limit:])

    return answer


@pytest.mark.parametrize(("limit", "requests"), [(1, 1), (500, 1), (1499, 1), (1500, 2), (3100, 3)])
async def test_the_last_closed_bars_are_returned_oldest_first(limit: int, requests: int) -> None:
    async with scripted_exchange(**{"GET /v1/klines": klines_to(4000)}) as server, connected(server) as exchange:
        bars = await exchange.market.history("BTCUSDT", "1m", limit)
        assert [bar.open_ms // STEP for bar in bars] == list(range(4000 - limit, 4000))
        assert len(server.requests("GET", "/v1/klines")) == requests


@pytest.mark.parametrize(("newest", "limit"), [(10, 100), (1600, 3000)])
async def test_a_young_market_has_what_it_has(newest: int, limit: int) -> None:
    async with scripted_exchange(**{"GET /v1/klines": klines_to(newest)}) as server, connected(server) as exchange:
        bars = await exchange.market.history("BTCUSDT", "1m", limit)
        assert [bar.open_ms // STEP for bar in bars] == list(range(newest))


async def test_a_deep_past_waits_where_snapshots_may_still_be_read() -> None:
    async with scripted_exchange(**{"GET /v1/klines": klines_to(4000)}) as server, connected(server) as exchange:
        assert len(await exchange.market.history("BTCUSDT", "1m", 100)) == 100
        now_ms = exchange.session.server_clock.now_ms()
        assert exchange.session.budget.reserve(Lane.CLOSE, Cost(weight=2400 * 72 // 100), now_ms) == 0
        assert len(await exchange.market.history("BTCUSDT", "1m", 100)) == 100
        with pytest.raises(ExchangeUnavailable, match="rate budget"):
            await exchange.market.history("BTCUSDT", "1m", 3000)


async def test_a_market_without_bars_has_no_history() -> None:
    async with scripted_exchange(**{"GET /v1/klines": Reply(body=[])}) as server, connected(server) as exchange:
        assert list(await exchange.market.history("BTCUSDT", "1m", 10)) == []


async def test_a_history_of_nothing_is_a_mistake() -> None:
    async with scripted_exchange() as server, connected(server) as exchange:
        with pytest.raises(ValueError, match="at least one"):
            await exchange.market.history("BTCUSDT", "1m", 0)


@pytest.mark.parametrize(
    ("limit", "weight"), [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10), (1500, 10)]
)
def test_the_weight_of_klines_rises_with_the_rows(limit: int, weight: int) -> None:
    assert klines_cost(limit).weight == weight
