"""The door of a daemon: two addresses on loopback, bounded in connections, bytes and time, and no threat to trading."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from quantum_common import metrics_server
from quantum_common.metrics_server import CONNECTIONS_MAX, HOST, REQUEST_BYTES_MAX, MetricsServer

PAGE = b"quantum_running 1\n"


async def page() -> bytes:
    return PAGE


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def serving(
    port: int, metrics: Callable[[], Awaitable[bytes]] = page, health: tuple[bool, str] = (True, "running")
) -> AsyncIterator[LogCapture]:
    """A door that is open; what it logs is kept."""
    kept = LogCapture()
    log: Any = structlog.wrap_logger(structlog.PrintLogger(), processors=[kept])
    stop = asyncio.Event()

    async def pause(_: int) -> None:
        await stop.wait()

    door = MetricsServer(port, metrics, lambda: health, log)
    task = asyncio.create_task(door.run(pause, stop.is_set))
    while not kept.entries and not task.done():
        await asyncio.sleep(0)
    try:
        yield kept
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await task


async def ask(port: int, request: bytes) -> bytes:
    """Send bytes and return everything that comes back."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(request)
        with suppress(ConnectionResetError):
            return await reader.read()
        return b""
    finally:
        writer.close()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def test_metrics_are_text_for_prometheus() -> None:
    port = free_port()
    async with serving(port) as kept:
        head, _, body = (await ask(port, get("/metrics?x=1"))).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/plain; version=0.0.4; charset=utf-8" in head
    assert f"Content-Length: {len(PAGE)}".encode() in head
    assert body == PAGE
    assert kept.entries[0]["address"] == f"http://127.0.0.1:{port}/metrics"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("/healthz"), b"200"),
        (get("/"), b"404"),
        (get("/metrics/../etc/passwd"), b"404"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", b"405"),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /metrics SPDY/3\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 2 * REQUEST_BYTES_MAX + b"\r\n\r\n", b"400"),
    ],
)
async def test_nothing_else_is_answered(request_: bytes, status: bytes) -> None:
    port = free_port()
    async with serving(port):
        answer = await ask(port, request_)
    assert answer.split(b" ")[1:2] == [status] or (status == b"400" and not answer)  # reset before we could read it


async def test_health_is_503_with_the_reason_where_the_service_does_not_run() -> None:
    port = free_port()
    async with serving(port, health=(False, "waiting for the lease")):
        answer = await ask(port, get("/healthz"))
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable")
    assert answer.endswith(b"\r\n\r\nwaiting for the lease\n")


async def test_whoever_says_nothing_is_cut_off_and_too_many_are_not_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "WITHIN_S", 1.5)
    port = free_port()
    async with serving(port):
        silent = [await asyncio.open_connection(HOST, port) for _ in range(CONNECTIONS_MAX)]
        assert await ask(port, get("/metrics")) == b"", "the ninth is closed at once"
        async with asyncio.timeout(5):
            assert [await reader.read() for reader, _ in silent] == [b""] * CONNECTIONS_MAX
        for _, writer in silent:
            writer.close()
        assert (await ask(port, get("/metrics"))).endswith(PAGE), "their places are free again"


async def test_a_page_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "WITHIN_S", 0.05)

    async def never() -> bytes:
        await asyncio.Event().wait()
        return b""

    port = free_port()
    async with serving(port, never):
        assert await ask(port, get("/metrics")) == b""


async def test_a_page_that_breaks_is_said_and_the_door_stays_open() -> None:
    pages: list[bytes] = []

    async def broken_once() -> bytes:
        pages.append(PAGE)
        if len(pages) == 1:
            raise KeyError("drawdown_pct")
        return PAGE

    port = free_port()
    async with serving(port, broken_once) as kept:
        assert await ask(port, get("/metrics")) == b""
        assert (await ask(port, get("/metrics"))).endswith(PAGE)
    [line] = [line for line in kept.entries if line["log_level"] == "warning"]
    assert line["event"] == "no metrics: the page cannot be made"
    assert line["error"] == "KeyError: 'drawdown_pct'"


async def test_a_port_in_use_is_said_in_one_line_and_ends_nothing() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        async with serving(other.getsockname()[1]) as kept:
            pass
    [line] = kept.entries
    assert (line["log_level"], line["event"]) == ("warning", "no metrics: the port cannot be had")


async def test_port_0_opens_no_door_and_no_door_makes_a_thread() -> None:
    before = threading.active_count()
    async with serving(0) as kept:
        assert kept.entries == []
    port = free_port()
    async with serving(port):
        await ask(port, get("/metrics"))
        assert threading.active_count() == before
