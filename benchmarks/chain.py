"""Latency of the whole chain, hop by hop, at a rate that leaves it idle in between, for both ways to sync the disk."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from benchmarks.hops import HOPS, MARK_HOP, Hop, Timeline, verdict
from benchmarks.injector import Injector
from benchmarks.latency import DRAIN_WITHIN_S, tapped
from benchmarks.machine import Machine
from benchmarks.percentiles import cells
from benchmarks.rig import DAEMONS, Rig, chain
from benchmarks.samples import Samples
from benchmarks.tables import table
from benchmarks.wishes import Wishes
from services.cli.embedded_redis import Fsync

SYMBOLS, STANDING = 40, 10  # as many positions as the default settings allow
RATE = 20.0
WARM_UP, WARM_UP_RATE = 100, 40.0
BURST_SYMBOLS, BURST_STANDING = 120, 60
BURST, BURSTS = 2 * BURST_STANDING, 8
SETTLED_POLL_S = 0.005
HEAD = ("hop", "count", "p50 ms", "p90 ms", "p99 ms", "worst ms", "limit p50/p99")


@dataclass(frozen=True, slots=True)
class Burst:
    """What came of many messages at once. `cpu_ms` is the processor time a plan of those who work on it."""

    plans: int
    executed: int
    plans_per_s: float
    cpu_ms: float

    def line(self) -> str:
        """Return the burst in words."""
        return (
            f"at saturation, {self.plans} plans in bursts of {BURST}, each booked before the next: "
            f"{self.plans_per_s:.0f} plans/s, {self.executed} executed, "
            f"{self.cpu_ms:.2f} ms of the four daemons' processor time a plan"
        )


@dataclass(frozen=True, slots=True)
class ChainRun:
    """What one run of the chain has shown. `injected` counts the wishes after the warm-up."""

    fsync: Fsync
    rate: float
    injected: int
    timeline: Timeline
    burst: Burst
    samples: Samples
    redis_version: str
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
                self.burst.line(),
                "",
                self.machine,
            )
        )


def measure(fsync: Fsync, seconds: int, rate: float = RATE) -> ChainRun:
    """Given when Redis syncs, for how long and at which rate, run the chain. Raise BenchmarkFailed."""
    with chain(fsync, SYMBOLS + BURST_SYMBOLS) as rig:
        machine = Machine.now(rig.redis_version())
        injector = Injector(rig.redis, rig.keys, Wishes(rig.symbols[:SYMBOLS], STANDING, uuid.uuid4().hex))
        count = max(int(seconds * rate), 1)
        warm_up = sum(1 for _ in injector.steady(0, WARM_UP, WARM_UP_RATE))
        drain(rig, warm_up)
        with tapped(rig.children, rig.redis_url, rig.exchange_url) as tap:
            tap.mark(rig.redis)
            tap.take(list(injector.steady(warm_up, count, rate)))
            drain(rig, warm_up + count)
        burst = saturate(rig, warm_up + count)
        return ChainRun(fsync, rate, count, tap.timeline, burst, Samples.of(rig), machine.redis_version, machine.line())


def saturate(rig: Rig, written: int) -> Burst:
    """Given a chain and how many wishes it was given so far, open symbols of their own, then write as many wishes at
    once as close and open those, wait until all are booked, and so on."""
    symbols = rig.symbols[SYMBOLS:]
    injector = Injector(rig.redis, rig.keys, Wishes(symbols, BURST_STANDING, uuid.uuid4().hex))
    injector.burst(0, BURST_STANDING)
    written += BURST_STANDING
    drain(rig, written)
    before, began_s = rig.children.cpu_s(DAEMONS), time.monotonic()
    for number in range(BURSTS):
        injector.burst(BURST_STANDING + number * BURST, BURST)
        drain(rig, written + (number + 1) * BURST)
    took_s, plans = time.monotonic() - began_s, BURSTS * BURST
    results: Any = rig.redis.xrevrange(rig.keys.results, count=plans)
    executed = sum(1 for _, fields in results if fields["executed"] == "True")
    return Burst(plans, executed, plans / took_s, 1000 * (rig.children.cpu_s(DAEMONS) - before) / plans)


def drain(rig: Rig, intents: int) -> None:
    """Given a chain and how many wishes it was given, wait until each has its result and P3.3, which settles a result
    once its fill is booked, has settled them all. Raise BenchmarkFailed where that takes too long."""

    def settled() -> bool:
        groups: Any = rig.redis.xinfo_groups(rig.keys.results)
        return rig.length(rig.keys.results) >= intents and all(
            group["lag"] == 0 and group["pending"] == 0 for group in groups
        )

    rig.children.wait_until(settled, f"{intents} results, all settled", DRAIN_WITHIN_S, poll_s=SETTLED_POLL_S)


def _row(hop: Hop, timeline: Timeline) -> list[str]:
    summary = timeline.summary(hop)
    return [hop.name, *cells(summary), verdict(hop, summary)]
