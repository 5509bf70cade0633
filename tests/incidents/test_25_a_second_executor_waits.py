"""Incident 25: every order went out twice, because two executors ran on one account."""

import asyncio

import pytest
import structlog
from redis.asyncio import Redis

from quantum_common.keys import Keys
from quantum_common.lease import Lease
from quantum_common.scripts import Fenced
from services.intent_executor.store import RedisStore
from tests.unit.intent_executor.scripted import World, plan

KEY = Keys().lease("intent-executor")


async def soon(_duration_ms: int) -> None:
    await asyncio.sleep(0.001)


async def test_a_second_instance_waits_for_the_lease_of_the_first(redis: Redis) -> None:
    first = Lease(redis, KEY, 5_000, structlog.get_logger())
    second = Lease(redis, KEY, 5_000, structlog.get_logger())
    turns = iter(range(4))
    assert await first.acquire(soon, lambda: False)
    assert not await second.acquire(soon, lambda: next(turns, None) is None)


async def test_an_instance_that_slept_past_its_lease_cannot_claim_a_plan(redis: Redis) -> None:
    world = await World(redis).begin()
    sleeper = Lease(redis, KEY, 5_000, structlog.get_logger())
    assert await sleeper.acquire(soon, lambda: False)
    store = RedisStore(redis, Keys(), sleeper.fence)
    await store.meet()
    of = plan("OPEN")
    await world.permitted(of)
    await redis.set(KEY, "another instance", px=5_000)  # taken over while it slept
    world.executor.store = store
    await world.planned(of)
    with pytest.raises(Fenced):
        await world.deliver()
    assert world.exchange.requests == []
    assert not await redis.exists(Keys().order(of.plan_id))
