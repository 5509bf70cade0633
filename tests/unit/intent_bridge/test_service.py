"""The bridge at work on a real Redis: one plan an intent, one reservation an entry, whatever is delivered again."""

import asyncio

import pytest
from redis.asyncio import Redis

from quantum_common.keys import GROUP_BRIDGE
from quantum_common.messages import Malformed
from quantum_common.reasons import Gate
from quantum_common.stream import Message
from services.intent_bridge.service import lane
from tests.unit.intent_bridge.at_work import KEYS, FixedFilters, deliver, make_bridge, pending, plans, put, world
from tests.unit.intent_bridge.builders import NOW_MS, intent, portfolio, snapshot


async def test_an_intent_becomes_a_plan_and_is_acknowledged(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    message = await deliver(redis, intent())
    await bridge.handle(message)
    [plan] = await plans(redis)
    assert (plan.gate, plan.intent_id) == (None, "intent-1")
    assert plan.ts_ms == int(message.fields["ts_ms"])  # a plan is as old as its wish
    assert plan.expires_ms > NOW_MS
    assert await pending(redis) == 0
    assert list(await redis.hkeys(KEYS.bridge_reserved)) == ["BTCUSDT"]
    assert await redis.get(KEYS.bridge_seen("intent-1")) == message.id
    assert 0 < await redis.pttl(KEYS.bridge_seen("intent-1")) <= 86_400_000


async def test_a_redelivered_intent_is_only_acknowledged(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    message = await deliver(redis, intent())
    await bridge.handle(message)
    await bridge.handle(message)
    assert len(await plans(redis)) == 1


async def test_a_second_entry_with_the_same_intent_is_a_blocked_duplicate_of_the_same_plan(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    for _ in range(2):
        await bridge.handle(await deliver(redis, intent()))
    first, second = await plans(redis)
    assert (first.gate, second.gate) == (None, Gate.DUPLICATE_INTENT)
    assert first.plan_id == second.plan_id
    assert await pending(redis) == 0


async def test_a_duplicate_that_was_read_before_the_first_was_written_is_decided_again(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis, "0.01")
    one, two = [await deliver(redis, intent("CLOSE_FULL")) for _ in range(2)]
    await asyncio.gather(bridge.handle(one), bridge.handle(two))
    assert sorted(str(plan.gate) for plan in await plans(redis)) == ["None", "duplicate_intent"]


async def test_entries_see_what_the_one_before_reserved(redis: Redis) -> None:
    bridge = await make_bridge(redis, positions_max=2)
    await world(redis)
    for n, symbol in enumerate(("BTCUSDT", "ETHUSDT", "SOLUSDT")):
        await bridge.handle(await deliver(redis, intent(intent_id=f"i{n}", symbol=symbol)))
    assert [plan.gate for plan in await plans(redis)] == [None, None, Gate.POSITION_CAP]


async def test_an_entry_that_the_executor_refused_gives_its_room_back(redis: Redis) -> None:
    bridge = await make_bridge(redis, positions_max=1)
    await world(redis)
    await bridge.handle(await deliver(redis, intent()))
    [first] = await plans(redis)
    await redis.hset(KEYS.order(first.plan_id), mapping={"state": "REFUSED", "updated_ms": str(NOW_MS)})
    await bridge.handle(await deliver(redis, intent(intent_id="i2", symbol="ETHUSDT")))
    assert [plan.gate for plan in await plans(redis)] == [None, None]
    assert list(await redis.hkeys(KEYS.bridge_reserved)) == ["ETHUSDT"]


async def test_an_entry_that_the_portfolio_shows_is_not_counted_twice(redis: Redis) -> None:
    bridge = await make_bridge(redis, positions_max=2)
    await world(redis)
    await bridge.handle(await deliver(redis, intent()))
    await put(redis, KEYS.snapshot("BTCUSDT"), snapshot("0.01", ts_ms=NOW_MS + 10))
    await put(redis, KEYS.portfolio, portfolio(open_positions=1, ts_ms=NOW_MS + 10))
    await bridge.handle(await deliver(redis, intent(intent_id="i2", symbol="ETHUSDT")))
    assert [plan.gate for plan in await plans(redis)] == [None, None]


async def test_a_record_that_breaks_its_contract_counts_as_absent(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis, "0.01")
    await redis.hset(KEYS.snapshot("BTCUSDT"), "mark_price", "many")
    await bridge.handle(await deliver(redis, intent()))
    await bridge.handle(await deliver(redis, intent("CLOSE_FULL", intent_id="i2")))
    entry, closing = await plans(redis)
    assert (entry.gate, closing.gate) == (Gate.NO_EXCHANGE_SNAPSHOT, None)
    assert closing.price is None


async def test_an_entry_waits_for_the_first_snapshot(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await bridge.handle(await deliver(redis, intent()))
    assert [plan.gate for plan in await plans(redis)] == [Gate.NO_EXCHANGE_SNAPSHOT]


@pytest.mark.parametrize("kept", ["the plan", "the plan and the reservation", "all but the acknowledgement"])
async def test_a_torn_record_is_repeated_and_never_lost(redis: Redis, kept: str) -> None:
    bridge = await make_bridge(redis, positions_max=1)
    await world(redis)
    message = await deliver(redis, intent())
    await bridge.handle(message)
    reserved = await redis.hgetall(KEYS.bridge_reserved)
    if kept != "all but the acknowledgement":
        await redis.delete(KEYS.bridge_seen("intent-1"))
    if kept == "the plan":
        await redis.delete(KEYS.bridge_reserved)
    await redis.xclaim(KEYS.intents, GROUP_BRIDGE, "intent-bridge", 0, [message.id], force=True)
    await bridge.handle(message)
    written = await plans(redis)
    assert len(written) == (1 if kept == "all but the acknowledgement" else 2)
    assert {(plan.plan_id, plan.gate) for plan in written} == {(written[0].plan_id, None)}
    assert await redis.hgetall(KEYS.bridge_reserved) == reserved
    assert await pending(redis) == 0


async def test_an_unknown_or_missing_field_is_malformed_and_writes_nothing(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    await world(redis)
    unknown = await deliver(redis, intent(), harvest_action="CLOSE_FULL")
    with pytest.raises(Malformed) as fault:
        await bridge.handle(unknown)
    assert fault.value.field == "harvest_action"
    assert await plans(redis) == []


async def test_filters_hold_while_the_exchange_is_away(redis: Redis) -> None:
    bridge = await make_bridge(redis)
    assert isinstance(bridge.reference, FixedFilters)
    bridge.reference.away = True
    for _ in range(2):
        await bridge.refresh_rules()
    assert "BTCUSDT" in bridge.rules
    assert bridge.exchange_away


def test_entries_share_a_lane_and_exits_have_their_symbols() -> None:
    opening = Message(KEYS.intents, "1-1", {"action": "OPEN", "symbol": "BTCUSDT"})
    closing = Message(KEYS.intents, "1-2", {"action": "CLOSE_FULL", "symbol": "BTCUSDT"})
    assert (lane(opening), lane(closing), lane(Message(KEYS.intents, "1-3", {}))) == ("entries", "BTCUSDT", "")
