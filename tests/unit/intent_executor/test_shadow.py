"""EXECUTOR_MODE=shadow: all but the sending, said in the result, whatever crashes and whatever mode comes next."""

from decimal import Decimal
from typing import Any, cast

import pytest
import structlog
from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.exchange.outcome import Found, Refused
from quantum_common.exchange.port import OrderPort, OrderRequest, StopRequest
from quantum_common.ids import client_stop_id
from quantum_common.messages import Decision, Plan, Side
from quantum_common.reasons import Gate
from quantum_common.state import OrderState, TradingState
from services.intent_executor.decide import PermittedPlan
from services.intent_executor.muted import Muted
from services.intent_executor.settings import ExecutorMode
from services.intent_executor.shadow import would_send
from tests.unit.intent_executor.scripted import (
    NOW_MS,
    ORDER_ID,
    SYMBOL,
    Kill,
    ScriptedExchange,
    World,
    permit,
    plan,
    settings,
)
from tests.unit.intent_executor.test_guard import World as Stops
from tests.unit.intent_executor.test_guard import warden

D = Decimal
COMMANDS = {"place", "place_stop", "cancel_stop", "set_leverage"}
STOP_ID = client_stop_id(plan().plan_id)
PLANS = [plan(leverage=3), plan("CLOSE_50"), plan("CLOSE_FULL"), plan("UPDATE_SL")]


async def a_world(redis: Redis) -> World:
    return await World(redis, executor_mode="shadow").begin()


def sent(world: World) -> list[str]:
    return [call for call in world.exchange.calls if call in COMMANDS]


async def test_a_permitted_plan_ends_as_a_shadow_that_says_what_would_have_been_sent(redis: Redis) -> None:
    world = await a_world(redis)
    result = await world.send(plan(leverage=3))
    assert sent(world) == []
    assert (result.executed, result.gate, result.decision) == (False, Gate.SHADOW, Decision.EXECUTE)
    assert (result.order_id, result.client_order_id, result.sent_ms, result.filled_qty) == (None, "", None, D(0))
    assert result.details == (
        f"shadow, not sent: leverage {SYMBOL} 3 (it shows none); "
        f"order MARKET BUY {SYMBOL} qty=0.5 price=50000 reduceOnly=false client_id={ORDER_ID}; "
        f"stop STOP_MARKET SELL {SYMBOL} trigger=49000 client_id={STOP_ID}"
    )


async def test_its_permits_are_used_and_its_record_can_never_be_signed(redis: Redis) -> None:
    world = await a_world(redis)
    await world.send(plan())
    record = await world.record()
    assert record is not None
    assert (record.state, record.stamp_ms, record.deadline_ms, record.sent_ms) == (OrderState.SHADOW, None, None, None)
    assert record.result_id
    assert await world.live_permits() == 0
    assert await world.pending() == 0


@pytest.mark.parametrize(
    ("changes", "gate"),
    [({"expires_ms": NOW_MS}, Gate.PLAN_EXPIRED), ({"symbol": "ETHUSDT"}, Gate.EXECUTOR_SYMBOL_NOT_IN_ALLOWLIST)],
)
async def test_a_plan_that_would_not_be_sent_ends_at_its_gate(
    redis: Redis, changes: dict[str, Any], gate: Gate
) -> None:
    world = await a_world(redis)
    assert (await world.send(plan(**changes))).gate is gate


async def test_a_halt_between_the_decision_and_the_claim_holds_in_shadow_too(redis: Redis) -> None:
    world = await a_world(redis)
    await world.trade(TradingState.HALTED)
    assert (await world.send(plan())).gate is Gate.TRADING_HALTED


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("mode", list(ExecutorMode))
@pytest.mark.parametrize("of", PLANS, ids=lambda of: of.action)
async def test_wherever_it_is_killed_there_is_one_result_and_nothing_that_it_claimed_is_sent(
    redis: Redis, of: Plan, mode: ExecutorMode, *, after: bool
) -> None:
    """Every port call, killed before or after; the next life is a shadow, or is not."""
    at, died = 1, True
    while died:
        await redis.flushall()
        world = await a_world(redis)
        await world.permitted(of)
        await world.planned(of)
        world.fuse.at, world.fuse.after = at, after
        died = await _dies(world)
        claimed = await world.record() is not None
        if died:
            world.settings = settings(executor_mode=mode)
            await world.restart()
        where = f"killed {'after' if after else 'before'} call {at}"
        assert not died or world.settings.executor_mode is mode, where
        result = await world.result()
        if claimed or mode is ExecutorMode.SHADOW:
            assert (result.gate, sent(world)) == (Gate.SHADOW, []), where
        assert await world.pending() == 0, where
        at += 1
    assert at > 3  # it was killed somewhere


async def _dies(world: World) -> bool:
    try:
        await world.deliver()
    except Kill:
        return True
    return False


async def test_an_order_of_a_life_that_was_no_shadow_still_has_its_fate(redis: Redis) -> None:
    """It is looked up and booked; the stop that it should have cannot be sent, and that is an alarm."""
    world = await World(redis).begin()
    await world.permitted(plan())
    await world.planned(plan())
    world.fuse.at, world.fuse.after = 5, True
    while not await _dies(world):
        raise AssertionError("it was not killed")
    assert world.exchange.executed.total() == 1
    world.settings = settings(executor_mode="shadow")
    world.exchange = cast("ScriptedExchange", Muted(cast("OrderPort", world.exchange)))
    await world.restart()
    result = await world.result()
    assert (result.executed, result.gate) == (True, None)
    assert result.details.startswith("no protective stop: 0 EXECUTOR_MODE is shadow")


async def test_a_muted_exchange_answers_questions_and_refuses_commands() -> None:
    exchange = ScriptedExchange(ManualClock(NOW_MS))
    muted = Muted(cast("OrderPort", exchange))
    request = OrderRequest(SYMBOL, Side.BUY, D(1), False, ORDER_ID, NOW_MS, 5_000)
    exchange.execute(request)
    assert isinstance(await muted.order(SYMBOL, ORDER_ID), Found)
    assert (await muted.server_time_ms(), await muted.rules(), await muted.open_stops()) == (NOW_MS, {}, [])
    exchange.calls.clear()
    answers = [
        await muted.place(request), await muted.place_stop(StopRequest(SYMBOL, Side.SELL, D(1), "qs-1")),
        await muted.cancel_stop("qs-1"), await muted.set_leverage(SYMBOL, 2),
    ]  # fmt: skip
    assert [(answer.code, answer.text.split()[-3:]) for answer in answers if isinstance(answer, Refused)] == [
        (0, ["is", "not", "sent"])
    ] * 4
    assert exchange.calls == []


async def test_the_warden_of_a_shadow_raises_its_alarm_and_mends_nothing() -> None:
    world = Stops()
    one = warden(world, executor_mode="shadow")
    with structlog.testing.capture_logs() as logs:
        await one.round()
        await one.round()
    assert (world.placed, world.cancelled, world.kept) == ([], [], [])
    [alarm] = [entry for entry in logs if entry["log_level"] == "error"]
    assert alarm["event"] == "position without protective stop"
    assert alarm["repaired_at"] == "not repaired: EXECUTOR_MODE is shadow"


def permitted(of: Plan) -> PermittedPlan:
    return PermittedPlan(of, permit(of).safe_qty or D(0), D(0))


def test_what_would_not_be_asked_is_not_told() -> None:
    told = would_send(permitted(plan(leverage=3, price=None)), 3, stops=False)
    assert told == (
        f"shadow, not sent: order MARKET BUY {SYMBOL} qty=0.5 price=unknown reduceOnly=false client_id={ORDER_ID}"
    )
    told = would_send(permitted(plan("UPDATE_SL")), 3, stops=False)
    assert told == f"shadow, not sent: stop STOP_MARKET SELL {SYMBOL} trigger=49000 client_id={STOP_ID}"
