"""Every producer and every consumer of every stream: what one's own store writes, the other's own handler takes."""

from typing import Any, cast

import pytest
from redis.asyncio import Redis

from quantum_common.messages import (
    Action,
    GovernorEvent,
    Intent,
    Issuer,
    JournalEntry,
    Permit,
    Plan,
    ReconcileEvent,
    Record,
    Result,
)
from quantum_common.reasons import Gate
from quantum_common.state import Hold
from tests.contract.chain import KEYS, Chain, D
from tests.unit.position_state_brain.scripted import SYMBOL

STREAMS: dict[str, type[Record]] = {
    KEYS.intents: Intent,
    KEYS.plans: Plan,
    KEYS.permits: Permit,
    KEYS.results: Result,
    KEYS.journal: JournalEntry,
    KEYS.governor_events: GovernorEvent,
    KEYS.reconcile_events: ReconcileEvent,
}


async def a_chain(redis: Redis) -> Chain:
    return await Chain(redis).begin()


async def holds(chain: Chain) -> None:
    """Nothing was malformed, nothing is left pending, and every entry of every stream keeps its contract."""
    assert chain.dead == []
    assert await chain.pending() == {}
    for stream, record in STREAMS.items():
        await chain.entries(stream, record)


async def test_an_intent_goes_all_the_way_to_the_exchange_and_into_the_ledger(redis: Redis) -> None:
    chain = await a_chain(redis)
    await chain.ask(chain.wish())
    await holds(chain)
    [result] = await chain.results()
    assert (result.executed, result.gate, result.filled_qty) == (True, None, D(5))
    ledger = await chain.ledger()
    assert (ledger.position_amt, ledger.last_plan_id, ledger.last_order_id) == (D(5), result.plan_id, result.order_id)
    assert ledger.avg_entry_price == D(100)
    assert not await redis.exists(KEYS.in_flight(SYMBOL))
    issuers = {permit.issuer for permit in await chain.entries(KEYS.permits, Permit)}
    assert issuers == set(Issuer)


@pytest.mark.parametrize("action", [action.value for action in Action if action is not Action.OPEN])
async def test_every_kind_of_exit_goes_all_the_way(redis: Redis, action: str) -> None:
    chain = await a_chain(redis)
    await chain.ask(chain.wish())
    chain.clock.advance(600_000)
    await chain.cycle()
    await chain.ask(chain.wish(action))
    await holds(chain)
    result = (await chain.results())[-1]
    assert result.executed, (result.gate, result.details, result.error)
    closed = Action(action).close_fraction
    left = D(5) * (1 - closed) if closed is not None else D(5)
    assert abs((await chain.ledger()).position_amt - left) < D("0.01")
    assert chain.account.rows[SYMBOL].position_amt == (await chain.ledger()).position_amt


async def test_a_short_goes_all_the_way_and_stays_short(redis: Redis) -> None:
    chain = await a_chain(redis)
    await chain.ask(chain.wish(side="SELL", stop_loss=D(105)))
    await holds(chain)
    assert (await chain.ledger()).position_amt == D(-5)
    chain.clock.advance(600_000)
    await chain.cycle()
    await chain.ask(chain.wish("CLOSE_FULL", side="BUY"))
    assert (await chain.ledger()).position_amt == 0


async def test_a_blocked_plan_has_its_one_result_too(redis: Redis) -> None:
    chain = await a_chain(redis)
    await chain.ask(chain.wish("CLOSE_FULL"))
    await holds(chain)
    [plan], [result] = await chain.plans(), await chain.results()
    assert (plan.gate, result.gate, result.executed) == (Gate.NO_POSITION, Gate.NO_POSITION, False)


async def test_a_refused_permit_has_its_one_result_and_gives_back_what_it_took(redis: Redis) -> None:
    chain = await a_chain(redis)
    held = Hold(
        reason="ledger_drift", exchange_position_amt=D(0), ledger_position_amt=D(1), since_ms=1, details="a test"
    )
    fields: Any = held.to_fields()
    await redis.hset(KEYS.hold(SYMBOL), mapping=fields)  # P3.3 refuses, the governor permits
    await chain.ask(chain.wish())
    await holds(chain)
    [result] = await chain.results()
    assert (result.executed, result.gate) == (False, Gate.SYMBOL_ON_HOLD)
    assert chain.venue.requests == []
    permits = await chain.entries(KEYS.permits, Permit)
    assert {permit.issuer: permit.allow for permit in permits} == {Issuer.GOVERNOR: True, Issuer.P33: False}
    days = [key async for key in redis.scan_iter(f"{KEYS.governor_day('')}*")]
    totals: list[Any] = [await redis.hget(day, "total") for day in days]
    assert totals == ["0"]
    assert set(cast("Any", await redis.hkeys(KEYS.governor_reserved))) == {"seq"}


async def test_the_same_wish_twice_has_one_order_and_one_result(redis: Redis) -> None:
    chain = await a_chain(redis)
    wish = chain.wish()
    await chain.ask(wish)
    fields: Any = wish.to_fields()
    for _ in range(3):
        await redis.xadd(KEYS.intents, fields)
    await chain.cycle()
    await holds(chain)
    assert len(await chain.results()) == 1
    assert len(chain.venue.requests) == 1


@pytest.mark.parametrize("stream", [KEYS.intents, KEYS.plans, KEYS.permits, KEYS.results])
async def test_every_group_names_the_field_of_an_entry_that_breaks_the_contract(redis: Redis, stream: str) -> None:
    chain = await a_chain(redis)
    await redis.xadd(stream, {"harvest_action": "CLOSE"})
    await chain.cycle()
    readers = [group for group, handlers in chain.groups.items() if stream in handlers]
    assert sorted(group for group, _ in chain.dead) == sorted(readers)
    assert all(reason.endswith(": is missing") for _, reason in chain.dead)
    assert await chain.pending() == {}


def test_every_stream_of_the_contract_has_a_model() -> None:
    assert set(STREAMS) == set(KEYS.streams)
