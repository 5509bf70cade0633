"""Incident 11: shorts became longs: three writers used `abs()`."""

from typing import Any

from redis.asyncio import Redis

from quantum_common.messages import JournalEntry, Permit
from tests.contract.chain import KEYS, Chain, D
from tests.unit.position_state_brain.scripted import SYMBOL


async def test_a_short_is_negative_wherever_it_is_written(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    await chain.ask(chain.wish(side="SELL", stop_loss=D(105)))
    snapshot: Any = await redis.hgetall(KEYS.snapshot(SYMBOL))
    assert (snapshot["position_amt"], snapshot["side"]) == ("-5", "SHORT")
    ledger: Any = await redis.hgetall(KEYS.ledger(SYMBOL))
    assert (ledger["position_amt"], ledger["side"]) == ("-5", "SHORT")
    [entry] = await chain.entries(KEYS.journal, JournalEntry)
    assert (entry.side, entry.position_amt) == ("SELL", D(-5))
    [result] = await chain.results()
    assert result.position_after == D(-5)
    chain.clock.advance(600_000)
    await chain.cycle()
    await chain.ask(chain.wish("CLOSE_50", side="BUY"))
    permits = [one for one in await chain.entries(KEYS.permits, Permit) if one.issuer == "p33"]
    assert permits[-1].exchange_position_amt == D(-5)
    assert (await chain.ledger()).position_amt == D("-2.5")
