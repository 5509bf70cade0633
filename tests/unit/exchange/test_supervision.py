"""The one mechanism under every stream."""

import asyncio

import pytest
import structlog

from quantum_common.exchange import supervision
from quantum_common.exchange.supervision import Feed, StreamBroken, supervise
from tests.unit.exchange.scripted import GatedClock, scripted_exchange


class Recorder:
    """A line that notes what happens to it."""

    name = "recorder"

    def __init__(self, url: str) -> None:
        self.url = url
        self.opened_times = 0
        self.frames: list[bytes] = []
        self.guarding: BaseException | None = None

    async def address(self) -> str:
        return self.url

    def opened(self) -> None:
        self.opened_times += 1

    def received(self, frame: bytes) -> None:
        self.frames.append(frame)

    async def guard(self) -> None:
        if self.guarding is not None:
            raise self.guarding
        await asyncio.Event().wait()


async def test_a_steady_connection_begins_the_back_off_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = GatedClock()
    async with scripted_exchange() as server:
        line = Recorder(server.url.replace("http", "ws"))
        line.guarding = StreamBroken("at once")
        running = asyncio.create_task(supervise(line, clock, structlog.get_logger()))
        while len(clock.slept) < 3:
            await asyncio.sleep(0)
        assert clock.slept[:3] == [100, 200, 400]
        monkeypatch.setattr(supervision, "STEADY_MS", 0)
        count = len(clock.slept)
        while len(clock.slept) < count + 3:
            await asyncio.sleep(0)
        assert clock.slept[-1] == 100
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_what_is_not_the_worlds_doing_is_raised() -> None:
    async with scripted_exchange() as server:
        line = Recorder(server.url.replace("http", "ws"))
        line.guarding = ZeroDivisionError("a bug")
        with pytest.raises(ZeroDivisionError):
            await supervise(line, GatedClock(), structlog.get_logger())


async def test_a_port_where_nobody_listens_is_tried_again() -> None:
    clock = GatedClock()
    line = Recorder("ws://127.0.0.1:1/")
    running = asyncio.create_task(supervise(line, clock, structlog.get_logger()))
    while len(clock.slept) < 4:
        await asyncio.sleep(0)
    assert line.opened_times == 0
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_feed_breaks_its_reader_with_what_broke_its_task() -> None:
    feed: Feed[int] = Feed()

    async def fill() -> None:
        feed.put(1)
        raise ZeroDivisionError

    feed.start(fill())
    assert await feed.get() == 1
    with pytest.raises(ZeroDivisionError):
        await feed.get()
    await feed.close()


async def test_a_feed_whose_task_ends_goes_on() -> None:
    feed: Feed[int] = Feed()

    async def fill() -> None:
        feed.put(1)
        feed.put(2)

    assert not feed.started
    feed.start(fill())
    assert await feed.get() == 1
    assert feed.waiting == 1
    assert feed.get_waiting() == [2]
    feed.put(3)
    feed.clear()
    assert feed.get_waiting() == []
    await feed.close()
