"""Incident 7: 57 % of plans ended `no_exchange_snapshot`: the candidate list fell back to two symbols."""

from redis.asyncio import Redis

from tests.unit.position_state_brain.scripted import KEYS, World, row

SYMBOLS = [f"S{number}USDT" for number in range(40)]


async def test_every_symbol_of_the_account_has_a_snapshot_and_a_ledger_flat_ones_too(redis: Redis) -> None:
    world = World(redis, p33_allowlist="S0USDT,S1USDT")
    for symbol in SYMBOLS:
        world.account.rows[symbol] = row(symbol=symbol)
    await world.begin()
    for symbol in SYMBOLS:
        assert (await world.snapshot(symbol)).position_amt == 0
        assert (await world.ledger(symbol)).position_amt == 0
    assert len(await redis.keys(KEYS.snapshot("") + "*")) == len(world.account.rows)
