"""Incident 42: there were seven kill switches, and none that the executor read."""

import pytest
from redis.asyncio import Redis

from quantum_common.keys import Keys
from quantum_common.reasons import Gate
from quantum_common.state import TradingState
from services.intent_executor.decide import PermittedPlan, decide, first_record
from services.intent_executor.ports import Claim
from services.intent_executor.store import RedisStore
from tests.unit.intent_executor.scripted import World, plan


@pytest.mark.parametrize(
    ("state", "action", "gate"),
    [
        (TradingState.HALTED, "OPEN", Gate.TRADING_HALTED),
        (TradingState.HALTED, "CLOSE_FULL", Gate.TRADING_HALTED),
        (TradingState.REDUCING, "OPEN", Gate.TRADING_REDUCING),
    ],
)
async def test_a_permitted_plan_is_not_sent_in_a_state_that_forbids_it(
    redis: Redis, state: TradingState, action: str, gate: Gate
) -> None:
    world = await World(redis).begin()
    await world.trade(state)
    result = await world.send(plan(action))
    assert (result.executed, result.gate) == (False, gate)
    assert world.exchange.requests == []


async def test_an_exit_is_sent_while_reducing(redis: Redis) -> None:
    world = await World(redis).begin()
    await world.trade(TradingState.REDUCING)
    assert (await world.send(plan("CLOSE_FULL"))).executed


async def test_a_halt_between_the_decision_and_the_claim_wins(redis: Redis) -> None:
    world = await World(redis).begin()
    of = plan("OPEN")
    await world.permitted(of)
    store = RedisStore(redis, Keys())
    await store.meet()
    seen = await store.gather(of)
    permitted = decide(of, seen, {of.symbol}, of.ts_ms)
    assert isinstance(permitted, PermittedPlan)
    await world.trade(TradingState.HALTED)
    record = first_record(permitted, seen, of.ts_ms, 5_000, of.ts_ms)
    assert await store.claim(of, seen, record) is Claim.STATE_CHANGED
    assert not await redis.exists(Keys().order(of.plan_id))
