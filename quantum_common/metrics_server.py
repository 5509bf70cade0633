"""The one door of a daemon that is not Redis: GET /metrics and GET /healthz on loopback, nothing else.

It lives on the daemon's own loop and owns no thread. It is bounded in connections, bytes and time, it answers one
request a connection, and whatever goes wrong with it stays with it: a port in use is said once and tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from quantum_common.log import Log

HOST = "127.0.0.1"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_BYTES_MAX = 8_192
CONNECTIONS_MAX = 8
WITHIN_S = 5.0
BIND_AGAIN_MS = 30_000
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}

Pause = Callable[[int], Awaitable[None]]


@dataclass
class MetricsServer:
    """Serves what `metrics` renders, and what `health` says: good or not, in a line."""

    port: int
    metrics: Callable[[], Awaitable[bytes]]
    health: Callable[[], tuple[bool, str]]
    log: Log
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, pause: Pause, stopped: Callable[[], bool]) -> None:
        """Serve until stopped; port 0 serves nothing. A port that somebody else has is waited for."""
        said = False
        while self.port and not stopped():
            try:
                server = await asyncio.start_server(self._accept, HOST, self.port, limit=REQUEST_BYTES_MAX)
            except OSError as error:
                if not said:
                    self.log.warning("no metrics: the port cannot be had", port=self.port, error=error.strerror)
                said = True
                await pause(BIND_AGAIN_MS)
                continue
            self.log.info("metrics", address=f"http://{HOST}:{self.port}/metrics")
            try:
                while not stopped():
                    await pause(BIND_AGAIN_MS)
            finally:
                server.close()
                for task in self._open:
                    task.cancel()
                await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection, or close it at once where there are too many."""
        if len(self._open) >= CONNECTIONS_MAX:
            writer.close()
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        """Forget a connection; one that broke on us gets no answer, and the log says why."""
        self._open.discard(task)
        if not task.cancelled() and (broken := task.exception()) is not None:
            self.log.warning("no metrics: the page cannot be made", error=f"{type(broken).__name__}: {broken}")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; whoever is too slow, too long or gone gets nothing."""
        try:
            with suppress(OSError, asyncio.IncompleteReadError):  # a TimeoutError is an OSError
                async with asyncio.timeout(WITHIN_S):
                    writer.write(await self._answer(reader))
                    await writer.drain()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return response(400, b"too long\n")
        parts = head.split(b"\r\n", 1)[0].split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            return response(400, b"not HTTP\n")
        if parts[0] != b"GET":
            return response(405, b"only GET\n")
        match parts[1].partition(b"?")[0]:
            case b"/metrics":
                return response(200, await self.metrics())
            case b"/healthz":
                good, words = self.health()
                return response(200 if good else 503, f"{words}\n".encode())
            case _:
                return response(404, b"/metrics and /healthz\n")


def response(status: int, body: bytes) -> bytes:
    """Given a status and a body, return the whole answer."""
    head = [
        f"HTTP/1.1 {status} {REASONS[status]}",
        f"Content-Type: {TEXT}",
        f"Content-Length: {len(body)}",
        *(["Allow: GET"] if status == 405 else []),
        "Connection: close",
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode("ascii") + body
