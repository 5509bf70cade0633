"""The same hops by those who do nothing else: what the chain's decisions cost, and what a framework does.

A wish leads to a plan, a plan to two permits, these to a result, with the messages of a real run of the chain. The
neighbours decide nothing, read no state, keep no books and send no order; the chain does all of that in its hops.
"""

import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import orjson
from redis import Redis

from benchmarks import neighbour_faststream
from benchmarks.chain import Burst, ChainRun
from benchmarks.children import Children
from benchmarks.hops import Hop, Moment, Timeline
from benchmarks.injector import Injected
from benchmarks.latency import DRAIN_WITHIN_S, tapped
from benchmarks.machine import Machine
from benchmarks.neighbour_redis import ROLES
from benchmarks.percentiles import as_ms
from benchmarks.samples import PLAN_ID_LENGTH, Samples
from benchmarks.tables import table
from benchmarks.tap import PACKED
from quantum_common.keys import Keys
from services.cli import embedded_redis, redis_link
from services.cli.env_files import child_environment

HOPS = (
    Hop("intent -> plan", Moment.INTENT, Moment.PLAN),
    Hop("plan -> both permits", Moment.PLAN, Moment.PERMITS),
    Hop("both permits -> result", Moment.PERMITS, Moment.RESULT),
    Hop("intent -> result", Moment.INTENT, Moment.RESULT),
)
HEAD = ("who, p50/p99 in ms", *(hop.name for hop in HOPS), "plans/s at saturation", "CPU ms a plan")
WARM_UP = 100
WARM_UP_RATE = 100.0
BURST = 2_000
READY_WITHIN_S = 20.0
NOT_INSTALLED = "FastStream is not installed here: pip install -r requirements-bench.txt"


class Neighbour(Enum):
    """Who does the hops; the value is the module of its roles."""

    REDIS = "benchmarks.neighbour_redis"
    FASTSTREAM = "benchmarks.neighbour_faststream"

    def entry(self, fields: dict[str, str]) -> dict[Any, Any]:
        """Given an intent, return it as this neighbour finds it in a stream."""
        return {PACKED: orjson.dumps(fields)} if self is Neighbour.FASTSTREAM else dict(fields)


@dataclass(frozen=True, slots=True)
class Wishing:
    """Writes intents of a neighbour's shape."""

    redis: Redis
    neighbour: Neighbour
    samples: Samples

    def steady(self, count: int, rate: float) -> Iterator[Injected]:
        """Write so many at a rate, open loop, and yield each."""
        began_ns = time.monotonic_ns()
        for index in range(count):
            while (early_ns := began_ns + int(index * 1e9 / rate) - time.monotonic_ns()) > 0:
                time.sleep(early_ns / 1e9)
            intent_id = uuid.uuid4().hex
            sent_ns = time.time_ns()
            self.redis.xadd(Keys().intents, self.neighbour.entry(self.samples.new_intent(intent_id)))
            yield Injected(intent_id[:PLAN_ID_LENGTH], sent_ns)

    def burst(self, count: int) -> None:
        """Write so many at once."""
        pipe = self.redis.pipeline(transaction=False)
        for _ in range(count):
            pipe.xadd(Keys().intents, self.neighbour.entry(self.samples.new_intent(uuid.uuid4().hex)))
        pipe.execute()


def compare(ours: ChainRun, seconds: int) -> str:
    """Given a run of the chain and for how long, run its neighbours at the same rate right after it; return the
    table."""
    machine = Machine.now(ours.redis_version)
    rows = [_row("Quantum (decides, orders, books)", ours.timeline, ours.burst)]
    notes = [f"bytes a message: {ours.samples.sizes()}"]
    for neighbour, name in ((Neighbour.REDIS, "bare redis-py"), (Neighbour.FASTSTREAM, "FastStream")):
        if neighbour is Neighbour.FASTSTREAM and not neighbour_faststream.installed():
            notes.append(NOT_INSTALLED)
            continue
        timeline, burst = measure(neighbour, ours.samples, seconds, ours.rate, ours.fsync)
        rows.append(_row(name, timeline, burst))
    return _text(ours, rows, [*notes, machine.line()])


def measure(
    neighbour: Neighbour, samples: Samples, seconds: int, rate: float, fsync: embedded_redis.Fsync
) -> tuple[Timeline, Burst]:
    """Given a neighbour and messages, run its roles as processes on a Redis of their own. Raise BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="qbench-") as name:
        folder = Path(name)
        server = embedded_redis.start(folder / "redis", fsync=fsync)
        try:
            environment, _ = child_environment(folder)
            with Children(folder, environment) as children:
                _start_roles(children, neighbour, samples, server.url)
                redis = redis_link.connect(redis_link.RedisAddress(server.url))
                wishing, count = Wishing(redis, neighbour, samples), max(int(seconds * rate), 1)
                written = sum(1 for _ in wishing.steady(WARM_UP, WARM_UP_RATE))
                _await_results(children, redis, written)
                with tapped(children, server.url, "") as tap:
                    tap.take(list(wishing.steady(count, rate)))
                    _await_results(children, redis, written + count)
                burst = _saturate(children, redis, wishing, written + count)
                redis.close()
                return tap.timeline, burst
        finally:
            server.stop()


def _start_roles(children: Children, neighbour: Neighbour, samples: Samples, url: str) -> None:
    path = children.folder / "samples.json"
    samples.write(path)
    for role in ROLES:
        ready = children.folder / f"{role}.ready"
        children.start(
            role, neighbour.value, "--role", role, "--redis", url, "--samples", str(path), "--ready", str(ready)
        )
        children.wait_until(ready.exists, f"{role} reads", READY_WITHIN_S)


def _saturate(children: Children, redis: Redis, wishing: Wishing, written: int) -> Burst:
    before, began_s = children.cpu_s(ROLES), time.monotonic()
    wishing.burst(BURST)
    _await_results(children, redis, written + BURST)
    took_s = time.monotonic() - began_s
    return Burst(BURST, BURST, BURST / took_s, 1000 * (children.cpu_s(ROLES) - before) / BURST)


def _await_results(children: Children, redis: Redis, count: int) -> None:
    children.wait_until(
        lambda: redis.xlen(Keys().results) >= count, f"{count} results", DRAIN_WITHIN_S, poll_s=0.005
    )  # fmt: skip


def _row(name: str, timeline: Timeline, burst: Burst) -> list[str]:
    found = [timeline.summary(hop) for hop in HOPS]
    hops = [f"{as_ms(one.p50)}/{as_ms(one.p99)}" if one is not None else "-" for one in found]
    return [name, *hops, f"{burst.plans_per_s:.0f}", f"{burst.cpu_ms:.2f}"]


def _text(ours: ChainRun, rows: list[list[str]], notes: list[str]) -> str:
    return "\n".join(
        (
            f"## The same hops side by side, {ours.rate:g} intents/s, appendfsync {ours.fsync}",
            "",
            table(HEAD, rows),
            "",
            *notes,
        )
    )
