"""Incident 19: 1.4 million entries of backlog were worked off as if they were new."""

from redis.asyncio import Redis

from quantum_common.reasons import Gate
from tests.incidents.consuming import send, work_off
from tests.unit.governor import at_work as governor_at_work
from tests.unit.governor.builders import plan
from tests.unit.intent_bridge.at_work import make_bridge, plans, world
from tests.unit.intent_bridge.builders import NOW_MS, intent


async def test_old_entries_of_a_backlog_are_stale_and_the_new_one_among_them_is_not(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    await send(redis, *(intent(intent_id=f"old-{n}", ts_ms=NOW_MS - 31_000) for n in range(200)), intent())
    await work_off(redis, bridge)
    gates = [one.gate for one in await plans(redis)]
    assert gates == [Gate.STALE_INTENT] * 200 + [None]


async def test_plans_that_expired_while_the_governor_was_away_take_nothing_from_its_budgets(redis: Redis) -> None:
    governor = await governor_at_work.make_governor(redis)
    await governor.recover()
    for n in range(50):
        late = plan(plan_id=f"late-{n}", expires_ms=NOW_MS - 1)
        await governor.handle_plan(await governor_at_work.deliver(redis, late))
    assert {permit.reason for permit in await governor_at_work.permits(redis)} == {Gate.PLAN_EXPIRED}
    assert await governor_at_work.budgets(redis) == ([], [], {})
