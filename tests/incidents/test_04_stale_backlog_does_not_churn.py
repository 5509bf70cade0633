"""Incident 4: 150 trades and a large loss in eleven minutes: a stale backlog of closes flipped positions."""

from redis.asyncio import Redis

from quantum_common.messages import Decision
from quantum_common.reasons import Gate
from tests.incidents.consuming import KEYS, send, work_off
from tests.unit.intent_bridge.at_work import make_bridge, plans, put, world
from tests.unit.intent_bridge.builders import NOW_MS, intent, ledger

HOUR_MS = 3_600_000


async def test_a_backlog_of_old_closes_is_planned_as_stale_and_nothing_is_sent(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis, "0.01")
    old = [intent("CLOSE_50", intent_id=f"old-{n}", ts_ms=NOW_MS - HOUR_MS + n) for n in range(150)]
    await send(redis, *old)
    await work_off(redis, bridge)
    assert [plan.gate for plan in await plans(redis)] == [Gate.STALE_INTENT] * 150


async def test_a_close_that_was_meant_for_an_earlier_position_does_not_touch_this_one(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis, "0.01")
    await put(redis, KEYS.ledger("BTCUSDT"), ledger("0.01", opened_ms=NOW_MS - 1_000))
    await send(redis, intent("CLOSE_FULL", ts_ms=NOW_MS - 2_000))
    await work_off(redis, bridge)
    [plan] = await plans(redis)
    assert (plan.decision, plan.gate) == (Decision.BLOCKED, Gate.STALE_INTENT)


async def test_closes_in_a_row_are_all_reduce_only_and_none_exceeds_the_position(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis, "0.01")
    await send(redis, *(intent("CLOSE_FULL", intent_id=f"bar-{n}") for n in range(20)))
    await work_off(redis, bridge)
    for plan in await plans(redis):
        assert plan.reduce_only
        assert plan.qty <= bridge.rules["BTCUSDT"].max_qty
        assert str(plan.qty) == "0.01"
