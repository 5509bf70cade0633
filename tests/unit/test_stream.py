"""The consumer: order within a lane, dead letters, pending entries, claims, a Redis that forgets."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis

from quantum_common.clock import SystemClock
from quantum_common.messages import Malformed
from quantum_common.redis_client import connect_url
from quantum_common.stream import Consumer, Message
from quantum_common.trimming import trim
from services.cli.embedded_redis import EmbeddedRedis

STREAM = "quantum:stream:apply.plan"


def consumer(redis: Redis, handle: Callable[[Message], Awaitable[None]], name: str = "one", **more: Any) -> Consumer:
    return Consumer(
        redis=redis, handlers={STREAM: handle}, group="g", name=name, clock=SystemClock(),
        log=structlog.get_logger(), block_ms=20, **more,
    )  # fmt: skip


async def entries(redis: Redis, stream: str) -> list[tuple[str, dict[str, str]]]:
    found: Any = await redis.xrange(stream)
    return list(found)


async def consume(one: Consumer, until: Callable[[], bool]) -> None:
    """Run a consumer until a condition holds, at most five seconds."""
    stop = asyncio.Event()
    task = asyncio.create_task(one.run(stop))
    try:
        async with asyncio.timeout(5):
            while not until() and not task.done():
                await asyncio.sleep(0.005)
    finally:
        stop.set()
        await task


async def test_messages_of_one_symbol_are_handled_in_order_while_another_symbol_overtakes(redis: Redis) -> None:
    seen: list[str] = []
    release = asyncio.Event()

    async def handle(message: Message) -> None:
        if message.fields["n"] == "1":
            await release.wait()
        seen.append(message.fields["n"])
        if message.fields["n"] == "3":
            release.set()
        await redis.xack(STREAM, "g", message.id)

    for n, symbol in (("1", "A"), ("2", "A"), ("3", "B")):
        await redis.xadd(STREAM, {"n": n, "symbol": symbol})
    await consume(consumer(redis, handle), lambda: len(seen) == 3)
    assert seen == ["3", "1", "2"]


async def test_a_malformed_entry_goes_to_the_dead_stream_with_its_reason_and_the_next_is_handled(redis: Redis) -> None:
    good: list[str] = []

    async def handle(message: Message) -> None:
        if "bad" in message.fields:
            raise Malformed("bad", "must not be there")
        good.append(message.id)
        await redis.xack(STREAM, "g", message.id)

    await redis.xadd(STREAM, {"bad": "1"})
    await redis.xadd(STREAM, {"fine": "1"})
    await consume(consumer(redis, handle), lambda: bool(good))
    [(_, letter)] = await entries(redis, STREAM + ".dead")
    assert (letter["bad"], letter["dead_field"], letter["dead_reason"]) == ("1", "bad", "must not be there")
    assert (await redis.xpending(STREAM, "g"))["pending"] == 0


async def test_own_pending_entries_come_first_at_a_restart(redis: Redis) -> None:
    await redis.xgroup_create(STREAM, "g", id="0", mkstream=True)
    await redis.xadd(STREAM, {"n": "old"})
    await redis.xreadgroup("g", "one", {STREAM: ">"})
    await redis.xadd(STREAM, {"n": "new"})
    seen: list[tuple[str, int]] = []

    async def handle(message: Message) -> None:
        seen.append((message.fields["n"], message.deliveries))
        await redis.xack(STREAM, "g", message.id)

    await consume(consumer(redis, handle), lambda: len(seen) == 2)
    assert seen == [("old", 2), ("new", 1)]


async def test_idle_entries_of_a_dead_peer_are_claimed(redis: Redis) -> None:
    await redis.xgroup_create(STREAM, "g", id="0", mkstream=True)
    entry = await redis.xadd(STREAM, {"n": "left"})
    await redis.xreadgroup("g", "dead-peer", {STREAM: ">"})
    await redis.xclaim(STREAM, "g", "dead-peer", 0, [str(entry)], idle=60_000)
    seen: list[str] = []

    async def handle(message: Message) -> None:
        seen.append(message.fields["n"])
        await redis.xack(STREAM, "g", message.id)

    await consume(consumer(redis, handle), lambda: bool(seen))
    assert seen == ["left"]


async def test_an_entry_that_kills_its_consumer_again_and_again_is_buried(redis: Redis) -> None:
    await redis.xgroup_create(STREAM, "g", id="0", mkstream=True)
    await redis.xadd(STREAM, {"n": "poison"})
    await redis.xreadgroup("g", "one", {STREAM: ">"})
    for _ in range(8):
        await redis.xreadgroup("g", "one", {STREAM: "0"})

    async def handle(message: Message) -> None:
        raise AssertionError("must not be handed over again")

    one = consumer(redis, handle)
    await consume(one, lambda: one.progress.dead == 1)
    [(_, letter)] = await entries(redis, STREAM + ".dead")
    assert "never done" in letter["dead_reason"]


async def test_a_broken_invariant_leaves_run_and_the_entry_stays_pending(redis: Redis) -> None:
    async def handle(message: Message) -> None:
        raise ZeroDivisionError("a bug")

    await redis.xadd(STREAM, {"n": "1"})
    with pytest.raises(ZeroDivisionError):
        await consumer(redis, handle).run(asyncio.Event())
    assert (await redis.xpending(STREAM, "g"))["pending"] == 1


async def test_a_group_that_redis_forgot_is_made_again_from_the_beginning(redis: Redis) -> None:
    seen: list[str] = []
    forgotten = False

    async def handle(message: Message) -> None:
        nonlocal forgotten
        seen.append(message.fields["n"])
        if not forgotten:
            forgotten = True
            await redis.flushall()
            await redis.xadd(STREAM, {"n": "after"})

    await redis.xadd(STREAM, {"n": "before"})
    await consume(consumer(redis, handle), lambda: len(seen) == 2)
    assert seen == ["before", "after"]


async def test_recovery_runs_before_the_first_message(redis: Redis) -> None:
    order: list[str] = []

    async def handle(message: Message) -> None:
        order.append("message")
        await redis.xack(STREAM, "g", message.id)

    async def recover() -> None:
        order.append("recover")

    await redis.xadd(STREAM, {"n": "1"})
    await consume(consumer(redis, handle, recover=recover), lambda: "message" in order)
    assert order == ["recover", "message"]


async def test_trimming_stops_at_the_oldest_entry_that_a_group_has_not_acknowledged(
    redis: Redis, redis_server: EmbeddedRedis
) -> None:
    ids = [await redis.xadd(STREAM, {"n": str(n)}, id=f"{1000 + n}-0") for n in range(6)]
    await redis.xgroup_create(STREAM, "g", id="0")
    await redis.xreadgroup("g", "one", {STREAM: ">"}, count=4)
    await redis.xack(STREAM, "g", ids[0], ids[1], ids[3])
    other = connect_url(redis_server.url)
    assert await trim(other, [STREAM], keep_ms=0, now_ms=10_000) == 2
    await other.aclose()
    assert [entry for entry, _ in await entries(redis, STREAM)] == ids[2:]
    await redis.xack(STREAM, "g", ids[2])
    assert await trim(redis, [STREAM], keep_ms=0, now_ms=10_000) == 2  # what was never delivered stays
    assert await trim(redis, ["quantum:none"], keep_ms=0, now_ms=10_000) == 0
