"""Incident 2: no exit was ever executed, because the producer wrote `harvest_action` and the consumer read `action`."""

from typing import Any

from redis.asyncio import Redis

from quantum_common.keys import Keys
from tests.incidents.consuming import KEYS, send, work_off
from tests.unit.intent_bridge.at_work import make_bridge, plans, world
from tests.unit.intent_bridge.builders import intent


async def test_a_field_that_nobody_reads_is_named_in_a_dead_letter_and_the_next_exit_is_planned(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis, "0.01")
    wrong: dict[Any, Any] = intent("CLOSE_FULL").to_fields()
    wrong["harvest_action"] = wrong.pop("action")
    await redis.xadd(KEYS.intents, wrong)
    await send(redis, intent("CLOSE_FULL", intent_id="i2"))
    await work_off(redis, bridge)
    letters: Any = await redis.xrange(Keys.dead(KEYS.intents))
    assert [letter["dead_field"] for _, letter in letters] == ["action"]
    assert [plan.gate for plan in await plans(redis)] == [None]
