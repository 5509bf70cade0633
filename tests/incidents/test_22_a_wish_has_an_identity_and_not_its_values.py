"""Incident 22: twenty equal orders, because the dedupe key held measurements that change every tick."""

from decimal import Decimal

from redis.asyncio import Redis

from quantum_common.ids import intent_id
from quantum_common.reasons import Gate
from tests.incidents.consuming import send, work_off
from tests.unit.intent_bridge.at_work import make_bridge, plans, world
from tests.unit.intent_bridge.builders import NOW_MS, intent


async def test_twenty_tellings_of_one_wish_with_other_measurements_are_one_plan(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    identity = intent_id("BTCUSDT", "OPEN", NOW_MS, "model-1")
    await send(
        redis,
        *(
            intent(intent_id=identity, confidence=Decimal("0.7") + n * Decimal("0.001"), ts_ms=NOW_MS - n)
            for n in range(20)
        ),
    )
    await work_off(redis, bridge)
    written = await plans(redis)
    assert [one.gate for one in written] == [None] + [Gate.DUPLICATE_INTENT] * 19
    assert len({one.plan_id for one in written}) == 1
