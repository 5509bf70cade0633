"""Incident 20: 34 dead consumers and orphaned pending entries: the consumer's name held its pid."""

import asyncio
from typing import Any

import structlog
from redis.asyncio import Redis

from quantum_common.keys import Keys
from quantum_common.runtime import Runtime
from quantum_common.settings import CommonSettings
from quantum_common.stream import Message

STREAM = "quantum:stream:apply.plan"


async def test_a_service_that_starts_again_and_again_is_one_consumer_and_takes_up_its_own(redis: Redis) -> None:
    done: list[str] = []
    for life in range(4):
        runtime: Runtime[CommonSettings] = Runtime(
            "governor", CommonSettings(), redis, Keys(), structlog.get_logger()
        )  # fmt: skip

        async def handle(message: Message, life: int = life, runtime: Runtime[CommonSettings] = runtime) -> None:
            if life == 3:
                await redis.xack(STREAM, "governor", message.id)
                done.append(message.fields["n"])
            if life < 3 or len(done) == 4:
                runtime.stop.set()

        await redis.xadd(STREAM, {"n": str(life), "symbol": str(life)})
        async with asyncio.timeout(10):
            await runtime.consumer("governor", {STREAM: handle})
    consumers: Any = await redis.xinfo_consumers(STREAM, "governor")
    assert [(one["name"], one["pending"]) for one in consumers] == [("governor", 0)]
    assert sorted(done) == ["0", "1", "2", "3"]
