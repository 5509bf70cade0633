"""Incident 24: twice the quantity: two entries for one symbol in one batch, before the cooldown was written."""

from redis.asyncio import Redis

from quantum_common.messages import Decision
from quantum_common.reasons import Gate
from tests.incidents.consuming import send, work_off
from tests.unit.intent_bridge.at_work import make_bridge, plans, world
from tests.unit.intent_bridge.builders import intent


async def test_of_two_entries_in_one_batch_one_is_accepted(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    await send(redis, intent(intent_id="one"), intent(intent_id="two"))
    await work_off(redis, bridge)
    written = await plans(redis)
    assert [one.decision for one in written] == [Decision.EXECUTE, Decision.BLOCKED]
    assert written[1].gate is Gate.ADD_BUDGET
