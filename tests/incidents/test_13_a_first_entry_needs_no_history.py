"""Incident 13: an entry needed a ledger, and a ledger needed an entry."""

from redis.asyncio import Redis

from tests.contract.chain import KEYS, Chain, D
from tests.unit.position_state_brain.scripted import SYMBOL, World, plan


async def test_the_first_snapshot_brings_a_flat_ledger_and_the_first_entry_passes(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    assert (await chain.ledger()).position_amt == 0
    await chain.ask(chain.wish())
    assert (await chain.ledger()).position_amt == D(5)


async def test_a_ledger_that_redis_forgot_is_there_again_after_the_next_recovery(redis: Redis) -> None:
    world = await World(redis).begin()
    await redis.delete(KEYS.ledger(SYMBOL), KEYS.fills(SYMBOL))
    await world.brain.recover()
    await world.brain.snapshot()
    assert (await world.permit(plan())).allow
