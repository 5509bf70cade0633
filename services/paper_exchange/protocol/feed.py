"""One open websocket: what it listens to, and a queue that keeps a slow client from holding up the rest."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import WSMsgType, web

QUEUE_MAX = 50_000  # messages a client may lag behind before it is cut off
PING_EVERY_S = 180
PONG_WITHIN_S = 600


class Feed:
    """A websocket's outgoing side. `push` never waits; one task a socket writes what is queued."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        clock: Callable[[], int],
        *,
        combined: bool,
    ) -> None:
        self.socket = socket
        self.now_ms = clock
        self.combined = combined
        self.streams: set[str] = set()
        self.listen_keys: set[str] = set()
        self.events: frozenset[str] = frozenset()
        self.last_pong_s = 0.0
        self._transport = transport
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()

    def push(self, message: bytes) -> None:
        """Given a message, queue it. A client that lags too far behind is cut off instead."""
        if len(self._queue) >= QUEUE_MAX:
            self._queue.clear()
            self.cut()
            return
        self._queue.append(message)
        self._wake.set()

    def push_stream(self, stream: str, message: bytes) -> None:
        """Given a stream's name and its message, queue it in the shape this socket was opened for."""
        if self.combined:
            message = b'{"stream":"' + stream.encode() + b'","data":' + message + b"}"
        self.push(message)

    def cut(self) -> None:
        """Drop the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    async def write(self, life_s: int) -> None:
        """Given how long the socket may live, write what is queued, ping, and close it at the end."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + life_s
        self.last_pong_s = loop.time()
        while not self.socket.closed:
            wait_s = min(PING_EVERY_S, end_s - loop.time())
            try:
                async with asyncio.timeout(max(wait_s, 0)):
                    await self._wake.wait()
            except TimeoutError:
                if loop.time() >= end_s or loop.time() - self.last_pong_s > PONG_WITHIN_S:
                    await self.socket.close(code=1001, message=b"connection life is over")
                    return
                await self.socket.ping(str(int(loop.time() * 1000)).encode())
                continue
            self._wake.clear()
            while self._queue:
                await self.socket.send_frame(self._queue.popleft(), WSMsgType.TEXT)
