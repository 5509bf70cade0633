"""What `quantum top` shows at one moment, and the one reader that fills it. Reading changes nothing in Redis."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from redis import Redis

from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys
from quantum_common.redis_client import why_gone
from services.cli.board import Board, BoardReader
from services.cli.health.check import Check
from services.cli.health.collect import collect
from services.cli.health.judge import judge
from services.cli.health.limits import Limits
from services.cli.health.picture import Fields
from services.cli.redis_link import GONE
from services.cli.tally import GATES_WINDOW_MS

JUDGED_EVERY_S = 5.0
JUDGED_ENTRIES_MAX = 500  # of each stream, for the shares in the checklist


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment. `board` is None before the first reading; `trouble` says why there is no newer one. Times in epoch
    milliseconds."""

    now_ms: int
    board: Board | None = None
    beats: Mapping[str, Fields] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    trouble: str = ""


class Sampler:
    """Reads what is new since the last time; judges the whole every few seconds. Used by one thread at a time."""

    def __init__(self, redis: Redis, keys: Keys, limits: Limits) -> None:
        self._redis, self._keys, self._limits = redis, keys, limits
        self._reader = BoardReader(redis, keys, limits.symbols, epoch_ms() - GATES_WINDOW_MS)
        self._last = Sample(epoch_ms())
        self._judged_s = float("-inf")

    def read(self) -> Sample:
        """Return how things stand; where Redis is away, what was last seen and the trouble."""
        try:
            board = self._reader.read(restarts=0)
            beats, checks = self._judged()
        except GONE as error:
            last = self._last
            return Sample(epoch_ms(), last.board, last.beats, last.checks, f"redis does not answer: {why_gone(error)}")
        self._last = Sample(epoch_ms(), board, beats, checks)
        return self._last

    def _judged(self) -> tuple[Mapping[str, Fields], tuple[Check, ...]]:
        if time.monotonic() - self._judged_s < JUDGED_EVERY_S:
            return self._last.beats, self._last.checks
        now_ms, limits = epoch_ms(), self._limits
        found = collect(
            self._redis, self._keys, limits.symbols, now_ms - limits.window_ms, entries_max=JUDGED_ENTRIES_MAX
        )
        self._judged_s = time.monotonic()
        return found.beats, judge(found, limits, now_ms)
