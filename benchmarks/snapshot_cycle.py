"""What a snapshot cycle of P3.3 costs: its calls, counted on the wire, its time, and the rate budget that it uses."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection

import orjson
import structlog
import uvloop

from benchmarks.machine import Machine
from benchmarks.percentiles import Summary, as_ms
from benchmarks.rig import Rig, bench, port_in
from benchmarks.tables import table
from quantum_common.clock import SystemClock
from quantum_common.exchange.connect import open_exchange
from quantum_common.redis_client import connect
from quantum_common.settings import credentials, load
from services.position_state_brain.service import PositionStateBrain
from services.position_state_brain.settings import P33Settings
from services.position_state_brain.store import RedisStore

P33, RELAY = "position-state-brain", "relay"
ACCOUNT_CALL = "GET /fapi/v2/positionRisk"
MINUTE_MS = 60_000
CYCLES = 25
READY_WITHIN_S = 60.0
CYCLE_EVERY_S = 2.1  # the default pause and the cycle itself
WEIGHT_LIMIT = 2400  # the exchange's, per minute and address


@dataclass(frozen=True, slots=True)
class Watched:
    """What the daemon asked of the exchange between two of its cycles that lie `cycles` apart."""

    cycles: int
    seconds: float
    requests: Counter[str]
    weight: int


@dataclass(frozen=True, slots=True)
class Cycles:
    """What the cycles of one number of symbols have shown."""

    symbols: int
    time: Summary
    watched: Watched

    def row(self) -> list[str]:
        """Return the table's row."""
        watched = self.watched
        calls = watched.requests[ACCOUNT_CALL]
        return [
            str(self.symbols),
            f"{calls} in {watched.cycles}",
            f"{watched.requests.total() - calls} in {watched.seconds:.0f} s",
            as_ms(self.time.p50),
            as_ms(self.time.p99),
            f"{watched.weight * 60 / watched.seconds:.0f} of {WEIGHT_LIMIT}",
        ]


HEAD = ("symbols", "account calls in cycles", "other requests", "cycle p50 ms", "cycle p99 ms", "weight/min")


def measure(symbols: Sequence[int], cycles: int) -> str:
    """Given numbers of symbols, and how many of the daemon's cycles to watch with each, return the table."""
    found = []
    for count in symbols:
        with bench("everysec", count, {}) as rig:
            machine = Machine.now(rig.redis_version())
            watched = _watch(rig, cycles)
            found.append(Cycles(count, uvloop.run(_time_cycles(rig)), watched))
            line = machine.line()
    return "\n".join(
        (
            "## Snapshot cycles of P3.3, the daemon's defaults (a cycle every 2 s)",
            "",
            table(HEAD, [one.row() for one in found]),
            "",
            line,
        )
    )


def _watch(rig: Rig, cycles: int) -> Watched:
    """Run the daemon behind a relay and watch it for so many cycles, once it is at work."""
    folder, children = rig.children.folder, rig.children
    port_file, out = folder / "relay-port", folder / "requests.json"
    children.start(
        RELAY, "benchmarks.relay", "--to", rig.exchange_url.rpartition(":")[2], "--port-file", str(port_file),
        "--out", str(out),
    )  # fmt: skip
    children.wait_until(lambda: port_in(port_file) > 0, "the relay listens", READY_WITHIN_S)
    relayed = {"QUANTUM_PAPER_URL": f"http://127.0.0.1:{port_in(port_file)}"}
    children.start(P33, "services.position_state_brain", environment={**children.environment, **relayed})
    key = rig.keys.snapshot(rig.symbols[-1])
    children.wait_until(lambda: bool(rig.redis.exists(key)), "the first snapshot", READY_WITHIN_S)
    _await_room_in_minute(cycles * CYCLE_EVERY_S)
    _await_cycle(rig, key)
    began_ns, weight = time.time_ns(), _used_weight(rig)
    for _ in range(cycles):
        _await_cycle(rig, key)
    ended_ns, weight = time.time_ns(), _used_weight(rig) - weight - 1  # the question itself weighs one
    children.stop(P33)
    children.finish(RELAY)
    asked: list[tuple[int, str]] = orjson.loads(out.read_bytes())
    requests = Counter(request for ns, request in asked if began_ns < ns <= ended_ns)
    return Watched(cycles, (ended_ns - began_ns) / 1e9, requests, weight)


def _await_cycle(rig: Rig, key: str) -> None:
    """Wait until the snapshot at a key, of a symbol that nobody trades, is written again."""
    known = rig.redis.hget(key, "ts_ms")
    rig.children.wait_until(lambda: rig.redis.hget(key, "ts_ms") != known, "a snapshot cycle", READY_WITHIN_S)


def _await_room_in_minute(seconds: float) -> None:
    """The exchange's counter starts anew with each minute: wait for the next one where this one is too short."""
    left_s = (MINUTE_MS - time.time_ns() // 1_000_000 % MINUTE_MS) / 1000
    if left_s < seconds + 2 * CYCLE_EVERY_S:
        time.sleep(left_s + 0.1)


def _used_weight(rig: Rig) -> int:
    """Ask the exchange for its time, past the relay, and return what it says of the weight used in this minute."""
    connection = HTTPConnection("127.0.0.1", port_in(rig.children.folder / "port"), timeout=5)
    connection.request("GET", "/fapi/v1/time")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return int(answer.headers["X-MBX-USED-WEIGHT-1M"])


async def _time_cycles(rig: Rig) -> Summary:
    """Run the cycles of P3.3's own code one after the other, in this process, and time each."""
    settings = load(P33Settings, P33, rig.children.environment)
    clock, log = SystemClock(), structlog.get_logger()
    redis = connect(settings)
    took: list[int] = []
    async with open_exchange(settings, credentials(settings), (), clock) as exchange:
        brain = PositionStateBrain(RedisStore(redis, rig.keys), exchange.account, clock, log, settings)
        await brain.recover()
        await brain.snapshot()  # the first one begins the books
        for _ in range(CYCLES):
            began_ns = time.monotonic_ns()
            await brain.snapshot()
            took.append(time.monotonic_ns() - began_ns)
            await asyncio.sleep(0.02)
    await redis.aclose()
    summary = Summary.of(took)
    assert summary is not None
    return summary
