"""Incident 28: "FILLED" with quantity 0, and an entry price off by 0.7 %: the signal's price was booked."""

from dataclasses import replace

from redis.asyncio import Redis

from quantum_common.messages import JournalEntry
from tests.contract.chain import KEYS, Chain, D
from tests.unit.position_state_brain.scripted import SYMBOL


async def test_the_ledger_has_the_trade_s_price_and_not_the_signal_s(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    wish = chain.wish()
    chain.account.rows[SYMBOL] = replace(chain.account.rows[SYMBOL], mark_price=D("100.7"))
    await chain.ask(wish)
    assert (await chain.ledger()).avg_entry_price == D("100.7")
    [result] = await chain.results()
    assert result.avg_price is None


async def test_an_order_without_a_fill_is_not_executed_and_books_nothing(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    chain.venue.status, chain.venue.fill = "EXPIRED", D(0)
    await chain.ask(chain.wish())
    [result] = await chain.results()
    assert (result.executed, result.filled_qty, result.order_status) == (False, D(0), "EXPIRED")
    assert (await chain.ledger()).position_amt == 0
    assert await chain.entries(KEYS.journal, JournalEntry) == []


async def test_a_partial_fill_is_booked_as_what_it_is(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    chain.venue.status, chain.venue.fill = "EXPIRED", D("1.5")
    await chain.ask(chain.wish())
    [result] = await chain.results()
    assert (result.executed, result.qty, result.filled_qty) == (True, D(5), D("1.5"))
    assert (await chain.ledger()).position_amt == D("1.5")
