"""One latency run of a chain at a steady rate: a tap that stamps, marks that tell the tap's own error, and wishes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from benchmarks.children import Children
from benchmarks.hops import Moment, Stamp, Timeline
from benchmarks.injector import Injected
from benchmarks.tap import MARKERS, read_stamps

MARKS = 60
MARK_RATE = 20.0
MARK_PREFIX = "mark-"
TAP = "tap"
TAP_READY_WITHIN_S = 20.0
DRAIN_WITHIN_S = 30.0
SETTLE_S = 0.3


@dataclass
class Tap:
    """A tap that is running, and what it has left once it was stopped."""

    children: Children
    out: Path
    timeline: Timeline

    def mark(self, redis: Redis) -> None:
        """Given the tap's Redis, write marks at a steady rate: what they take to be stamped is the tap's own error."""
        for number in range(MARKS):
            sent_ns = time.time_ns()
            plan_id = f"{MARK_PREFIX}{number}"
            redis.xadd(MARKERS, {"plan_id": plan_id})
            self.timeline.add([Stamp(Moment.INTENT, plan_id, sent_ns)])
            time.sleep(1 / MARK_RATE)

    def take(self, injected: list[Injected]) -> None:
        """Given wishes that were written, take the injector's stamps in."""
        self.timeline.add(Stamp(Moment.INTENT, one.plan_id, one.sent_ns) for one in injected)


@contextmanager
def tapped(children: Children, redis_url: str, exchange_url: str) -> Iterator[Tap]:
    """Given the children and the addresses, tap for as long as the context lasts; then the timeline is complete."""
    out = children.folder / "stamps.json"
    for path in (out, out.with_suffix(".ready")):
        path.unlink(missing_ok=True)
    children.start(TAP, "benchmarks.tap", "--redis", redis_url, "--exchange", exchange_url, "--out", str(out))
    children.wait_until(out.with_suffix(".ready").exists, "the tap is ready", TAP_READY_WITHIN_S)
    tap = Tap(children, out, Timeline())
    yield tap
    time.sleep(SETTLE_S)  # the last frames are on their way
    children.finish(TAP)
    tap.timeline.add(read_stamps(out))
