"""Incident 29: plans said 9x, the account stood at 20x: leverage was never set and never read back."""

from dataclasses import replace

from redis.asyncio import Redis

from tests.contract.chain import Chain
from tests.unit.position_state_brain.scripted import SYMBOL


async def test_leverage_is_set_before_the_order_where_the_snapshot_shows_another(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    chain.account.rows[SYMBOL] = replace(chain.account.rows[SYMBOL], leverage=20)
    await chain.p33.snapshot()
    await chain.ask(chain.wish(leverage=2))
    assert chain.venue.leverages == {SYMBOL: 2}
    assert chain.venue.calls.index("set_leverage") < chain.venue.calls.index("place")


async def test_leverage_that_somebody_changed_is_found_and_set_again(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    for leverage in (20, 20):
        chain.account.rows[SYMBOL] = replace(chain.account.rows[SYMBOL], leverage=leverage)
        await chain.p33.snapshot()
        await chain.ask(chain.wish(leverage=2))
        chain.clock.advance(600_000)
        await chain.cycle()
        await chain.ask(chain.wish("CLOSE_FULL"))
        chain.clock.advance(600_000)
        await chain.cycle()
    assert chain.venue.calls.count("set_leverage") == 2
