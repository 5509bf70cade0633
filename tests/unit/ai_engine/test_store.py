from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.keys import Keys
from quantum_common.messages import Intent
from quantum_common.state import MarketState
from services.ai_engine.decide import Verdict, decide
from services.ai_engine.memory import ExitMemory
from services.ai_engine.momentum_model import MomentumModel
from services.ai_engine.standing import Seen
from services.ai_engine.store import RedisStore
from tests.unit.ai_engine import given

KEYS = Keys()


def verdict(number: int = 0) -> Verdict:
    """A bar that leads to an exit, with the memory of it."""
    bar = given.bar(number, 90.0)
    features = given.features(price=bar.close, bar_close_ms=bar.close_ms)
    seen = Seen(given.SYMBOL, bar, features, given.ledger(1.0), given.portfolio(), None, given.RULES)
    return decide(seen, MomentumModel(version="v", horizon_bars=12), given.policy(), bar.close_ms)


async def record(redis: Redis, one: Verdict) -> bool:
    return await RedisStore(redis, KEYS).record_bar(given.SYMBOL, one.state, one.intents, one.memory)


async def entries(redis: Redis) -> Any:
    return await redis.xrange(KEYS.intents)


async def test_a_bar_is_written_whole(redis: Redis) -> None:
    one = verdict()
    assert await record(redis, one)
    ((_, fields),) = await entries(redis)
    assert Intent.from_fields(fields) == one.intents[0]
    state: Any = await redis.hgetall(KEYS.market_state(given.SYMBOL))
    assert MarketState.from_fields(state) == one.state
    known = await RedisStore(redis, KEYS).positions([given.SYMBOL, "ETHUSDT"])
    assert known[given.SYMBOL].memory == one.memory
    assert known["ETHUSDT"].memory is None
    assert known["ETHUSDT"].ledger is None


async def test_a_bar_is_written_once_and_an_older_one_never(redis: Redis) -> None:
    assert await record(redis, verdict(1))
    assert not await record(redis, verdict(1))
    assert not await record(redis, verdict(0))
    assert await record(redis, verdict(2))
    assert len(await entries(redis)) == 2


async def test_after_a_torn_script_the_bar_is_done_again_with_the_same_wish(redis: Redis) -> None:
    assert await record(redis, verdict(1))
    await redis.delete(KEYS.market_state(given.SYMBOL))
    assert await record(redis, verdict(1))
    first, second = [fields["intent_id"] for _, fields in await entries(redis)]
    assert first == second


async def test_without_a_new_memory_the_old_one_stands(redis: Redis) -> None:
    store = RedisStore(redis, KEYS)
    assert await record(redis, verdict(1))
    quiet = verdict(2)
    assert await store.record_bar(given.SYMBOL, quiet.state, (), None)
    assert (await store.positions([given.SYMBOL]))[given.SYMBOL].memory == verdict(1).memory
    assert await store.record_bar(given.SYMBOL, verdict(3).state, (), ExitMemory.quiet(5))
    assert (await store.positions([given.SYMBOL]))[given.SYMBOL].memory == ExitMemory.quiet(5)


async def test_the_ledger_and_the_portfolio_are_read_as_they_stand(redis: Redis) -> None:
    store = RedisStore(redis, KEYS)
    assert await store.portfolio() is None
    totals: Any = given.portfolio(1234.5).to_fields()
    await redis.hset(KEYS.portfolio, mapping=totals)
    portfolio = await store.portfolio()
    assert portfolio is not None
    assert portfolio.equity_usd == Decimal("1234.5")
    fields: Any = given.ledger(-0.25).to_fields()
    await redis.hset(KEYS.ledger(given.SYMBOL), mapping=fields)
    assert (await store.positions([given.SYMBOL]))[given.SYMBOL].ledger == given.ledger(-0.25)


@pytest.mark.parametrize("memory", [ExitMemory.quiet(5), verdict().memory])
def test_a_memory_reads_as_it_was_written(memory: ExitMemory) -> None:
    assert ExitMemory.from_fields(memory.to_fields()) == memory
