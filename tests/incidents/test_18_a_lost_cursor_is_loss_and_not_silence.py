"""Incident 18: a consumer group stuck for fifteen days: its cursor was trimmed away, and its lag read NULL."""

import asyncio
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from structlog.testing import capture_logs

from quantum_common.clock import SystemClock
from quantum_common.stream import Consumer, Message
from quantum_common.trimming import trim

STREAM = "quantum:stream:apply.plan"


async def consume(redis: Redis, until: Callable[[Consumer], bool]) -> Consumer:
    async def handle(message: Message) -> None:
        await redis.xack(STREAM, "g", message.id)

    one = Consumer(
        redis=redis, handlers={STREAM: handle}, group="g", name="one", clock=SystemClock(), log=structlog.get_logger(),
        block_ms=10,
    )  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.create_task(one.run(stop))
    try:
        async with asyncio.timeout(5):
            while not until(one):
                await asyncio.sleep(0.005)
    finally:
        stop.set()
        await task
    return one


async def two_of_six_read(redis: Redis) -> None:
    """Write six entries, of which the group has read and acknowledged two."""
    await redis.xgroup_create(STREAM, "g", id="0", mkstream=True)
    for number in range(1, 7):
        await redis.xadd(STREAM, {"n": str(number)}, id=f"{number}-0")
    await redis.xreadgroup("g", "one", {STREAM: ">"}, count=2)
    await redis.xack(STREAM, "g", "1-0", "2-0")


async def test_a_cursor_behind_the_first_entry_is_reported_and_consumption_goes_on(redis: Redis) -> None:
    await two_of_six_read(redis)
    await redis.xdel(STREAM, "4-0")
    await redis.xtrim(STREAM, minid="5-0", approximate=False)  # by somebody else: two that were never delivered
    with capture_logs() as logs:
        one = await consume(redis, lambda one: one.progress.handled == 2)
    assert one.progress.lost == 1
    assert "some were lost" in str(logs)


async def test_entries_that_somebody_trimmed_away_unread_are_counted_and_told_once(redis: Redis) -> None:
    await two_of_six_read(redis)
    await redis.xtrim(STREAM, minid="5-0", approximate=False)  # by somebody else: 3 and 4 were never delivered
    with capture_logs() as logs:
        one = await consume(redis, lambda one: one.progress.handled == 2)
    assert one.progress.lost == 2
    assert "some were lost" in str(logs)
    await redis.xtrim(STREAM, maxlen=0, approximate=False)
    await redis.xadd(STREAM, {"n": "7"}, id="7-0")
    assert (await consume(redis, lambda one: one.progress.handled == 1)).progress.lost == 0


async def test_pending_entries_that_are_gone_from_the_stream_are_reported(redis: Redis) -> None:
    await redis.xgroup_create(STREAM, "g", id="0", mkstream=True)
    for number in (1, 2):
        await redis.xadd(STREAM, {"n": str(number)}, id=f"{number}-0")
    await redis.xreadgroup("g", "dead-peer", {STREAM: ">"})
    await redis.xclaim(STREAM, "g", "dead-peer", 0, ["1-0", "2-0"], idle=60_000)
    await redis.xdel(STREAM, "1-0")
    one = await consume(redis, lambda one: one.progress.handled == 1)
    assert one.progress.lost == 1


async def test_our_own_trimming_never_passes_what_was_not_delivered(redis: Redis) -> None:
    await redis.xgroup_create(STREAM, "g", id="0", mkstream=True)
    await redis.xadd(STREAM, {"n": "1"}, id="1-0")
    assert await trim(redis, [STREAM], 0, 10**12) == 0
    assert (await consume(redis, lambda one: one.progress.handled == 1)).progress.lost == 0
    assert await trim(redis, [STREAM], 0, 10**12) == 1
