"""`quantum trace` and `quantum why` on what the five services themselves wrote: each planted cause is read back in
their own words, with value and limit."""

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis as blocking
from redis.asyncio import Redis

from quantum_common.exchange.outcome import Refused
from quantum_common.reasons import Gate
from quantum_common.state import GovernorState, Hold, TradingState
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.questions.locate import Locator
from services.cli.questions.story import Mark, Step, standing, story
from services.cli.questions.why import stage_of
from services.cli.redis_link import RedisAddress, connect
from tests.contract.chain import KEYS, Chain, D
from tests.unit.position_state_brain.scripted import SYMBOL


@pytest.fixture
def link(redis_server: EmbeddedRedis) -> Iterator[blocking.Redis]:
    client = connect(RedisAddress(redis_server.url))
    yield client
    client.close()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def asked(chain: Chain, link: blocking.Redis, **wish: Any) -> list[Step]:
    """Have a wish worked off and return the steps that it took, looked for by the plan's id."""
    await chain.ask(chain.wish(**wish))
    [plan] = await chain.plans()
    [thread] = Locator(link, KEYS).find(plan.plan_id[:8]).threads
    return [standing(thread, now_ms()), *story(thread, now_ms())]


async def test_a_wish_that_was_filled_has_every_hop(redis: Redis, link: blocking.Redis) -> None:
    ends, *steps = await asked(await Chain(redis).begin(), link)
    assert ends.mark is Mark.DONE
    assert {step.name for step in steps} == {
        "intent", "plan", "permit governor", "permit p33", "sent", "order", "ledger", "result",
    }  # fmt: skip
    assert {step.mark for step in steps} == {Mark.DONE}


async def low_confidence(chain: Chain) -> dict[str, Any]:
    return {"confidence": D("0.2")}


async def halted(chain: Chain) -> dict[str, Any]:
    state = GovernorState(trading_state=TradingState.HALTED, reason="a look", by="ada", since_ms=chain.clock.now_ms())
    fields: Any = state.to_fields()
    await chain.redis.hset(KEYS.governor_state, mapping=fields)
    return {}


async def held(chain: Chain) -> dict[str, Any]:
    hold = Hold(
        reason="drift_repeats", exchange_position_amt=D(0), ledger_position_amt=D(0), since_ms=chain.clock.now_ms(),
        details="a test",
    )  # fmt: skip
    fields: Any = hold.to_fields()
    await chain.redis.hset(KEYS.hold(SYMBOL), mapping=fields)
    return {}


async def in_flight(chain: Chain) -> dict[str, Any]:
    await chain.redis.hset(KEYS.in_flight(SYMBOL), "anotherplan", chain.clock.now_ms() + 60_000)
    return {}


async def without_margin(chain: Chain) -> dict[str, Any]:
    chain.venue.answers.append(Refused(-2019, "Margin is insufficient."))
    return {}


@pytest.mark.parametrize(
    ("cause", "stage", "gate", "value", "limit"),
    [
        (low_confidence, "intent-bridge", Gate.LOW_CONFIDENCE, "0.2", "0.5"),
        (halted, "governor", Gate.TRADING_HALTED, "HALTED", "not HALTED"),
        (held, "position-state-brain", Gate.SYMBOL_ON_HOLD, "drift_repeats", ""),
        (
            in_flight, "position-state-brain", Gate.COOLDOWN_IN_FLIGHT, "plan anotherplan is not booked yet", "",
        ),
        (without_margin, "exchange", Gate.EXCHANGE_REJECTED, "-2019 Margin is insufficient.", ""),
    ],
)  # fmt: skip
async def test_each_service_is_read_back_by_its_own_words(
    redis: Redis,
    link: blocking.Redis,
    cause: Callable[[Chain], Awaitable[dict[str, Any]]],
    stage: str,
    gate: Gate,
    value: str,
    limit: str,
) -> None:
    chain = await Chain(redis).begin()
    ends, *_ = await asked(chain, link, **await cause(chain))
    assert ends.gauge is not None
    assert ends.mark is Mark.STOPPED
    assert (stage_of(ends), ends.gauge.gate, ends.gauge.value, ends.gauge.limit) == (stage, gate, value, limit)
