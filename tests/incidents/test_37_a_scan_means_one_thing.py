"""Incident 37: ghost positions; a clean-up glob deleted ledgers too: key prefixes overlapped."""

from redis.asyncio import Redis

from tests.contract.chain import KEYS, Chain
from tests.unit.position_state_brain.scripted import SYMBOL


async def test_a_clean_up_of_one_kind_of_key_touches_no_other(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    await chain.ask(chain.wish())
    await redis.hset(KEYS.hold(SYMBOL), "reason", "x")
    families = [
        KEYS.snapshot(""), KEYS.ledger(""), KEYS.fills(""), KEYS.hold(""), KEYS.market_state(""), KEYS.order(""),
        KEYS.stop(""), KEYS.bridge_seen(""),
    ]  # fmt: skip
    before = {family: len(await redis.keys(family + "*")) for family in families}
    assert all(before.values()), before
    total = await redis.dbsize()
    for family in families:
        doomed = await redis.keys(family + "*")
        total -= await redis.delete(*doomed)
        before[family] = 0
        assert {other: len(await redis.keys(other + "*")) for other in families} == before
    assert await redis.dbsize() == total


async def test_the_books_are_read_from_their_own_keys_only(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    await redis.hset("quantum:position:fillsghost:X", "a", "1")
    await redis.hset("quantum:{1}:position:fills:ETHUSDT", "a", "1")
    await chain.p33.recover()
    assert set(chain.p33.books.books) == {SYMBOL}
