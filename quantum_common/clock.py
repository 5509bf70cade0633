"""Time is injected: a service asks its clock, so that tests, replays and the simulation own the time."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


class Clock(Protocol):
    """What a service may ask of time. `now_ms` is epoch milliseconds."""

    def now_ms(self) -> int:
        """Return the current time in epoch milliseconds."""
        ...

    async def sleep_ms(self, duration_ms: int) -> None:
        """Wait for that many milliseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return the wall clock in epoch milliseconds."""
        return epoch_ms()

    async def sleep_ms(self, duration_ms: int) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(duration_ms / 1000)


class ManualClock:
    """A clock that moves only when told; sleeping moves it."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the time that was set."""
        return self._now_ms

    def advance(self, duration_ms: int) -> None:
        """Move the time forward."""
        self._now_ms += duration_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        """Move the time forward instead of waiting."""
        self.advance(duration_ms)


def epoch_ms() -> int:
    """Return the wall clock in epoch milliseconds: for commands that answer once. Whoever goes on is given a Clock."""
    return time.time_ns() // 1_000_000


def minute_utc(ms: int) -> str:
    """Given epoch milliseconds, return the minute as people read it, in UTC: `2025-05-10 12:00`."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
