"""Incident 47: HOLD turned into random trades: a fallback that trades."""

from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.keys import Keys
from services.ai_engine.decide import decide
from services.ai_engine.mind import mind_of
from services.ai_engine.standing import Seen
from tests.incidents.consuming import KEYS, work_off
from tests.unit.ai_engine import given
from tests.unit.intent_bridge.at_work import make_bridge, plans, world
from tests.unit.intent_bridge.builders import intent


@pytest.mark.parametrize("change", [{"action": "HOLD"}, {"action": ""}, {"side": ""}, {"position_size_usd": ""}])
async def test_a_wish_that_says_nothing_to_do_is_a_dead_letter_and_no_plan(
    redis: Redis, change: dict[str, str]
) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    fields: dict[Any, Any] = intent().to_fields() | change
    await redis.xadd(KEYS.intents, fields)
    await work_off(redis, bridge)
    assert await plans(redis) == []
    assert await redis.xlen(Keys.dead(KEYS.intents)) == 1


def test_an_engine_without_a_model_asks_for_nothing_and_says_so() -> None:
    mind = mind_of(given.settings(ai_profile="trade"), None)
    bars = list(given.walk(1500, seed=3, sigma=0.003, drift=0.0005))
    why = set()
    for bar, features in zip(bars, given.fed(bars), strict=True):
        seen = Seen(
            given.SYMBOL, bar, features, given.ledger(0), given.portfolio(), None, given.RULES, fitness=mind.fitness
        )  # fmt: skip
        verdict = decide(seen, mind.model, mind.policy, bar.close_ms)
        assert verdict.intents == ()
        why.add(verdict.why)
    assert why == {"between_decisions", "no_model"}
