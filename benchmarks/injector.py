"""Writes wishes at a steady rate, or all at once, and notes when each was about to be written.

Open loop: the next wish is due by the clock, whatever became of the one before, so that a chain that falls behind
shows it as latency and backlog instead of slowing down its own load.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis

from benchmarks.wishes import Wishes
from quantum_common.ids import plan_id
from quantum_common.keys import Keys

BURST_BATCH = 100


@dataclass(frozen=True, slots=True)
class Injected:
    """One wish that was written: the plan that it must lead to, and the time just before it was sent to Redis."""

    plan_id: str
    sent_ns: int


@dataclass(frozen=True, slots=True)
class Injector:
    """Writes to the stream of intents of one pipeline."""

    redis: Redis
    keys: Keys
    wishes: Wishes

    def steady(self, first: int, count: int, rate: float) -> Iterator[Injected]:
        """Given the first number, how many and how many a second, write each when it is due, and yield it."""
        began_ns = time.monotonic_ns()
        for index in range(count):
            due_ns = began_ns + int(index * 1e9 / rate)
            while (early_ns := due_ns - time.monotonic_ns()) > 0:
                time.sleep(early_ns / 1e9)
            yield self._write(first + index)

    def burst(self, first: int, count: int) -> list[Injected]:
        """Given the first number and how many, write them as fast as Redis takes them, and return them."""
        injected: list[Injected] = []
        for start in range(first, first + count, BURST_BATCH):
            pipe = self.redis.pipeline(transaction=False)
            for number in range(start, min(start + BURST_BATCH, first + count)):
                sent_ns = time.time_ns()
                plan, fields = self._entry(number, sent_ns)
                pipe.xadd(self.keys.intents, fields)
                injected.append(Injected(plan, sent_ns))
            pipe.execute()
        return injected

    def _write(self, number: int) -> Injected:
        sent_ns = time.time_ns()
        plan, fields = self._entry(number, sent_ns)
        self.redis.xadd(self.keys.intents, fields)
        return Injected(plan, sent_ns)

    def _entry(self, number: int, now_ns: int) -> tuple[str, dict[Any, Any]]:
        intent = self.wishes.intent(number, now_ns // 1_000_000)
        return plan_id(intent.intent_id, self.keys.prefix), intent.to_fields()
