"""The exchange's clock, as our own clock plus an offset that is measured again and again.

The futures server is asked, as it is the one that checks our stamps. Of several samples the one with the shortest
round trip counts, and half of that trip is taken off.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from operator import itemgetter

from quantum_common.clock import Clock
from quantum_common.exchange.port import ExchangeUnavailable

SAMPLES = 3
COMPARE_EVERY_MS = 60_000
RETRY_MS = 2_000

Ask = Callable[[], Awaitable[int]]


def offset_of(sent_ms: int, server_ms: int, received_ms: int) -> int:
    """Given when a question was sent, the server's answer and when it came, return server time less our time."""
    return server_ms - (sent_ms + received_ms) // 2


class ServerClock:
    """Our clock, set by the exchange's."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.offset_ms = 0
        self._doubted = asyncio.Event()

    def now_ms(self) -> int:
        """Return the exchange's time as far as we know it."""
        return self.clock.now_ms() + self.offset_ms

    def doubt(self) -> None:
        """Have the offset measured again at once: the exchange refused one of our stamps."""
        self._doubted.set()

    async def compare(self, ask: Ask) -> None:
        """Given a way to ask for the exchange's time, measure the offset. What `ask` raises is raised."""
        samples = [await self._sample(ask) for _ in range(SAMPLES)]
        _, self.offset_ms = min(samples, key=itemgetter(0))
        self._doubted.clear()

    async def _sample(self, ask: Ask) -> tuple[int, int]:
        """Ask once and return the round trip and the offset that it shows."""
        sent_ms = self.clock.now_ms()
        server_ms = await ask()
        received_ms = self.clock.now_ms()
        return received_ms - sent_ms, offset_of(sent_ms, server_ms, received_ms)

    async def keep(self, ask: Ask) -> None:
        """Given a way to ask for the exchange's time, measure for ever: periodically, and at once after a doubt."""
        wait_ms = COMPARE_EVERY_MS
        while True:
            # Not wait_for: on Python 3.11 it loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):
                    await self._doubted.wait()
            try:
                await self.compare(ask)
                wait_ms = COMPARE_EVERY_MS
            except ExchangeUnavailable as unavailable:
                self._doubted.clear()
                wait_ms = max(RETRY_MS, unavailable.retry_after_ms)
