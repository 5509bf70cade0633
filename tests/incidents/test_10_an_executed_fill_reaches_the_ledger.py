"""Incident 10: the ledger was never written though orders filled: `'True'` was compared with `'true'`."""

from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.messages import Malformed, Result
from tests.contract.chain import KEYS, Chain, D


@pytest.mark.parametrize("stream_works", [True, False])
async def test_an_executed_fill_is_in_the_ledger_whichever_way_the_news_comes(redis: Redis, stream_works: bool) -> None:
    chain = await Chain(redis).begin()
    chain.venue.brings_fills = stream_works
    await chain.ask(chain.wish())
    [result] = await chain.results()
    assert result.executed
    ledger = await chain.ledger()
    assert (ledger.position_amt, ledger.last_plan_id) == (D(5), result.plan_id)


async def test_there_is_one_spelling_of_yes(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    await chain.ask(chain.wish())
    [(_, fields)] = (await redis.xrange(KEYS.results)) or []
    written: Any = fields
    assert written["executed"] == "True"
    with pytest.raises(Malformed, match=r"executed: .*neither True nor False"):
        Result.from_fields({**written, "executed": "true"})
