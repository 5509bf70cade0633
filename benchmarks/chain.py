"""Latency of the whole chain, hop by hop, at a rate that leaves it idle in between, for both ways to sync the disk."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.hops import HOPS, MARK_HOP, Hop, Timeline, verdict
from benchmarks.injector import Injector
from benchmarks.latency import DRAIN_WITHIN_S, tapped
from benchmarks.machine import Machine
from benchmarks.percentiles import cells
from benchmarks.rig import Rig, chain
from benchmarks.tables import table
from benchmarks.wishes import Wishes
from services.cli.embedded_redis import Fsync

SYMBOLS = 40
RATE = 20.0
HEAD = ("hop", "count", "p50 ms", "p90 ms", "p99 ms", "worst ms", "limit p50/p99")
FSYNCS: Sequence[Fsync] = ("everysec", "always")


@dataclass(frozen=True, slots=True)
class ChainRun:
    """What one run of the chain has shown. `injected` counts the wishes after the warm-up."""

    fsync: Fsync
    rate: float
    injected: int
    timeline: Timeline
    machine: str

    def tables(self) -> str:
        """Return the run as text."""
        executed = len(self.timeline.durations(HOPS[-1]))
        rows = [_row(hop, self.timeline) for hop in (*HOPS, MARK_HOP)]
        return "\n".join(
            (
                f"## The chain at {self.rate:g} intents/s, appendfsync {self.fsync}",
                f"{self.injected} intents, {executed} executed with a result",
                "",
                table(HEAD, rows),
                "",
                self.machine,
            )
        )


def measure(fsync: Fsync, seconds: int, rate: float = RATE) -> ChainRun:
    """Given when Redis syncs, for how long and at which rate, run the chain. Raise BenchmarkFailed."""
    with chain(fsync, SYMBOLS) as rig:
        machine = Machine.now(rig.redis_version())
        injector = Injector(rig.redis, rig.keys, Wishes(rig.symbols, uuid.uuid4().hex))
        warm_up, count = 2 * SYMBOLS, max(int(seconds * rate), 1)
        for _ in injector.steady(0, warm_up, rate):
            pass
        drain(rig, warm_up)
        with tapped(rig.children, rig.redis_url, rig.exchange_url) as tap:
            tap.mark(rig.redis)
            tap.take(list(injector.steady(warm_up, count, rate)))
            drain(rig, warm_up + count)
        return ChainRun(fsync, rate, count, tap.timeline, machine.line())


def drain(rig: Rig, intents: int) -> None:
    """Given a chain and how many wishes it was given, wait until each has its result and every fill its entry in the
    journal. Raise BenchmarkFailed where that takes too long."""
    rig.children.wait_until(
        lambda: rig.length(rig.keys.results) >= intents, f"{intents} results", DRAIN_WITHIN_S
    )  # fmt: skip
    quiet = -1
    while quiet != (length := rig.length(rig.keys.journal)):
        quiet = length
        time.sleep(0.3)


def _row(hop: Hop, timeline: Timeline) -> list[str]:
    summary = timeline.summary(hop)
    return [hop.name, *cells(summary), verdict(hop, summary)]
