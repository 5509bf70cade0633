"""The frame of a daemon, as a process: its exit statuses, its signals, its heartbeat, a Redis that goes and comes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from quantum_common.clock import SystemClock
from quantum_common.exchange.budget import Budget
from quantum_common.exchange.client import FuturesClient
from quantum_common.exchange.server_clock import ServerClock
from quantum_common.exchange.session import Session
from quantum_common.keys import HEARTBEAT_TTL_MS, Keys
from quantum_common.redis_client import connect_url
from quantum_common.runtime import Runtime
from quantum_common.settings import CommonSettings
from services.cli import embedded_redis
from tests.manager import until_told
from tests.piped import piped

ROOT = Path(__file__).resolve().parents[2]
TINY = """
import asyncio, sys
from quantum_common.daemon import run_daemon
from quantum_common.exchange.port import ConfigurationRefused
from quantum_common.messages import Malformed
from quantum_common.settings import CommonSettings

async def start(runtime):
    mode = sys.argv[1]
    runtime.stop_within_s = 0.2 if mode == "clings" else 8.0
    if mode == "waits":
        await asyncio.sleep(60)
    if mode == "refused":
        raise ConfigurationRefused("the account is in hedge mode")
    async def handle(message):
        if mode == "breaks":
            raise ZeroDivisionError("a bug")
        if "bad" in message.fields:
            raise Malformed("bad", "must not be there")
        await runtime.redis.xadd("seen", {"n": message.fields["n"]})
        await runtime.redis.xack(message.stream, "g", message.id)
    async def ends():
        return
    async def clings():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                clung.append(mode)
                if len(clung) > 1:
                    raise
    clung = []
    loops = {"ends": [ends()], "clings": [ends(), clings()]}.get(mode, [])
    await runtime.run(runtime.consumer("g", {"in": handle}), *loops, owns=("seen",))

run_daemon("tiny", CommonSettings, start)
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a tiny daemon as a process of its own; it is stopped at the end, by its pid."""
    running: list[subprocess.Popen[str]] = []
    (tmp_path / "tiny.py").write_text(TINY)
    (tmp_path / "common.env").touch()
    (tmp_path / "tiny.env").touch()

    def begin(url: str, mode: str = "serves", **environ: str) -> subprocess.Popen[str]:
        process = piped(
            [sys.executable, str(tmp_path / "tiny.py"), mode],
            {**os.environ, "PYTHONPATH": str(ROOT), "QUANTUM_CONFIG_DIR": str(tmp_path), "QUANTUM_REDIS_URL": url,
             "QUANTUM_DURABILITY": "relaxed", **environ}, ROOT,
        )  # fmt: skip
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str], timeout_s: float = 15) -> tuple[int, str]:
    _, errors = process.communicate(timeout=timeout_s)
    return process.returncode, errors


def until(condition: Callable[[], Any], within_s: float = 15) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except RedisConnectionError:
            pass
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


@pytest.fixture
def server(redis: Redis, redis_server: embedded_redis.EmbeddedRedis) -> Iterator[Any]:
    """A client of the empty Redis of this test, for code that is not async."""
    client: Any = BlockingRedis(unix_socket_path=str(redis_server.socket), decode_responses=True)
    yield client
    client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_daemon_in_order_with_0_and_without_its_heartbeat(
    start: Start, server: Any, redis_server: embedded_redis.EmbeddedRedis, number: int
) -> None:
    process = start(redis_server.url)
    server.xadd("in", {"bad": "1"})
    server.xadd("in", {"n": "1"})
    until(lambda: server.xlen("seen") == 1)
    until(lambda: server.hget("quantum:heartbeat:tiny", "status") is not None)
    beat: Any = server.hgetall("quantum:heartbeat:tiny")
    assert set(beat) >= {"pid", "version", "started_ms", "ts_ms", "status", "lag", "lost", "dead", "last_message_ms"}
    assert int(beat["pid"]) == process.pid
    assert 0 < server.pttl("quantum:heartbeat:tiny") <= HEARTBEAT_TTL_MS
    process.send_signal(number)
    status, errors = end(process)
    assert status == 0, errors
    assert "Traceback" not in errors
    assert not server.exists("quantum:heartbeat:tiny")
    assert server.xpending("in", "g")["pending"] == 0
    assert [fields["dead_field"] for _, fields in server.xrange("in.dead")] == ["bad"]


def test_a_wrong_setting_ends_a_daemon_with_78_and_one_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / "tiny.env").write_text("QUANTUM_LOG_LEVEL=loud\n")
    status, errors = end(start("unix:///none"))
    assert status == 78
    assert errors.splitlines() == [errors.rstrip("\n")]
    assert errors.startswith(f"quantum-tiny: {tmp_path}/tiny.env:1: QUANTUM_LOG_LEVEL=loud: ")


def test_an_address_of_redis_that_is_none_ends_a_daemon_with_78(start: Start) -> None:
    status, errors = end(start("http://127.0.0.1"))
    assert (status, errors.count("\n")) == (78, 1)


def test_an_account_that_refuses_us_for_good_ends_a_daemon_with_78(
    start: Start, server: Any, redis_server: embedded_redis.EmbeddedRedis
) -> None:
    status, errors = end(start(redis_server.url, "refused"))
    assert status == 78
    assert "the account is in hedge mode" in errors
    assert "Traceback" not in errors


def test_a_redis_that_may_forget_ends_a_strict_daemon_with_78(
    start: Start, server: Any, redis_server: embedded_redis.EmbeddedRedis
) -> None:
    status, errors = end(start(redis_server.url, QUANTUM_DURABILITY="strict"))
    assert status == 78
    assert "appendfsync is no, wanted always" in errors


@pytest.mark.parametrize("mode", ["breaks", "ends"])
def test_a_broken_invariant_ends_a_daemon_with_1_and_leaves_its_message_pending(
    start: Start, server: Any, redis_server: embedded_redis.EmbeddedRedis, mode: str
) -> None:
    server.xadd("in", {"n": "1"})
    status, errors = end(start(redis_server.url, mode))
    assert status == 1
    assert "broken invariant" in errors
    if mode == "breaks":
        assert "ZeroDivisionError: a bug" in errors
        assert server.xpending("in", "g")["pending"] == 1


def test_a_daemon_that_breaks_and_cannot_wind_up_ends_with_1_all_the_same(
    start: Start, redis_server: embedded_redis.EmbeddedRedis
) -> None:
    status, errors = end(start(redis_server.url, "clings"))
    assert status == 1, "with 0 nobody would start it again"
    assert "the others did not end" in errors


def test_a_daemon_waits_for_a_redis_that_is_not_there_and_can_be_stopped_meanwhile(
    start: Start, tmp_path: Path
) -> None:
    process = start(f"unix://{tmp_path}/none.sock")
    assert process.stderr is not None
    while "waiting for redis" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == 0


def test_a_daemon_goes_on_by_itself_after_redis_was_gone(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    server = embedded_redis.start(folder, fsync="always")
    client: Any = BlockingRedis(unix_socket_path=str(server.socket), decode_responses=True)
    try:
        process = start(server.url)
        client.xadd("in", {"n": "before"})
        until(lambda: client.xlen("seen") == 1 and client.xpending("in", "g")["pending"] == 0)
        server.process.kill()
        server.process.wait()
        server = embedded_redis.start(folder, fsync="always")
        until(lambda: client.xadd("in", {"n": "after"}))
        until(lambda: client.xlen("seen") == 2)
        assert [fields["n"] for _, fields in client.xrange("seen")] == ["before", "after"]
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        status, errors = end(process)
        assert status == 0
        assert "redis is back" in errors
    finally:
        client.close()
        server.stop()


def test_a_daemon_tells_its_service_manager_what_it_does(
    start: Start, server: Any, redis_server: embedded_redis.EmbeddedRedis, manager: socket.socket
) -> None:
    process = start(redis_server.url, NOTIFY_SOCKET=manager.getsockname(), WATCHDOG_USEC="200000")
    server.xadd("in", {"n": "1"})
    until_told(manager, "READY=1", "WATCHDOG=1", "STATUS=running, 1 handled, the last ", "WATCHDOG=1")
    process.send_signal(signal.SIGTERM)
    until_told(manager, "STOPPING=1", "STATUS=stopping")
    assert end(process)[0] == 0


def test_a_refused_user_is_said_in_the_status_as_long_as_it_is_waited_for(
    start: Start, redis_server: embedded_redis.EmbeddedRedis, manager: socket.socket, tmp_path: Path
) -> None:
    (password := tmp_path / "password").write_text("wrong\n")
    password.chmod(0o600)
    process = start(
        redis_server.url, NOTIFY_SOCKET=manager.getsockname(), QUANTUM_REDIS_USER="nobody",
        QUANTUM_REDIS_PASSWORD_FILE=str(password),
    )  # fmt: skip
    until_told(manager, "STATUS=waiting for redis: it refuses this user, ")
    process.send_signal(signal.SIGTERM)
    status, errors = end(process)
    assert status == 0
    assert errors.count("it refuses this user") == 1


@pytest.mark.parametrize("service", ["intent-executor", "position-state-brain"])
def test_keys_are_looked_at_before_redis_is_waited_for(tmp_path: Path, service: str) -> None:
    key = "INTENT_EXECUTOR_ALLOWLIST" if service == "intent-executor" else "P33_ALLOWLIST"
    (tmp_path / "common.env").write_text("QUANTUM_REDIS_URL=redis://127.0.0.1:1\n")
    (tmp_path / f"{service}.env").write_text(f"{key}=BTCUSDT\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUANTUM_")}
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service.replace('-', '_')}"], cwd=ROOT, capture_output=True, text=True,
        timeout=30, env={**kept, "PYTHONPATH": str(ROOT), "QUANTUM_CONFIG_DIR": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert ended.returncode == 78
    assert ended.stderr.startswith(f"quantum-{service}: settings: QUANTUM_API_KEY_FILE: not set; ")


def test_a_hangup_takes_up_what_it_can_and_says_what_waits(
    start: Start, redis_server: embedded_redis.EmbeddedRedis, manager: socket.socket, tmp_path: Path
) -> None:
    process = start(redis_server.url, NOTIFY_SOCKET=manager.getsockname())
    until_told(manager, "STATUS=running")
    (tmp_path / "common.env").write_text("QUANTUM_LOG_LEVEL=debug\nQUANTUM_LEASE_MS=9000\n")
    process.send_signal(signal.SIGHUP)
    until_told(manager, "RELOADING=1", "READY=1")
    (tmp_path / "common.env").write_text("QUANTUM_LEASE_MS=long\n")
    process.send_signal(signal.SIGHUP)
    until_told(manager, "RELOADING=1", "READY=1")
    process.send_signal(signal.SIGTERM)
    status, errors = end(process)
    assert status == 0
    said = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    assert [line["new"] for line in said if line["event"] == "setting taken up"] == ["debug"]
    assert [line["key"] for line in said if line["event"].startswith("setting changed")] == ["QUANTUM_LEASE_MS"]
    refused = [line for line in said if line["level"] == "error"]
    assert [line["event"] for line in refused] == ["reload refused; the settings of before hold"]
    assert refused[0]["reason"].startswith(f"{tmp_path}/common.env:1: QUANTUM_LEASE_MS=long: ")


@pytest.mark.parametrize(("line", "expected"), [("QUANTUM_LOG_LEVEL=debug", 0), ("QUANTUM_LOG_LEVEL=loud", 78)])
def test_a_check_says_whether_the_settings_are_right_and_starts_nothing(
    tmp_path: Path, line: str, expected: int
) -> None:
    (tmp_path / "common.env").write_text(f"{line}\n")
    (tmp_path / "governor.env").touch()
    checked = subprocess.run(
        [sys.executable, "-m", "services.governor", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), "QUANTUM_CONFIG_DIR": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert checked.returncode == expected
    assert checked.stderr.count("\n") == (1 if expected else 0)


async def test_a_step_is_tried_again_where_redis_is_out_of_reach(redis: Redis) -> None:
    steps = 0

    async def step() -> None:
        nonlocal steps
        steps += 1
        if steps == 1:
            raise RedisConnectionError("gone")
        if steps == 3:
            runtime.stop.set()

    runtime: Runtime[CommonSettings] = Runtime("tiny", CommonSettings(), redis, Keys(), structlog.get_logger())
    await runtime.every(0, step)
    assert steps == 3


async def test_the_exchange_is_shown_also_while_redis_is_away(tmp_path: Path) -> None:
    away = connect_url(f"unix://{tmp_path}/absent.sock")
    runtime: Runtime[CommonSettings] = Runtime("intent-bridge", CommonSettings(), away, Keys(), structlog.get_logger())
    nobody = cast("FuturesClient", None)
    runtime.watch_exchange(Session(nobody, ServerClock(runtime.clock), Budget(), keyed=False))
    page = (await runtime.metrics.render()).decode()
    await away.aclose()
    assert 'quantum_redis_up{service="intent-bridge"} 0.0' in page
    assert 'quantum_exchange_up{service="intent-bridge"} 0.0' in page
    assert 'quantum_running{service="intent-bridge"} 0.0' in page


async def test_the_machine_s_clock_gives_epoch_milliseconds_and_sleeps() -> None:
    clock = SystemClock()
    before = clock.now_ms()
    await clock.sleep_ms(2)
    assert 1 <= clock.now_ms() - before < 5_000
    assert abs(before - time.time() * 1000) < 5_000
