"""Runs a service's handler under the real consumer, as the daemon does, until its streams are worked off."""

import asyncio
from typing import Any

import structlog
from redis.asyncio import Redis

from quantum_common.clock import SystemClock
from quantum_common.keys import GROUP_BRIDGE, Keys
from quantum_common.messages import Intent
from quantum_common.stream import Consumer
from services.intent_bridge.service import Bridge, lane

KEYS = Keys()


async def send(redis: Redis, *wishes: Intent) -> None:
    """Put intents on their stream."""
    for wish in wishes:
        fields: dict[Any, Any] = wish.to_fields()
        await redis.xadd(KEYS.intents, fields)


async def work_off(redis: Redis, bridge: Bridge) -> None:
    """Let the bridge consume all that stands in its stream, at most ten seconds."""
    consumer = Consumer(
        redis=redis, handlers={KEYS.intents: bridge.handle}, group=GROUP_BRIDGE, name="intent-bridge",
        clock=SystemClock(), log=structlog.get_logger(), lane=lane, block_ms=10,
    )  # fmt: skip
    groups: Any = await redis.xinfo_groups(KEYS.intents)
    wanted = int(groups[0]["lag"])
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        async with asyncio.timeout(10):
            while consumer.progress.handled < wanted and not task.done():
                await asyncio.sleep(0.005)
    finally:
        stop.set()
        await task
