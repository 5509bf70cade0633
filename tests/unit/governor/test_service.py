"""The governor at work on a real Redis: one permit a plan, budgets that are taken and given back."""

from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.keys import PERMIT_TTL_MS
from quantum_common.messages import Decision, Issuer, Malformed, Permit, Plan, Result
from quantum_common.reasons import Gate
from quantum_common.state import GovernorState, TradingState
from quantum_common.stream import Message
from services.governor.service import lane
from services.governor.store import ALL
from tests.unit.governor.at_work import DAY, KEYS, budgets, deliver, make_governor, pending, permits
from tests.unit.governor.builders import (
    NOW_MS,
    plan,
    result,
    state,
)


async def test_a_permit_stands_in_the_stream_and_at_its_key(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    [permit] = await permits(redis)
    assert permit.allow
    key = KEYS.permit(Issuer.GOVERNOR, "plan-1")
    assert Permit.from_json(str(await redis.get(key))) == permit
    assert 0 < await redis.pttl(key) <= PERMIT_TTL_MS
    assert await pending(redis) == 0


async def test_an_entry_takes_its_place_and_its_notional_and_every_key_is_bounded(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    assert await budgets(redis) == (["plan-1"], ["plan-1"], {"total": "50000", "plan-1": "50000"})
    for key in (KEYS.governor_executions("BTCUSDT"), KEYS.governor_executions(ALL), DAY):
        assert await redis.pttl(key) > 0


async def test_an_exit_takes_nothing(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan("CLOSE_FULL")))
    assert await budgets(redis) == ([], [], {})


async def test_a_plan_that_was_acknowledged_gets_no_second_permit(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    message = await deliver(redis, plan())
    await governor.handle_plan(message)
    await redis.delete(KEYS.permit(Issuer.GOVERNOR, "plan-1"))  # the executor's claim
    await governor.handle_plan(message)
    assert len(await permits(redis)) == 1
    assert not await redis.exists(KEYS.permit(Issuer.GOVERNOR, "plan-1"))


async def test_a_group_that_redis_forgot_writes_no_permit_and_raises_nothing(redis: Redis) -> None:
    governor = await make_governor(redis)
    message = await deliver(redis, plan())
    await redis.flushall()
    await governor.handle_plan(message)
    assert await permits(redis) == []


async def test_a_torn_permit_is_written_again_and_counted_once(redis: Redis) -> None:
    governor = await make_governor(
        redis, symbol_entries_per_5min_max=1, daily_notional_usdt_max=500, symbol_exposure_usdt_max=500
    )
    await governor.recover()
    await redis.zadd(KEYS.governor_executions("BTCUSDT"), {"plan-1": NOW_MS})
    await redis.hset(DAY, mapping={"total": "50000", "plan-1": "50000"})
    await governor.handle_plan(await deliver(redis, plan()))
    assert [permit.reason for permit in await permits(redis)] == [None]
    assert (await budgets(redis))[2] == {"total": "50000", "plan-1": "50000"}


async def test_entries_see_what_the_one_before_took(redis: Redis) -> None:
    governor = await make_governor(redis, entries_per_5min_max=2, daily_notional_usdt_max=1_200)
    await governor.recover()
    for n, symbol in enumerate(("BTCUSDT", "ETHUSDT", "BTCUSDT")):
        await governor.handle_plan(await deliver(redis, plan(plan_id=f"p{n}", symbol=symbol)))
    assert [permit.reason for permit in await permits(redis)] == [None, None, Gate.RATE_LIMIT_BURST]


async def test_a_result_that_was_not_executed_gives_back_what_its_plan_took(redis: Redis) -> None:
    governor = await make_governor(redis, daily_notional_usdt_max=600)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    message = await deliver(redis, result(plan(), executed=False, gate=Gate.EXCHANGE_REJECTED))
    for _ in range(2):
        await governor.handle_result(message)
    assert await budgets(redis) == ([], [], {"total": "0"})
    await governor.handle_plan(await deliver(redis, plan(plan_id="plan-2")))
    assert [permit.reason for permit in await permits(redis)] == [None, None]
    assert await pending(redis) == 0


async def test_a_plan_that_ended_before_it_was_sent_gives_back_as_well(redis: Redis) -> None:
    """The executor's word on a plan that it never sent is BLOCKED, as on one that the bridge blocked."""
    governor = await make_governor(redis)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    ended = result(plan(), executed=False, gate=Gate.PERMIT_TIMEOUT, decision=Decision.BLOCKED)
    await governor.handle_result(await deliver(redis, ended))
    assert await budgets(redis) == ([], [], {"total": "0"})
    assert await pending(redis) == 0


async def test_what_was_taken_yesterday_is_given_back_to_yesterday(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    assert isinstance(governor.clock, ManualClock)
    governor.clock.advance(86_400_000)
    await governor.handle_result(await deliver(redis, result(plan(), executed=False, gate=Gate.PLAN_EXPIRED)))
    assert (await budgets(redis))[2] == {"total": "0"}


@pytest.mark.parametrize(
    "ended",
    [
        result(plan(), executed=True),
        result(plan("CLOSE_FULL"), executed=False, gate=Gate.EXCHANGE_REJECTED),
        result(
            plan(plan_id="blocked-by-the-bridge", decision=Decision.BLOCKED, gate=Gate.POSITION_CAP), executed=False,
            gate=Gate.POSITION_CAP,
        ),
    ],
)  # fmt: skip
async def test_other_results_are_only_acknowledged(redis: Redis, ended: Result) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    before = await budgets(redis)
    await governor.handle_result(await deliver(redis, ended))
    assert await budgets(redis) == before
    assert await pending(redis) == 0


async def test_a_blocked_plan_gets_no_permit(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.handle_plan(await deliver(redis, plan(decision=Decision.BLOCKED, gate=Gate.LOW_CONFIDENCE)))
    assert await permits(redis) == []
    assert await pending(redis) == 0


async def test_places_older_than_an_hour_are_dropped(redis: Redis) -> None:
    governor = await make_governor(redis, entries_per_hour_max=1)
    await governor.recover()
    await redis.zadd(KEYS.governor_executions(ALL), {"old": NOW_MS - 3_600_000})
    await governor.handle_plan(await deliver(redis, plan()))
    assert (await permits(redis))[0].allow
    assert (await budgets(redis))[1] == ["plan-1"]


async def test_the_totals_are_folded_anew_at_a_start(redis: Redis) -> None:
    governor = await make_governor(redis)
    await redis.hset(DAY, mapping={"total": "7", "a": "100", "b": "250"})
    await governor.recover()
    assert await redis.hget(DAY, "total") == "350"
    assert not await redis.exists(KEYS.governor_day("20260920"))


async def test_the_first_start_writes_the_trading_state_and_says_so_once(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await governor.recover()
    fields: Any = await redis.hgetall(KEYS.governor_state)
    stands = GovernorState.from_fields(fields)
    assert (stands.trading_state, stands.by, stands.since_ms) == (TradingState.ACTIVE, "governor", NOW_MS)
    events: Any = await redis.xrange(KEYS.governor_events)
    assert [event["trading_state"] for _, event in events] == ["ACTIVE"]


async def test_a_trading_state_that_stands_is_left_alone(redis: Redis) -> None:
    governor = await make_governor(redis)
    fields: dict[Any, Any] = state("HALTED").to_fields()
    await redis.hset(KEYS.governor_state, mapping=fields)
    await governor.recover()
    assert await redis.hget(KEYS.governor_state, "trading_state") == "HALTED"
    assert await redis.xlen(KEYS.governor_events) == 0


@pytest.mark.parametrize(("first_state", "then"), [("ACTIVE", "REDUCING"), ("HALTED", "HALTED")])
async def test_a_trading_state_that_redis_lost_does_not_come_back_as_active(
    redis: Redis, first_state: str, then: str
) -> None:
    governor = await make_governor(redis, first_state=first_state)
    await governor.recover()
    await redis.flushall()
    await governor.recover()
    assert await redis.hget(KEYS.governor_state, "trading_state") == then


async def test_a_record_that_breaks_its_contract_counts_as_absent(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await redis.hset(KEYS.portfolio, "equity_usd", "plenty")
    await governor.handle_plan(await deliver(redis, plan()))
    await governor.handle_plan(await deliver(redis, plan("CLOSE_FULL", plan_id="p2")))
    assert [permit.reason for permit in await permits(redis)] == [Gate.PORTFOLIO_STATE_STALE, None]


async def test_a_plan_that_breaks_its_contract_is_malformed(redis: Redis) -> None:
    governor = await make_governor(redis)
    message = await deliver(redis, plan())
    broken = {name: value for name, value in message.fields.items() if name != "reduceOnly"}
    with pytest.raises(Malformed) as fault:
        await governor.handle_plan(Message(message.stream, message.id, broken))
    assert fault.value.field == "reduceOnly"


def test_entries_share_a_lane_and_the_rest_is_by_symbol() -> None:
    def lane_of(record: Plan | Result) -> str:
        return lane(Message("any", "1-1", record.to_fields()))

    assert lane_of(plan()) == "entries"
    assert lane_of(plan("CLOSE_FULL")) == "BTCUSDT"
    assert lane_of(plan(decision=Decision.BLOCKED, gate=Gate.LOW_CONFIDENCE)) == "BTCUSDT"
    assert lane_of(result(plan(), executed=True)) == "BTCUSDT"
