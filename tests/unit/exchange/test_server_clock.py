"""The exchange's clock as ours plus an offset."""

import asyncio

import pytest

from quantum_common.clock import ManualClock
from quantum_common.exchange import server_clock
from quantum_common.exchange.port import ExchangeUnavailable
from quantum_common.exchange.server_clock import ServerClock, offset_of


def test_half_the_round_trip_is_taken_off() -> None:
    assert offset_of(sent_ms=1_000, server_ms=6_020, received_ms=1_040) == 5_000


async def test_the_sample_with_the_shortest_round_trip_counts() -> None:
    clock = ManualClock(1_000_000)
    trips = iter([(80, 7), (10, 500), (60, 9)])

    async def ask() -> int:
        trip_ms, error_ms = next(trips)
        server_ms = clock.now_ms() + trip_ms // 2 + error_ms
        clock.advance(trip_ms)
        return server_ms

    server = ServerClock(clock)
    await server.compare(ask)
    assert server.offset_ms == 500
    assert server.now_ms() == clock.now_ms() + 500


async def test_a_doubt_has_the_clock_compared_at_once_and_a_failure_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_clock, "RETRY_MS", 1)
    clock = ManualClock(1_000_000)
    failures = [ExchangeUnavailable("away", 1)]
    compared = asyncio.Event()

    async def ask() -> int:
        if failures:
            raise failures.pop()
        compared.set()
        return 1_000_250

    server = ServerClock(clock)
    keeping = asyncio.create_task(server.keep(ask))
    server.doubt()
    await compared.wait()
    while server.offset_ms == 0:
        await asyncio.sleep(0)
    assert server.offset_ms == 250
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
