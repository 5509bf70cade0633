"""Incident 23: 491 `duplicate_plan` to 6 executions, and real duplicates as well: dedupe by plan, not by state."""

from redis.asyncio import Redis

from quantum_common.reasons import Gate
from tests.incidents.consuming import KEYS, send, work_off
from tests.unit.intent_bridge.at_work import make_bridge, plans, put, world
from tests.unit.intent_bridge.builders import NOW_MS, intent, portfolio, snapshot


async def test_wishes_of_later_bars_are_no_duplicates_but_stand_against_the_position(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    await send(redis, *(intent(intent_id=f"bar-{n}") for n in range(3)))
    await work_off(redis, bridge)
    assert [one.gate for one in await plans(redis)] == [None, Gate.ADD_BUDGET, Gate.ADD_BUDGET]


async def test_a_wish_after_the_position_was_closed_is_neither(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    await send(redis, intent(intent_id="bar-1"))
    await work_off(redis, bridge)
    [first] = await plans(redis)
    # It filled, was closed again, and the exchange says flat since.
    await redis.hset(KEYS.order(first.plan_id), mapping={"state": "PLACED", "updated_ms": str(NOW_MS)})
    await put(redis, KEYS.snapshot("BTCUSDT"), snapshot("0", ts_ms=NOW_MS + 900))
    await put(redis, KEYS.portfolio, portfolio(ts_ms=NOW_MS + 900))
    await send(redis, intent(intent_id="bar-2"))
    await work_off(redis, bridge)
    assert [one.gate for one in await plans(redis)] == [None, None]
