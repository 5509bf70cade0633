"""Incident 16: an optional trainer's missing heartbeat blocked all trading."""

from redis.asyncio import Redis

from tests.unit.governor import at_work as governor_at_work
from tests.unit.governor.builders import plan
from tests.unit.intent_bridge import at_work as bridge_at_work
from tests.unit.intent_bridge.builders import intent


async def test_an_entry_is_planned_and_permitted_though_nobody_else_has_a_heartbeat(redis: Redis) -> None:
    bridge = await bridge_at_work.make_bridge(redis)
    await bridge_at_work.world(redis)
    await bridge.handle(await bridge_at_work.deliver(redis, intent()))
    assert [one.gate for one in await bridge_at_work.plans(redis)] == [None]
    await redis.flushall()
    governor = await governor_at_work.make_governor(redis)
    await governor.recover()
    await governor.handle_plan(await governor_at_work.deliver(redis, plan()))
    assert [permit.allow for permit in await governor_at_work.permits(redis)] == [True]
    assert [key async for key in redis.scan_iter("*heartbeat*")] == []
