"""The consumer in trouble: Redis out of reach or full, an exchange that does not answer, lost and poisoned entries."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from quantum_common import stream
from quantum_common.clock import ManualClock, SystemClock
from quantum_common.exchange.port import ExchangeUnavailable
from quantum_common.messages import Malformed
from quantum_common.redis_client import UNREACHABLE
from quantum_common.stream import Consumer, Message

STREAM = "quantum:stream:apply.plan"
Handle = Callable[[Message], Awaitable[None]]


class Quick(SystemClock):
    """The machine's clock, on which nobody waits."""

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(0)


def consumer(redis: Redis, handle: Handle, **more: Any) -> Consumer:
    return Consumer(
        redis=redis, handlers={STREAM: handle}, group="g", name="one", clock=Quick(), log=structlog.get_logger(),
        block_ms=10, **more,
    )  # fmt: skip


async def consume(one: Consumer, until: Callable[[], bool]) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(one.run(stop))
    try:
        async with asyncio.timeout(10):
            while not until() and not task.done():
                await asyncio.sleep(0.005)
    finally:
        stop.set()
        await task


def acknowledge(redis: Redis) -> Handle:
    async def handle(message: Message) -> None:
        await redis.xack(STREAM, "g", message.id)

    return handle


async def test_a_handler_that_cannot_reach_redis_is_called_again_with_the_same_message(redis: Redis) -> None:
    seen: list[str] = []

    async def handle(message: Message) -> None:
        seen.append(message.id)
        if len(seen) < 4:
            raise RedisConnectionError("gone")
        await redis.xack(STREAM, "g", message.id)

    await redis.xadd(STREAM, {"n": "1"})
    one = consumer(redis, handle)
    await consume(one, lambda: one.progress.handled == 1)
    assert len(seen) == 4
    assert len(set(seen)) == 1
    assert one.progress.redis_up


async def test_at_the_stop_a_lane_that_waits_for_redis_is_not_waited_for(redis: Redis) -> None:
    async def handle(message: Message) -> None:
        stop.set()
        raise RedisConnectionError("the lease is another's")

    stop = asyncio.Event()
    await redis.xadd(STREAM, {"n": "1"})
    one = consumer(redis, handle)
    async with asyncio.timeout(5):
        await one.run(stop)
    assert (await redis.xpending(STREAM, "g"))["pending"] == 1


async def test_a_handler_whose_exchange_does_not_answer_is_called_again(redis: Redis) -> None:
    attempts = 0

    async def handle(message: Message) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ExchangeUnavailable("no answer", 1)
        await redis.xack(STREAM, "g", message.id)

    await redis.xadd(STREAM, {"n": "1"})
    one = consumer(redis, handle)
    await consume(one, lambda: one.progress.handled == 1)
    assert attempts == 3
    assert one.progress.last_message_ms > 0


async def test_a_dead_letter_that_cannot_be_written_now_is_written_later(redis: Redis) -> None:
    async def handle(message: Message) -> None:
        raise Malformed("n", "is wrong")

    one = consumer(redis, handle)
    write, failures = one._dead_letter, 0

    async def failing(*args: Any) -> object:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise RedisConnectionError("gone")
        return await write(*args)

    vars(one)["_dead_letter"] = failing
    await redis.xadd(STREAM, {"n": "1"})
    await consume(one, lambda: one.progress.handled == 1)
    assert await redis.xlen(STREAM + ".dead") == 1
    assert (await redis.xpending(STREAM, "g"))["pending"] == 0


async def test_a_redis_that_is_full_is_waited_for_and_nothing_is_lost(redis: Redis) -> None:
    done: list[str] = []

    async def handle(message: Message) -> None:
        await redis.xadd("out", {"n": message.fields["n"]})
        await redis.xack(STREAM, "g", message.id)
        done.append(message.fields["n"])

    await redis.xgroup_create(STREAM, "g", id="0", mkstream=True)
    await redis.xadd(STREAM, {"n": "1"})
    before = (await redis.config_get("maxmemory"))["maxmemory"]
    one = consumer(redis, handle)
    try:
        await redis.config_set("maxmemory", 1)
        task = asyncio.create_task(consume(one, lambda: bool(done)))
        async with asyncio.timeout(5):
            while one.progress.redis_up and not task.done():
                await asyncio.sleep(0.005)
        assert done == []
    finally:
        await redis.config_set("maxmemory", before or 0)
    await task
    assert done == ["1"]
    assert await redis.xlen("out") == 1


async def test_a_loop_that_cannot_reach_redis_backs_off_and_goes_on(redis: Redis) -> None:
    one = consumer(redis, acknowledge(redis))
    read, failures = one._read_new, 0

    async def failing() -> None:
        nonlocal failures
        failures += 1
        if failures <= 8:
            raise RedisConnectionError("gone")
        await read()

    vars(one)["_read_new"] = failing
    await redis.xadd(STREAM, {"n": "1"})
    await consume(one, lambda: one.progress.handled == 1)
    assert one.progress.redis_up


async def test_what_else_redis_says_is_a_broken_invariant(redis: Redis) -> None:
    await redis.set(STREAM, "not a stream")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await consumer(redis, acknowledge(redis)).run(asyncio.Event())


async def test_a_read_that_redis_refuses_for_another_reason_is_a_broken_invariant(redis: Redis) -> None:
    one = consumer(redis, acknowledge(redis))

    async def refused() -> None:
        raise ResponseError("NOPERM this user has no permissions")

    vars(one)["_read_new"] = refused
    with pytest.raises(ResponseError, match="NOPERM"):
        await one.run(asyncio.Event())


async def test_own_pending_entries_that_are_gone_from_the_stream_are_loss(redis: Redis) -> None:
    await redis.xgroup_create(STREAM, "g", id="0", mkstream=True)
    for number in (1, 2):
        await redis.xadd(STREAM, {"n": str(number)}, id=f"{number}-0")
    await redis.xreadgroup("g", "one", {STREAM: ">"})
    await redis.xdel(STREAM, "1-0")

    async def handle(message: Message) -> None:
        if not message.fields:
            raise Malformed("entry", "is gone")
        await redis.xack(STREAM, "g", message.id)

    one = consumer(redis, handle)
    await consume(one, lambda: one.progress.handled == 2)
    assert one.progress.lost == 1
    assert (await redis.xpending(STREAM, "g"))["pending"] == 0


async def test_more_than_a_batch_of_own_pending_entries_is_taken_up_whole(redis: Redis) -> None:
    await redis.xgroup_create(STREAM, "g", id="0", mkstream=True)
    for number in range(stream.BATCH * 2 + 3):
        await redis.xadd(STREAM, {"n": str(number), "symbol": str(number % 5)})
    await redis.xreadgroup("g", "one", {STREAM: ">"})
    one = consumer(redis, acknowledge(redis))
    await consume(one, lambda: one.progress.handled == stream.BATCH * 2 + 3)
    assert (await redis.xpending(STREAM, "g"))["pending"] == 0


async def test_what_is_in_hand_is_bounded(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "IN_HAND_MAX", 4)
    monkeypatch.setattr(stream, "BATCH", 2)
    at_once = most = 0

    async def handle(message: Message) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.002)
        at_once -= 1
        await redis.xack(STREAM, "g", message.id)

    for number in range(30):
        await redis.xadd(STREAM, {"symbol": str(number)})
    one = consumer(redis, handle)
    await consume(one, lambda: one.progress.handled == 30)
    assert 1 < most <= 5


async def test_what_is_in_hand_is_not_taken_twice(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim of idle entries meets one that this very process is still busy with."""
    monkeypatch.setattr(stream, "CLAIM_IDLE_MS", 0)
    monkeypatch.setattr(stream, "CLAIM_EVERY_MS", 0)
    calls = 0

    async def handle(message: Message) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.1)
        await redis.xack(STREAM, "g", message.id)

    await redis.xadd(STREAM, {"n": "1"})
    one = consumer(redis, handle)
    await consume(one, lambda: one.progress.handled == 1)
    assert calls == 1


def test_a_message_says_when_redis_took_it() -> None:
    assert Message(STREAM, "1790000000123-4", {}).written_ms == 1_790_000_000_123


async def test_a_clock_that_is_set_by_hand_moves_when_somebody_sleeps() -> None:
    clock = ManualClock(5)
    await clock.sleep_ms(10)
    assert clock.now_ms() == 15


def test_a_full_redis_is_one_that_cannot_do_it_now() -> None:
    assert ResponseError not in UNREACHABLE
