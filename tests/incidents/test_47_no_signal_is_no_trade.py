"""Incident 47: HOLD turned into random trades: a fallback that trades."""

from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.keys import Keys
from tests.incidents.consuming import KEYS, work_off
from tests.unit.intent_bridge.at_work import make_bridge, plans, world
from tests.unit.intent_bridge.builders import intent


@pytest.mark.parametrize("change", [{"action": "HOLD"}, {"action": ""}, {"side": ""}, {"position_size_usd": ""}])
async def test_a_wish_that_says_nothing_to_do_is_a_dead_letter_and_no_plan(
    redis: Redis, change: dict[str, str]
) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    fields: dict[Any, Any] = intent().to_fields() | change
    await redis.xadd(KEYS.intents, fields)
    await work_off(redis, bridge)
    assert await plans(redis) == []
    assert await redis.xlen(Keys.dead(KEYS.intents)) == 1
