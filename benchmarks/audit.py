"""A process that counts along: whether every intent has its one plan and its one result, and every trade its entry.

It follows the streams while a run goes on, because the daemons trim them. It reads a few times a second, in large
pieces, so that it costs the measured processes as little as it can.
"""

import argparse
import signal
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from redis import Redis

from quantum_common.keys import Keys
from services.cli import redis_link

READ_MAX = 2_000
READ_EVERY_S = 0.25


@dataclass
class Audit:
    """What was counted: entries by plan, gates of results, trades of the journal by symbol."""

    plans: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    gates: Counter[str] = field(default_factory=Counter)
    trades: Counter[str] = field(default_factory=Counter)
    dead: int = 0

    def take(self, stream: str, fields: Mapping[str, str]) -> None:
        """Given an entry, count it."""
        kind = stream.rpartition(":")[2]
        if kind == "apply.plan":
            self.plans[fields["plan_id"]] += 1
        elif kind == "apply.result":
            self.results[fields["plan_id"]] += 1
            self.gates[fields["gate"]] += 1
        elif kind == "ledger.journal":
            self.trades[f"{fields['symbol']} {fields['trade_id']}"] += 1
        else:
            self.dead += 1

    def findings(self) -> "Findings":
        """Return what the counts come to."""
        return Findings(
            plans=len(self.plans),
            results=len(self.results),
            executed=self.gates[""],
            blocked={gate: count for gate, count in sorted(self.gates.items()) if gate},
            trades=len(self.trades),
            repeated=sum(
                count - 1 for counts in (self.plans, self.results, self.trades) for count in counts.values()
            ),
            without_result=len(self.plans.keys() - self.results.keys()),
            dead=self.dead,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Findings:
    """Distinct plans, results and booked trades; `repeated` entries beyond the first; plans without a result."""

    plans: int
    results: int
    executed: int
    blocked: Mapping[str, int]
    trades: int
    repeated: int
    without_result: int
    dead: int

    def lost(self, intents: int) -> int:
        """Given how many wishes were written, return how many have no plan or no result."""
        return intents - self.plans + self.without_result


def follow(redis: Redis, keys: Keys, stop: threading.Event) -> Audit:
    """Given a pipeline, count its entries from the streams' beginning on until `stop`, and what is there by then."""
    audit = Audit()
    streams = (keys.plans, keys.results, keys.journal)
    after: dict[Any, Any] = dict.fromkeys((*streams, *(keys.dead(stream) for stream in (keys.intents, *streams))), "0")
    stopping = False
    while True:
        reply: Any = redis.xread(after, count=READ_MAX)
        for stream, found in reply:
            after[stream] = found[-1][0]
            for _, fields in found:
                audit.take(stream, fields)
        if not reply:
            if stopping:
                return audit
            stopping = stop.wait(READ_EVERY_S)


def read_findings(path: Path) -> Findings:
    """Given the file that an audit has left, return its findings."""
    return Findings(**orjson.loads(path.read_bytes()))


def main() -> None:
    """Count along until SIGTERM, then write the findings to `--out`."""
    parser = argparse.ArgumentParser(prog="benchmarks.audit", description=__doc__)
    parser.add_argument("--redis", required=True, help="URL of the Redis")
    parser.add_argument("--out", type=Path, required=True, help="file for the findings, as JSON")
    options = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    audit = follow(redis_link.connect(redis_link.RedisAddress(options.redis)), Keys(), stop)
    options.out.write_bytes(orjson.dumps(audit.findings()))


if __name__ == "__main__":
    main()
