"""One plan, every port call, killed before or after it: at most one order, exactly one result, no stop left over."""

import pytest
from redis.asyncio import Redis

from quantum_common.exchange.outcome import NotSent, Refused
from quantum_common.exchange.port import StopRequest
from quantum_common.ids import client_stop_id
from quantum_common.messages import Plan, Side
from quantum_common.state import OrderState
from tests.unit.intent_executor.scripted import (
    KEYS,
    ORDER_ID,
    SYMBOL,
    Answer,
    Kill,
    Lost,
    World,
    plan,
)

CALLS_MAX = 40
OUTCOMES: dict[str, tuple[Answer, ...]] = {
    "accepted": (),
    "one stop a side": (),
    "refused": (Refused(-2019, "Margin is insufficient."),),
    "duplicate id": (Refused(-4116, "ClientOrderId is duplicated."),),
    "not sent, then accepted": (NotSent("connection refused", 100),),
    "never sent": tuple(NotSent("connection refused", 2_000) for _ in range(9)),
    "answer lost, executed": (Lost(executed=True),),
    "answer lost, executed, seen late": (Lost(executed=True, visible_after_ms=6_000),),
    "answer lost, not executed": (Lost(executed=False),),
}
OLD_STOP = client_stop_id("old")


async def world_before(redis: Redis, outcome: str, of: Plan) -> World:
    await redis.flushall()
    world = await World(redis, intent_executor_lookup_every_ms=2_000).begin()
    world.exchange.answers.extend(OUTCOMES[outcome])
    world.exchange.one_stop_a_side = outcome == "one stop a side"
    if of.action != "OPEN":  # there is a position, and a stop that guards it
        old = StopRequest(SYMBOL, Side.SELL, of.price or of.qty, OLD_STOP)
        world.exchange.stops[OLD_STOP] = old
        await redis.hset(KEYS.stop(SYMBOL), mapping={"client_id": OLD_STOP, "trigger_price": "1", "updated_ms": "1"})
    await world.permitted(of)
    await world.planned(of)
    return world


async def holds_up(world: World, of: Plan, where: str) -> None:
    """The guarantees, from the outside."""
    results = await world.results()
    assert len(results) == 1, where
    assert world.exchange.executed.total() <= 1, where
    record = await world.record()
    assert record is not None, where
    assert record.state.terminal, where
    assert await world.pending() == 0, where
    assert await world.redis.pttl(KEYS.order(of.plan_id)) > 0, where
    executed = world.exchange.executed.total() == 1
    standing = await world.standing_stop()
    if of.action == "UPDATE_SL":
        assert results[0].executed, where
        assert set(world.exchange.stops) == {standing} == {client_stop_id(of.plan_id)}, where
        return
    assert results[0].executed == executed, where
    assert results[0].filled_qty == (of.qty if executed else 0), where
    assert (record.state is OrderState.PLACED) == executed, where
    assert {request.stamp_ms for request in world.exchange.requests} <= {record.stamp_ms or 0}, where
    expected = {client_stop_id(of.plan_id)} if of.action == "OPEN" else {OLD_STOP}
    if (of.action == "OPEN") != executed:
        expected = set()
    assert set(world.exchange.stops) == expected, where
    assert standing == next(iter(expected), ""), where


@pytest.mark.parametrize(
    ("outcome", "action"),
    [
        *((outcome, action) for outcome in OUTCOMES for action in ("OPEN", "CLOSE_FULL")),
        ("accepted", "UPDATE_SL"),
        ("one stop a side", "UPDATE_SL"),
    ],
)
async def test_a_kill_at_any_call_leaves_one_result_and_at_most_one_order(
    redis: Redis, action: str, outcome: str
) -> None:
    of = plan(action)
    for after in (False, True):
        for at in range(1, CALLS_MAX):
            world = await world_before(redis, outcome, of)
            world.fuse.at, world.fuse.after = at, after
            try:
                await world.deliver()
            except Kill:
                where = f"killed {'after' if after else 'before'} {world.fuse.calls[-1]} (call {at})"
                await world.restart()
                await holds_up(world, of, where)
                await world.restart()
                await holds_up(world, of, f"{where}, and started once more")
            else:
                await holds_up(world, of, "never killed")
                break
        else:
            raise AssertionError("more calls than one plan can need")


@pytest.mark.parametrize("at", range(1, 14))
async def test_a_second_kill_during_recovery_changes_nothing(redis: Redis, at: int) -> None:
    of = plan()
    for first in (3, 4):  # around the claim and the order
        world = await world_before(redis, "answer lost, executed, seen late", of)
        world.fuse.at, world.fuse.after = first, True
        with pytest.raises(Kill):
            await world.deliver()
        world.fuse.at = len(world.fuse.calls) + at
        world.clock.advance(10)
        world.executor = world.build()
        try:
            await world.executor.recover()
            await world.deliver(again=True)
        except Kill:
            await world.restart()
        await world.deliver()
        await holds_up(world, of, f"killed after call {first} and {at} calls later")


async def test_a_process_that_slept_past_its_stamp_is_refused_by_the_exchange(redis: Redis) -> None:
    of = plan()
    world = await world_before(redis, "accepted", of)
    store = world.executor.store
    claim = store.claim

    async def slow(*args: object) -> object:
        claimed = await claim(*args)  # type: ignore[arg-type]
        world.clock.advance(60_000)
        return claimed

    store.claim = slow  # type: ignore[assignment, method-assign]
    await world.deliver()
    result = await world.result()
    assert (result.executed, result.gate) == (False, "exchange_rejected")
    assert result.error.startswith("-1021")
    assert world.exchange.executed == {}


async def test_a_redis_that_forgot_the_journal_does_not_lead_to_a_second_order(redis: Redis) -> None:
    of = plan()
    world = await world_before(redis, "accepted", of)
    world.fuse.at, world.fuse.after = 4, True  # after the order was sent
    with pytest.raises(Kill):
        await world.deliver()
    assert world.exchange.executed[ORDER_ID] == 1
    await redis.delete(KEYS.order(of.plan_id))
    await world.permitted(of)  # even its permits are there again
    await world.restart()
    assert world.exchange.executed[ORDER_ID] == 1
    result = await world.result()
    assert (result.executed, result.filled_qty, result.position_after) == (True, of.qty, None)


async def test_a_result_whose_note_was_torn_off_is_not_written_again(redis: Redis) -> None:
    of = plan()
    world = await world_before(redis, "accepted", of)
    await world.deliver()
    await redis.hset(KEYS.order(of.plan_id), "result_id", "")
    await redis.persist(KEYS.order(of.plan_id))
    await redis.xgroup_setid(KEYS.plans, "intent-executor", "0")
    await world.restart()
    assert len(await world.results()) == 1
    assert await redis.hget(KEYS.order(of.plan_id), "result_id")
    assert await redis.pttl(KEYS.order(of.plan_id)) > 0


async def test_a_result_that_was_torn_off_is_written_from_the_record(redis: Redis) -> None:
    of = plan()
    world = await world_before(redis, "accepted", of)
    await world.deliver()
    before = await world.result()
    await redis.xtrim(KEYS.results, maxlen=0, approximate=False)
    await redis.hset(KEYS.order(of.plan_id), "result_id", "")
    await redis.xgroup_setid(KEYS.plans, "intent-executor", "0")
    await world.restart()
    assert await world.result() == before
