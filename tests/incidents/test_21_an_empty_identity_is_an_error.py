"""Incident 21: a daily counter was never reset; an empty trace id deduplicated everything."""

import pytest
from redis.asyncio import Redis

from quantum_common.ids import plan_id
from quantum_common.keys import Keys
from tests.contract.chain import KEYS, Chain


async def test_an_intent_without_identity_is_a_dead_letter(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    for _ in range(2):
        await redis.xadd(KEYS.intents, {**chain.wish().to_fields(), "intent_id": ""})  # type: ignore[dict-item]
    await chain.cycle()
    assert [reason.split(":")[0] for _, reason in chain.dead] == ["intent_id", "intent_id"]
    assert await chain.plans() == []


def test_no_identity_makes_no_plan() -> None:
    with pytest.raises(ValueError, match="without id"):
        plan_id("", "quantum")


def test_the_daily_budget_is_of_its_day() -> None:
    assert Keys().governor_day("20261231") != Keys().governor_day("20270101")
