"""Incident 15: ten days without an order, and every unit "active (running)". The watchdog is fed by progress alone."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.progress import STUCK_AFTER_MS
from quantum_common.stream import Consumer, Message
from services.cli import embedded_redis
from tests.manager import until_told
from tests.piped import piped

ROOT = Path(__file__).resolve().parents[2]
STREAM = "quantum:stream:apply.plan"
T0 = 1_700_000_000_000
TINY = """
import asyncio, sys, time
from quantum_common.daemon import run_daemon
from quantum_common.settings import CommonSettings

async def start(runtime):
    runtime.progress.stuck_after_ms = 500
    mode = sys.argv[1]
    async def handle(message):
        if mode == "lane":
            await asyncio.sleep(60)
        await runtime.redis.xack(message.stream, "g", message.id)
    async def beside():
        if mode == "loop":
            await asyncio.sleep(60)
        if mode == "spins":
            time.sleep(60)
    await runtime.redis.xadd("in", {"symbol": "BTCUSDT"})
    await runtime.run(runtime.consumer("g", {"in": handle}), runtime.every(50, beside))

run_daemon("tiny", CommonSettings, start)
"""
Start = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def start(
    tmp_path: Path, redis_server: embedded_redis.EmbeddedRedis, redis: Redis, manager: socket.socket
) -> Iterator[Start]:
    """Start a tiny daemon that works, or hangs in one of its ways; it is killed at the end, by its pid."""
    running: list[subprocess.Popen[str]] = []
    (tmp_path / "tiny.py").write_text(TINY)
    (tmp_path / "common.env").touch()
    (tmp_path / "tiny.env").touch()

    def begin(mode: str) -> subprocess.Popen[str]:
        process = piped(
            [sys.executable, str(tmp_path / "tiny.py"), mode],
            {**os.environ, "PYTHONPATH": str(ROOT), "QUANTUM_CONFIG_DIR": str(tmp_path),
             "QUANTUM_REDIS_URL": redis_server.url, "QUANTUM_DURABILITY": "relaxed",
             "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "200000"},
        )  # fmt: skip
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def starves(manager: socket.socket, for_s: float) -> bool:
    """Listen until the watchdog has not been fed for so long; False where that does not happen in time."""
    fed = time.monotonic()
    deadline = fed + 20
    manager.settimeout(for_s)
    while (now := time.monotonic()) < deadline:
        if now - fed > for_s:
            return True
        try:
            fed = time.monotonic() if "WATCHDOG=1" in manager.recv(4096).decode() else fed
        except TimeoutError:
            return True
    return False


def test_a_daemon_that_works_feeds_the_watchdog_also_while_it_is_idle(start: Start, manager: socket.socket) -> None:
    start("works")
    until_told(manager, "STATUS=running, 1 handled")
    for _ in range(15):  # of 100 ms: longer than what counts as stuck here
        until_told(manager, "WATCHDOG=1")


@pytest.mark.parametrize(("mode", "named"), [("lane", "in "), ("loop", "the loop ")])
def test_a_lane_or_a_loop_that_hangs_starves_the_watchdog_and_is_named(
    start: Start, manager: socket.socket, mode: str, named: str
) -> None:
    process = start(mode)
    until_told(manager, f"STATUS=stuck: {named}")
    assert starves(manager, for_s=1.0)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert "no progress; the watchdog is not fed" in errors


@pytest.mark.parametrize("mode", ["spins", "stopped"])
def test_an_event_loop_that_stands_still_starves_the_watchdog(start: Start, manager: socket.socket, mode: str) -> None:
    process = start(mode)
    until_told(manager, "READY=1")
    if mode == "stopped":
        process.send_signal(signal.SIGSTOP)
    assert starves(manager, for_s=1.5)


async def test_a_consumer_that_does_not_come_round_is_no_progress(redis: Redis) -> None:
    """A full hand that no lane empties: the consumer reads nothing more, while its process looks healthy."""
    hang = asyncio.Event()

    async def handle(message: Message) -> None:
        consumer._room.clear()  # as with IN_HAND_MAX messages
        await hang.wait()

    clock = ManualClock(T0)
    consumer = Consumer(
        redis=redis, handlers={STREAM: handle}, group="g", name="one", clock=clock, log=structlog.get_logger(),
        block_ms=10,
    )  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    await redis.xadd(STREAM, {"symbol": "BTCUSDT"})
    async with asyncio.timeout(10):
        while consumer._room.is_set():
            await asyncio.sleep(0.005)
        clock.advance(STUCK_AFTER_MS + 1)
        while "the consumer of g has not come round" not in consumer.progress.stuck(clock.now_ms()):
            await asyncio.sleep(0.005)  # a read that was under way may have come round once more
            clock.advance(STUCK_AFTER_MS + 1)
    hang.set()
    stop.set()
    consumer._room.set()
    await task
