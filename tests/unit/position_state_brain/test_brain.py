"""P3.3 at work on a real Redis: permits and their reservations, results and the trades that they announce."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.exchange.port import ExchangeUnavailable
from quantum_common.keys import PERMIT_TTL_MS
from quantum_common.messages import Decision, Issuer, Malformed, Permit, Side
from quantum_common.reasons import Gate
from quantum_common.stream import Message
from tests.unit.position_state_brain.scripted import KEYS, NOW_MS, SYMBOL, D, World, plan, result, row, trade


async def a_world(redis: Redis) -> World:
    return await World(redis).begin()


async def test_a_permit_stands_in_the_stream_and_at_its_key_and_reserves_the_symbol(redis: Redis) -> None:
    world = await a_world(redis)
    permit = await world.permit(plan())
    assert (permit.allow, permit.issuer, permit.safe_qty) == (True, Issuer.P33, D(1))
    key = KEYS.permit(Issuer.P33, plan().plan_id)
    assert Permit.from_json(str(await redis.get(key))) == permit
    assert PERMIT_TTL_MS - 5_000 < await redis.pttl(key) <= PERMIT_TTL_MS
    assert await redis.hgetall(KEYS.in_flight(SYMBOL)) == {plan().plan_id: str(plan().expires_ms + 15_000)}
    assert await redis.pttl(KEYS.in_flight(SYMBOL)) > 0
    assert await world.pending() == 0


async def test_two_entries_of_one_symbol_at_once_get_one_permit(redis: Redis) -> None:
    world = await a_world(redis)
    other = world.build()
    first = await world.entry(KEYS.plans, plan(plan_id="a" * 16))
    second = await world.entry(KEYS.plans, plan(plan_id="b" * 16))
    await asyncio.gather(world.brain.handle_plan(first), other.handle_plan(second))
    permits = await world.permits()
    assert sorted(permit.allow for permit in permits) == [False, True]
    [refusal] = [permit for permit in permits if not permit.allow]
    assert refusal.reason is Gate.COOLDOWN_IN_FLIGHT
    assert await redis.hlen(KEYS.in_flight(SYMBOL)) == 1
    assert await world.pending() == 0


async def test_a_reservation_that_comes_between_the_reading_and_the_writing_wins(redis: Redis) -> None:
    world = await a_world(redis)
    position = world.store.position
    reserved = False

    async def late(symbol: str) -> object:
        nonlocal reserved
        seen = await position(symbol)
        if not reserved:
            reserved = True
            await redis.hset(KEYS.in_flight(symbol), "other", str(NOW_MS + 5_000))
        return seen

    vars(world.store)["position"] = late
    assert (await world.permit(plan())).reason is Gate.COOLDOWN_IN_FLIGHT


async def test_a_result_frees_the_symbol(redis: Redis) -> None:
    world = await a_world(redis)
    await world.permit(plan())
    await world.end(result(plan(), None, "0", executed=False, gate=Gate.EXCHANGE_REJECTED))
    assert not await redis.exists(KEYS.in_flight(SYMBOL))
    assert (await world.permit(plan(plan_id="b" * 16))).allow


async def test_a_reservation_ends_by_itself_after_the_plan_and_its_margin(redis: Redis) -> None:
    world = await a_world(redis)
    await world.permit(plan())
    world.clock.advance(30_000 + 15_000)
    await world.brain.snapshot()
    later = plan(plan_id="b" * 16, expires_ms=world.clock.now_ms() + 1_000)
    assert (await world.permit(later)).allow


async def test_an_exit_does_not_wait_for_what_is_under_way(redis: Redis) -> None:
    world = await a_world(redis)
    await world.permit(plan())
    await world.happen(trade(1, "1"))
    assert (await world.permit(plan("CLOSE_FULL", plan_id="b" * 16))).allow


async def test_a_moved_stop_reserves_nothing(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"))
    assert (await world.permit(plan("UPDATE_SL"))).allow
    assert not await redis.exists(KEYS.in_flight(SYMBOL))


async def test_a_blocked_plan_is_nobody_s_business_here(redis: Redis) -> None:
    world = await a_world(redis)
    blocked = plan(decision=Decision.BLOCKED, gate=Gate.LOW_CONFIDENCE)
    await world.brain.handle_plan(await world.entry(KEYS.plans, blocked))
    assert (await world.permits(), await world.pending()) == ([], 0)


async def test_a_plan_that_is_delivered_again_does_not_bring_a_used_permit_to_life(redis: Redis) -> None:
    world = await a_world(redis)
    message = await world.entry(KEYS.plans, plan())
    await world.brain.handle_plan(message)
    await redis.delete(KEYS.permit(Issuer.P33, plan().plan_id))  # the executor has used it
    await world.brain.handle_plan(message)
    assert not await redis.exists(KEYS.permit(Issuer.P33, plan().plan_id))
    assert len(await world.permits()) == 1


async def test_a_plan_is_permitted_again_where_its_acknowledgement_was_lost(redis: Redis) -> None:
    world = await a_world(redis)
    message = await world.entry(KEYS.plans, plan())
    await world.brain.handle_plan(message)
    await redis.xclaim(KEYS.plans, "p33", "p33", 0, [message.id], force=True)  # pending, as before
    await world.brain.handle_plan(message)
    assert [permit.allow for permit in await world.permits()] == [True, True]
    assert await world.pending() == 0


async def test_a_disputed_exit_is_judged_on_a_fresh_reading(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"))
    world.account.rows[SYMBOL] = row("0.4", update_ms=NOW_MS + 5_000)
    world.clock.advance(60_000)
    permit = await world.permit(plan("CLOSE_FULL", expires_ms=NOW_MS + 99_000))
    assert (permit.allow, permit.safe_qty, permit.snapshot_age_ms) == (True, D("0.4"), 0)


async def test_a_disputed_exit_waits_for_an_exchange_that_does_not_answer_and_not_for_ever(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"))
    world.clock.advance(11_000)
    world.account.fails.add("positions")
    message = await world.entry(KEYS.plans, plan("CLOSE_FULL"))
    with pytest.raises(ExchangeUnavailable):
        await world.brain.handle_plan(message)
    assert await world.pending() == 1
    world.clock.advance(60_000)
    await world.brain.handle_plan(message)
    assert await world.pending() == 0


async def test_an_exit_of_a_symbol_that_the_exchange_does_not_list_is_refused(redis: Redis) -> None:
    world = await a_world(redis)
    permit = await world.permit(plan("CLOSE_FULL", symbol="ZZZUSDT"))
    assert permit.reason is Gate.NO_POSITION


async def test_an_entry_off_the_allowlist_is_refused_and_its_exit_is_not(redis: Redis) -> None:
    world = await a_world(redis)
    world.account.rows["ETHUSDT"] = row("2", "ETHUSDT")
    await world.brain.snapshot()
    await world.cycles(6)
    world.account.rows["ETHUSDT"] = row("2", "ETHUSDT")
    now: dict[str, Any] = {"symbol": "ETHUSDT", "expires_ms": world.clock.now_ms() + 1_000}
    assert (await world.permit(plan(plan_id="b" * 16, **now))).reason is Gate.P33_SYMBOL_NOT_IN_ALLOWLIST
    assert (await world.permit(plan("CLOSE_FULL", **now))).allow


# --- results ---------------------------------------------------------------------------------------------------------


async def test_a_result_s_fill_is_awaited_from_the_stream_without_a_request(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"))
    world.account.calls.clear()
    await world.end(result(plan()))
    assert world.account.calls == []
    assert await world.pending() == 0


async def test_a_fill_that_the_stream_does_not_bring_is_fetched_by_its_result(redis: Redis) -> None:
    world = await a_world(redis)
    await world.permit(plan())
    await world.happen(trade(1, "1"), pushed=False)
    await world.end(result(plan()))
    ledger = await world.ledger()
    assert (ledger.position_amt, ledger.last_order_id, ledger.last_plan_id) == (D(1), 1001, "plan1")
    assert not await redis.exists(KEYS.in_flight(SYMBOL))


async def test_a_result_waits_for_trades_that_the_list_does_not_show_yet(redis: Redis) -> None:
    world = await a_world(redis)
    await world.permit(plan())
    message = await world.entry(KEYS.results, result(plan()))
    with pytest.raises(ExchangeUnavailable, match="order 1001 filled 1, its trades show 0 so far"):
        await world.brain.handle_result(message)
    assert await redis.exists(KEYS.in_flight(SYMBOL))
    await world.happen(trade(1, "1"), pushed=False)
    await world.brain.handle_result(message)
    assert (await world.ledger()).position_amt == D(1)
    assert await world.pending() == 0


async def test_an_old_result_without_trades_is_only_a_warning(redis: Redis) -> None:
    world = await a_world(redis)
    await world.end(result(plan(), ts_ms=NOW_MS - 60_001))
    assert await world.pending() == 0


async def test_a_result_of_a_symbol_that_redis_forgot_is_left_to_the_snapshot(redis: Redis) -> None:
    world = await a_world(redis)
    await world.end(result(plan(symbol="ETHUSDT")))
    assert await world.pending() == 0
    assert world.brain.books.booked_qty("ETHUSDT", 1) == 0
    assert await world.brain.books.sync("ETHUSDT") == 0


async def test_what_breaks_its_contract_is_malformed(redis: Redis) -> None:
    world = await a_world(redis)
    for handle in (world.brain.handle_plan, world.brain.handle_result):
        with pytest.raises(Malformed):
            await handle(Message(KEYS.plans, "1-1", {"symbol": SYMBOL}))


async def test_quantities_without_a_rule_are_not_rounded_away(redis: Redis) -> None:
    world = await a_world(redis)
    world.account.rows["ETHUSDT"] = row("0.00000012", "ETHUSDT")
    await world.brain.snapshot()
    permit = await world.permit(plan("CLOSE_FULL", symbol="ETHUSDT", side=Side.SELL))
    assert permit.safe_qty == D("0.00000012")
