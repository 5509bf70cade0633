"""Incident 8: the wrong symbols were snapshotted: the reader looked for `symbol` outside the envelope."""

import json

import pytest
from redis.asyncio import Redis

from quantum_common.messages import Intent, Malformed
from tests.contract.chain import KEYS, Chain


async def test_an_entry_in_an_envelope_is_a_dead_letter_that_says_what_is_missing(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    await redis.xadd(KEYS.intents, {"payload": json.dumps(chain.wish().to_fields())})
    await chain.cycle()
    assert [reason.split(":")[0] for _, reason in chain.dead] == ["intent_id"]
    assert await chain.plans() == []


async def test_every_entry_that_is_written_is_flat_text(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    await chain.ask(chain.wish())
    for stream in KEYS.streams[:5]:
        for _, fields in await redis.xrange(stream) or []:
            assert fields
            assert fields["symbol"] == "BTCUSDT"


def test_an_envelope_is_malformed() -> None:
    with pytest.raises(Malformed):
        Intent.from_json('{"data": {"symbol": "BTCUSDT"}}')
