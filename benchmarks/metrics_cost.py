"""`python -m benchmarks.metrics_cost`: what counting costs a message, and for how long a scrape holds up the service.

The scrape is P3.3's, the largest, with the gauges of every symbol read from an embedded Redis. While it runs, a task
that wants to run all the time notes the longest stretch in which it did not get to: that is what an order would have
waited. All of it is processor time, so that what else the machine does is not counted.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine
from benchmarks.tables import table
from quantum_common import probes
from quantum_common.journal import entry
from quantum_common.keys import Keys
from quantum_common.log import without_secrets
from quantum_common.meter import Hop
from quantum_common.metrics import Metrics
from quantum_common.reasons import Gate
from quantum_common.redis_client import connect_url
from services.cli import embedded_redis

CALLS = 200_000
SYMBOLS = (12, 100, 500)
SCRAPES = 20
PLANS = "quantum:stream:apply.plan"
LINE = {
    "service": "intent-executor", "event": "result", "level": "info", "plan_id": "a08f73412e923bb5",
    "symbol": "BTCUSDT", "action": "OPEN", "executed": True, "gate": "", "order_id": 12,
    "filled_qty": "0.5", "error": "",
}  # fmt: skip


def call_ns(call: Callable[[], object], calls: int) -> float:
    """Given a call, return what one takes in nanoseconds, the best of five rounds: the rest is the machine's noise."""
    rounds = []
    for _ in range(5):
        began_ns = time.thread_time_ns()
        for _ in range(calls // 5):
            call()
        rounds.append((time.thread_time_ns() - began_ns) / (calls // 5))
    return min(rounds)


def counting(calls: int) -> str:
    """Return the table of what counting costs."""
    metrics = Metrics("governor")

    def message() -> None:
        metrics.handled(PLANS, 3)
        metrics.decided("ENTRY", Gate.LOW_CONFIDENCE)
        metrics.hop(Hop.PLAN_TO_PERMIT, 2)

    rows = {
        "an entry handled, with its age": lambda: metrics.handled(PLANS, 3),
        "a decision, by its gate": lambda: metrics.decided("ENTRY", Gate.LOW_CONFIDENCE),
        "a stretch of the way": lambda: metrics.hop(Hop.PLAN_TO_PERMIT, 2),
        "all of a plan that the governor decides": message,
        "a log line as an entry of the journal": lambda: entry(without_secrets(None, "info", dict(LINE))),
    }
    costs: dict[str, Callable[[], object]] = dict(rows)
    return table(("what", "µs"), [(name, f"{call_ns(call, calls) / 1000:.2f}") for name, call in costs.items()])


async def scraping(symbols: int, scrapes: int, url: str) -> tuple[str, ...]:
    """Given a number of symbols, return how long a scrape takes, its longest pause for others, and its size."""
    redis, keys, metrics = connect_url(url), Keys(), Metrics("position-state-brain")
    names = [f"S{number}USDT" for number in range(symbols)]
    fields: Any = {"position_amt": "0.5", "unrealized_pnl": "-1.5", "ts_ms": "1800000000000"}
    async with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hset(keys.snapshot(name), mapping=fields)
            pipe.hset(keys.ledger(name), mapping=fields)
        await pipe.execute()
    metrics.probes.append(probes.positions(redis, keys, lambda: names, lambda: ()))
    for hop in Hop:
        metrics.hop(hop, 1)
    await metrics.render()
    took, paused, size = [], [], 0
    for _ in range(scrapes):
        began_s = time.thread_time()
        size = len(await metrics.render())
        took.append(time.thread_time() - began_s)
        watch = asyncio.create_task(_longest_pause_s())
        await asyncio.sleep(0)
        await metrics.render()
        watch.cancel()
        paused.append((await asyncio.gather(watch))[0])
    await redis.aclose()
    return (
        f"{symbols}",
        f"{1e3 * min(took):.1f}",
        f"{1e3 * sorted(paused)[len(paused) // 2]:.2f}",
        f"{size / 1024:.0f}",
    )


async def _longest_pause_s() -> float:
    """Run whenever there is a turn; return the longest time between two turns once it is cancelled."""
    longest_s, before_s = 0.0, time.thread_time()
    try:
        while True:
            await asyncio.sleep(0)
            now_s = time.thread_time()
            longest_s, before_s = max(longest_s, now_s - before_s), now_s
    except asyncio.CancelledError:
        return longest_s


def run(calls: int = CALLS, scrapes: int = SCRAPES) -> list[str]:
    """Return both tables and the machine."""
    machine = Machine.now("embedded Redis")
    with tempfile.TemporaryDirectory(prefix="q-") as folder:
        server = embedded_redis.start(Path(folder), fsync="no")
        try:
            rows = [asyncio.run(scraping(symbols, scrapes, server.url)) for symbols in SYMBOLS]
        finally:
            server.stop()
    return [
        "What counting costs, in processor time:\n\n" + counting(calls),
        "A scrape of P3.3, in processor time:\n\n" + table(("symbols", "took ms", "longest stretch ms", "KiB"), rows),
        machine.line(),
    ]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.metrics_cost", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, help="calls of each kind (default %(default)s)")
    parser.add_argument("--scrapes", type=int, default=SCRAPES, help="scrapes of each size (default %(default)s)")
    options = parser.parse_args()
    print("\n\n".join(run(options.calls, options.scrapes)))


if __name__ == "__main__":
    main()
