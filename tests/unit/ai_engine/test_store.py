from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.keys import Keys
from quantum_common.messages import Intent
from quantum_common.state import EngineModel, EngineVerdict, MarketState, ModelStatus
from services.ai_engine.bars import BarFault, DeadBar
from services.ai_engine.decide import decide
from services.ai_engine.features import Features
from services.ai_engine.market_state import market_state
from services.ai_engine.memory import ExitMemory
from services.ai_engine.momentum_model import MomentumModel
from services.ai_engine.standing import Seen
from services.ai_engine.store import RedisStore
from services.ai_engine.verdict import Verdict, engine_verdict
from tests.unit.ai_engine import given

KEYS = Keys()


def features_of(number: int) -> Features:
    bar = given.bar(number, 90.0)
    return given.features(price=bar.close, bar_close_ms=bar.close_ms)


def verdict(number: int = 0) -> Verdict:
    """A bar that leads to an exit, with the memory of it."""
    bar, features = given.bar(number, 90.0), features_of(number)
    seen = Seen(given.SYMBOL, bar, features, given.ledger(1.0), given.portfolio(), None, given.RULES)
    return decide(seen, MomentumModel(version="v", horizon_bars=12), given.policy(), bar.close_ms)


def state(number: int) -> MarketState:
    features = features_of(number)
    return market_state(features, features.bar_close_ms)


async def record(redis: Redis, number: int) -> bool:
    one, now = verdict(number), state(number)
    said = engine_verdict(one, None, now.bar_close_ms, given.policy(), "v", now.ts_ms)
    return await RedisStore(redis, KEYS).record_bar(given.SYMBOL, now, one.intents, one.memory, said)


async def entries(redis: Redis) -> Any:
    return await redis.xrange(KEYS.intents)


async def test_a_bar_is_written_whole(redis: Redis) -> None:
    one = verdict()
    assert await record(redis, 0)
    ((_, fields),) = await entries(redis)
    assert Intent.from_fields(fields) == one.intents[0]
    published: Any = await redis.hgetall(KEYS.market_state(given.SYMBOL))
    assert MarketState.from_fields(published) == state(0)
    said: Any = await redis.hgetall(KEYS.engine_verdict(given.SYMBOL))
    why = EngineVerdict.from_fields(said)
    assert (why.why, why.value, why.limit) == ("hard_stop", Decimal(90), Decimal("99.7"))
    _, known = await RedisStore(redis, KEYS).known([given.SYMBOL, "ETHUSDT"])
    assert known[given.SYMBOL].memory == one.memory
    assert known["ETHUSDT"].memory is None
    assert known["ETHUSDT"].ledger is None


async def test_a_bar_is_written_once_and_an_older_one_never(redis: Redis) -> None:
    assert await record(redis, 1)
    assert not await record(redis, 1)
    assert not await record(redis, 0)
    assert await record(redis, 2)
    assert len(await entries(redis)) == 2


async def test_after_a_torn_script_the_bar_is_done_again_with_the_same_wish(redis: Redis) -> None:
    assert await record(redis, 1)
    await redis.delete(KEYS.market_state(given.SYMBOL))
    assert await record(redis, 1)
    first, second = [fields["intent_id"] for _, fields in await entries(redis)]
    assert first == second


async def test_without_a_new_memory_the_old_one_stands(redis: Redis) -> None:
    store = RedisStore(redis, KEYS)
    assert await record(redis, 1)
    assert await store.record_bar(given.SYMBOL, state(2), (), None)
    assert (await store.known([given.SYMBOL]))[1][given.SYMBOL].memory == verdict(1).memory
    assert await store.record_bar(given.SYMBOL, state(3), (), ExitMemory.quiet(5))
    assert (await store.known([given.SYMBOL]))[1][given.SYMBOL].memory == ExitMemory.quiet(5)


async def test_the_ledger_and_the_portfolio_are_read_as_they_stand(redis: Redis) -> None:
    store = RedisStore(redis, KEYS)
    assert await store.known([]) == (None, {})
    totals: Any = given.portfolio(1234.5).to_fields()
    await redis.hset(KEYS.portfolio, mapping=totals)
    portfolio, _ = await store.known([])
    assert portfolio is not None
    assert portfolio.equity_usd == Decimal("1234.5")
    fields: Any = given.ledger(-0.25).to_fields()
    await redis.hset(KEYS.ledger(given.SYMBOL), mapping=fields)
    assert (await store.known([given.SYMBOL]))[1][given.SYMBOL].ledger == given.ledger(-0.25)


@pytest.mark.parametrize("memory", [ExitMemory.quiet(5), verdict().memory])
def test_a_memory_reads_as_it_was_written(memory: ExitMemory) -> None:
    assert ExitMemory.from_fields(memory.to_fields()) == memory


async def test_without_a_verdict_the_old_one_stands(redis: Redis) -> None:
    assert await record(redis, 1)
    before = await redis.hgetall(KEYS.engine_verdict(given.SYMBOL))
    assert await RedisStore(redis, KEYS).record_bar(given.SYMBOL, state(2), (), None)
    assert await redis.hgetall(KEYS.engine_verdict(given.SYMBOL)) == before


async def test_the_model_s_state_reads_as_it_was_written(redis: Redis) -> None:
    state = EngineModel(
        name="ensemble", version="e-1", status=ModelStatus.WARNING, reason="expires in 9 h", trained_ms=1, expires_ms=2,
        age_ms=1, drift_inputs=Decimal("0.1"), drift_inputs_limit=Decimal("0.25"), drift_calibration=None,
        drift_calibration_limit=None, observations=3, pays=False, ts_ms=4,
    )  # fmt: skip
    await RedisStore(redis, KEYS).publish_model(state)
    fields: Any = await redis.hgetall(KEYS.engine_model)
    assert EngineModel.from_fields(fields) == state


async def test_a_bar_that_contradicts_itself_is_kept_as_it_came(redis: Redis) -> None:
    letter = DeadBar.of(given.bar(0, high=99.0), BarFault.OPEN_OUTSIDE, 7)
    await RedisStore(redis, KEYS).bury([letter, letter])
    entries: Any = await redis.xrange(KEYS.dead_bars)
    assert [DeadBar.from_fields(fields) for _, fields in entries] == [letter, letter]
