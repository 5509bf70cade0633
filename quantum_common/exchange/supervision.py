"""One mechanism for every websocket: opened, read, watched, and opened again for as long as it takes.

The sockets of python-binance are not used: its reconnecting reader drops what is queued on an overflow, dies for good
after half a minute without a server, sits for up to ten seconds on a changed listen key or a close, and says nothing
that tells a gap from silence. Reading a socket of the `websockets` library directly is less code than guarding that
one, and every connection here has one life: whatever is wrong with it ends it, and the next one begins with `opened`.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Generic, Protocol, TypeVar

from structlog.typing import FilteringBoundLogger
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from quantum_common.clock import Clock
from quantum_common.exchange.port import ExchangeUnavailable

BACKOFF_MS = 100
BACKOFF_MS_MAX = 5_000
STEADY_MS = 10_000  # a connection that stood this long begins the back-off anew
PING_EVERY_S = 10
OPEN_WITHIN_S = 5
CLOSE_WITHIN_S = 0.5

T = TypeVar("T")


class StreamBroken(Exception):
    """This connection is of no more use; open another."""


class Line(Protocol):
    """What differs between the streams."""

    name: str

    async def address(self) -> str:
        """Return the URL to open next. Raise ExchangeUnavailable where it cannot be had now."""
        ...

    def opened(self) -> None:
        """Take note that a connection stands: whatever came before may have been missed."""
        ...

    def received(self, frame: bytes) -> None:
        """Take a frame in, without waiting. Raise StreamBroken where it ends the connection."""
        ...

    async def guard(self) -> None:
        """Watch beside the reading. Raise StreamBroken to end the connection; never return."""
        ...


async def supervise(line: Line, clock: Clock, log: FilteringBoundLogger) -> None:
    """Given a line, keep one connection of it standing until cancelled. What is not the world's doing is raised."""
    backoff_ms = BACKOFF_MS
    while True:
        began_ms = clock.now_ms()
        cause, wait_ms = "ended", 0
        try:
            await _one_life(line)
        except ExchangeUnavailable as unavailable:
            cause, wait_ms = unavailable.cause, unavailable.retry_after_ms
        except (StreamBroken, WebSocketException, OSError) as broken:
            cause = f"{type(broken).__name__}: {broken}".rstrip(": ")
        if clock.now_ms() - began_ms >= STEADY_MS:
            backoff_ms = BACKOFF_MS
        wait_ms = max(wait_ms, backoff_ms)
        log.warning("stream is down, reconnecting", stream=line.name, cause=cause, wait_ms=wait_ms)
        await clock.sleep_ms(wait_ms)
        backoff_ms = min(backoff_ms * 2, BACKOFF_MS_MAX)


async def _one_life(line: Line) -> None:
    """Given a line, open a connection and read it until it breaks; what broke it is raised."""
    async with connect(
        await line.address(),
        proxy=None,
        compression=None,
        open_timeout=OPEN_WITHIN_S,
        ping_interval=PING_EVERY_S,
        ping_timeout=PING_EVERY_S,
        close_timeout=CLOSE_WITHIN_S,
    ) as socket:
        line.opened()
        sides = {asyncio.create_task(_read(socket, line)), asyncio.create_task(line.guard())}
        try:
            ended, _ = await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            ended.pop().result()
        finally:
            await cancelled(sides)


async def _read(socket: ClientConnection, line: Line) -> None:
    while True:
        line.received(await socket.recv(decode=False))


async def cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    """Given tasks, cancel them and wait until they are gone."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Feed(Generic[T]):
    """A queue filled by tasks of its own. Started by its first reader; a task that breaks breaks the reader."""

    def __init__(self) -> None:
        self._items: asyncio.Queue[T | BaseException] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def started(self) -> bool:
        """Return whether the tasks were started."""
        return bool(self._tasks)

    @property
    def waiting(self) -> int:
        """Return how many items nobody has taken yet."""
        return self._items.qsize()

    def start(self, *coroutines: Coroutine[Any, Any, None]) -> None:
        """Run the coroutines that fill the queue."""
        for coroutine in coroutines:
            task = asyncio.create_task(coroutine)
            task.add_done_callback(self._ended)
            self._tasks.add(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._items.put_nowait(error)

    def put(self, item: T) -> None:
        """Append an item."""
        self._items.put_nowait(item)

    def clear(self) -> None:
        """Throw away what nobody has taken yet."""
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self._items.get_nowait()

    async def get(self) -> T:
        """Wait for the next item. Raise what broke a task."""
        return self._checked(await self._items.get())

    def get_waiting(self) -> list[T]:
        """Return the items that are there, without waiting."""
        return [self._checked(self._items.get_nowait()) for _ in range(self._items.qsize())]

    def _checked(self, item: T | BaseException) -> T:
        if isinstance(item, BaseException):
            raise item
        return item

    async def close(self) -> None:
        """End the tasks."""
        await cancelled(self._tasks)
