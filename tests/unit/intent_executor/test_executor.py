"""The executor on a real Redis against a scripted exchange: permits, results, quarantine, stops, leverage."""

from decimal import Decimal
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from quantum_common.exchange.outcome import Done, NotSent, Refused, Unknown
from quantum_common.exchange.port import StopRequest
from quantum_common.messages import Decision, Issuer, Malformed, Plan, Side
from quantum_common.reasons import Gate
from quantum_common.state import OrderState, TradingState
from quantum_common.stream import Message
from services.intent_executor.stops import refusal
from services.intent_executor.store import streams_written
from tests.unit.intent_executor.scripted import KEYS, NOW_MS, ORDER_ID, SYMBOL, Lost, World, permit, plan

D = Decimal
FENCE_MS = 9_500


async def a_world(redis: Redis, **changes: Any) -> World:
    return await World(redis, **changes).begin()


async def ended(world: World, gate: Gate, *, orders: int = 0) -> None:
    """The one plan ended at a gate, with so many orders asked of the exchange."""
    result = await world.result()
    assert (result.executed, result.gate, result.filled_qty) == (False, gate, D(0))
    assert len(world.exchange.requests) == orders
    assert await world.pending() == 0


# --- from permits to a result ------------------------------------------------------------------------------------


async def test_a_permitted_plan_becomes_one_order_and_one_result_with_all_fields(redis: Redis) -> None:
    world = await a_world(redis)
    result = await world.send(plan())
    [request] = world.exchange.requests
    assert (request.client_order_id, request.qty, request.reduce_only) == (ORDER_ID, D("0.5"), False)
    record = await world.record()
    assert record is not None
    assert (request.stamp_ms, request.recv_window_ms) == (record.stamp_ms, 5_000)
    assert (result.executed, result.decision, result.gate) == (True, Decision.EXECUTE, None)
    assert (result.order_id, result.client_order_id, result.order_status) == (700, ORDER_ID, "FILLED")
    assert (result.qty, result.filled_qty, result.position_after) == (D("0.5"), D("0.5"), D("0.5"))
    assert (result.sent_ms, result.acked_ms, result.error) == (NOW_MS, NOW_MS, "")
    assert (result.avg_price, result.fee) == (None, None)  # the answer to an order has no price
    assert (record.state, record.result_id != "") == (OrderState.PLACED, True)
    assert await world.live_permits() == 0
    assert await world.pending() == 0


async def test_a_plan_that_is_delivered_again_keeps_its_one_order_and_result(redis: Redis) -> None:
    world = await a_world(redis)
    before = await world.send(plan())
    await world.permitted(plan())
    for _ in range(3):
        await world.planned(plan())
        await world.deliver()
    assert await world.result() == before
    assert world.exchange.executed[ORDER_ID] == 1
    assert await world.pending() == 0


@pytest.mark.parametrize("order", [tuple(Issuer), tuple(reversed(Issuer))])
async def test_permits_may_come_in_either_order_and_the_second_wakes_the_plan(
    redis: Redis, order: tuple[Issuer, ...]
) -> None:
    world = await a_world(redis)
    await world.planned(plan())
    await world.deliver()
    for issuer in order:
        assert world.exchange.requests == []
        await world.permitted(plan(), issuer)
        await world.deliver()
    assert (await world.result()).executed
    assert world.executor.waiting == {}
    assert await world.pending() == 0


async def test_a_permit_that_comes_before_its_plan_is_only_acknowledged(redis: Redis) -> None:
    world = await a_world(redis)
    await world.permitted(plan())
    await world.deliver()
    assert await world.pending() == 0
    await world.planned(plan())
    await world.deliver()
    assert (await world.result()).executed


async def test_a_refused_permit_ends_the_plan_with_its_reason(redis: Redis) -> None:
    world = await a_world(redis)
    await world.planned(plan())
    await world.deliver()
    await world.permitted(plan(), Issuer.P33, allow=False, reason=Gate.SYMBOL_ON_HOLD)
    await world.deliver()
    await ended(world, Gate.SYMBOL_ON_HOLD)


async def test_a_permit_is_used_once(redis: Redis) -> None:
    """Two plans, one permit text: the second finds nothing to be used."""
    world = await a_world(redis)
    await world.send(plan())
    await redis.delete(KEYS.order(plan().plan_id))
    seen = await world.executor.store.gather(plan())
    assert (seen.governor, seen.p33) == (None, None)


async def test_a_permit_that_never_comes_ends_the_plan_in_time(redis: Redis) -> None:
    world = await a_world(redis)
    await world.permitted(plan(), Issuer.GOVERNOR)
    await world.planned(plan())
    await world.deliver()
    world.clock.advance(4_999)
    await world.executor.sweep()
    assert await world.results() == []
    world.clock.advance(1)
    await world.executor.sweep()
    await ended(world, Gate.PERMIT_TIMEOUT)
    assert (await world.result()).details == "no permit from p33"
    assert world.executor.waiting == {}


async def test_a_plan_that_expires_while_it_waits_says_that_it_expired(redis: Redis) -> None:
    world = await a_world(redis)
    await world.planned(plan(expires_ms=NOW_MS + 1_000))
    await world.deliver()
    world.clock.advance(1_000)
    await world.executor.sweep()
    await ended(world, Gate.PLAN_EXPIRED)


async def test_being_woken_does_not_lengthen_the_wait(redis: Redis) -> None:
    world = await a_world(redis)
    await world.planned(plan())
    await world.deliver()
    world.clock.advance(4_000)
    await world.permitted(plan(), Issuer.P33)
    await world.deliver()
    world.clock.advance(1_000)
    await world.executor.sweep()
    await ended(world, Gate.PERMIT_TIMEOUT)


async def test_an_expired_plan_is_not_sent_though_it_is_permitted(redis: Redis) -> None:
    world = await a_world(redis)
    world.clock.advance(30_000)
    await world.send(plan())
    await ended(world, Gate.PLAN_EXPIRED)


async def test_a_blocked_plan_gets_the_result_of_its_gate(redis: Redis) -> None:
    world = await a_world(redis)
    await world.planned(plan(decision=Decision.BLOCKED, gate=Gate.LOW_CONFIDENCE))
    await world.deliver()
    await ended(world, Gate.LOW_CONFIDENCE)
    assert (await world.result()).decision is Decision.BLOCKED


async def test_a_duplicate_of_a_plan_is_acknowledged_without_a_second_result(redis: Redis) -> None:
    world = await a_world(redis)
    before = await world.send(plan())
    await world.planned(plan(decision=Decision.BLOCKED, gate=Gate.DUPLICATE_INTENT))
    await world.deliver()
    assert await world.result() == before
    assert await world.pending() == 0


async def test_a_malformed_plan_or_permit_is_refused_by_its_field(redis: Redis) -> None:
    world = await a_world(redis)
    for handle in (world.executor.handle_plan, world.executor.handle_permit):
        with pytest.raises(Malformed):
            await handle(Message(KEYS.plans, "1-1", {"plan_id": "x"}))


# --- the claim -----------------------------------------------------------------------------------------------------


async def before_the_claim(world: World, change: Any) -> None:
    """Let something happen after the decision and before the claim, once."""
    store: Any = world.executor.store
    claim = store.claim
    done = False

    async def late(*args: Any) -> Any:
        nonlocal done
        if not done:
            done = True
            await change()
        return await claim(*args)

    store.claim = late


@pytest.mark.parametrize(
    ("action", "state", "gate"),
    [("OPEN", TradingState.HALTED, Gate.TRADING_HALTED), ("OPEN", TradingState.REDUCING, Gate.TRADING_REDUCING),
     ("CLOSE_FULL", TradingState.HALTED, Gate.TRADING_HALTED), ("CLOSE_FULL", TradingState.REDUCING, None)],
)  # fmt: skip
async def test_the_trading_state_is_read_last_thing_before_an_order(
    redis: Redis, action: str, state: TradingState, gate: Gate | None
) -> None:
    world = await a_world(redis)
    await before_the_claim(world, lambda: world.trade(state))
    result = await world.send(plan(action))
    assert result.gate is gate
    assert len(world.exchange.requests) == (0 if gate else 1)


async def test_a_permit_that_is_replaced_before_the_claim_is_judged_anew(redis: Redis) -> None:
    world = await a_world(redis)
    await before_the_claim(world, lambda: world.permitted(plan(), Issuer.P33, safe_qty=D("0.1")))
    await world.send(plan())
    assert [request.qty for request in world.exchange.requests] == [D("0.1")]


async def test_a_permit_that_is_gone_before_the_claim_is_waited_for(redis: Redis) -> None:
    world = await a_world(redis)
    await before_the_claim(world, lambda: redis.delete(KEYS.permit(Issuer.GOVERNOR, plan().plan_id)))
    await world.permitted(plan())
    await world.planned(plan())
    await world.deliver()
    assert world.exchange.requests == []
    assert world.executor.waiting[plan().plan_id].missing == "governor"


async def test_a_claim_that_another_has_taken_is_settled_and_not_sent(redis: Redis) -> None:
    world = await a_world(redis)
    other = world.build()
    await other.store.meet()

    async def first() -> None:
        await other.handle_plan(Message(KEYS.plans, "0-1", plan().to_fields()))

    await before_the_claim(world, first)
    result = await world.send(plan())
    assert result.executed
    assert world.exchange.executed[ORDER_ID] == 1


async def test_a_sweep_that_comes_too_late_does_not_end_a_plan_that_is_being_sent(redis: Redis) -> None:
    world = await a_world(redis)
    await world.planned(plan())
    await world.deliver()
    waiting = dict(world.executor.waiting)
    place = world.exchange.place

    async def slow(request: Any) -> Any:
        world.executor.waiting = dict(waiting)  # the sweep looked before the permit came
        world.clock.advance(4_999)
        world.clock.advance(1)
        await world.executor.sweep()
        assert await world.results() == []
        return await place(request)

    vars(world.exchange)["place"] = slow
    await world.permitted(plan())
    await world.deliver()
    assert (await world.result()).executed


# --- what the exchange answers -------------------------------------------------------------------------------------


async def test_a_refusal_is_the_result_with_code_and_text(redis: Redis) -> None:
    world = await a_world(redis)
    world.exchange.answers.append(Refused(-2019, "Margin is insufficient."))
    result = await world.send(plan())
    await ended(world, Gate.EXCHANGE_REJECTED, orders=1)
    assert (result.error, result.decision) == ("-2019 Margin is insufficient.", Decision.EXECUTE)
    assert result.client_order_id == ORDER_ID


async def test_what_was_not_sent_is_sent_again_under_the_same_stamp(redis: Redis) -> None:
    world = await a_world(redis)
    world.exchange.answers.extend([NotSent("connection refused", 100), NotSent("503 Service Unavailable.", 200)])
    assert (await world.send(plan())).executed
    assert [request.stamp_ms for request in world.exchange.requests] == [NOW_MS] * 3
    assert world.clock.now_ms() == NOW_MS + 300


@pytest.mark.parametrize(("limited", "gate"), [(False, Gate.EXCHANGE_UNAVAILABLE), (True, Gate.RATE_LIMITED)])
@pytest.mark.parametrize("expires_in_ms", [30_000, 2_000])
async def test_what_cannot_be_sent_ends_before_its_validity_or_its_plan_is_over(
    redis: Redis, limited: bool, gate: Gate, expires_in_ms: int
) -> None:
    world = await a_world(redis)
    world.exchange.answers.extend([NotSent("no", 900, rate_limited=limited)] * 20)
    await world.send(plan(expires_ms=NOW_MS + expires_in_ms))
    await ended(world, gate, orders=min(5_000, expires_in_ms) // 900 + 1)
    assert world.clock.now_ms() < NOW_MS + min(5_000, expires_in_ms)


async def test_an_unknown_order_is_looked_up_and_never_sent_again(redis: Redis) -> None:
    world = await a_world(redis)
    world.exchange.answers.append(Lost(executed=True, visible_after_ms=3_000))
    world.exchange.lookups.append(Unknown("a lookup that fails is not: not found"))
    result = await world.send(plan())
    assert (result.executed, result.avg_price) == (True, D(50_000))
    assert len(world.exchange.requests) == 1
    assert NOW_MS + 3_000 <= result.acked_ms <= NOW_MS + 3_250  # type: ignore[operator]


async def test_an_order_that_can_no_longer_turn_up_ends_expired(redis: Redis) -> None:
    world = await a_world(redis)
    world.exchange.answers.append(Lost(executed=False))
    await world.send(plan())
    await ended(world, Gate.PLAN_EXPIRED, orders=1)
    record = await world.record()
    assert record is not None
    assert record.state is OrderState.EXPIRED
    assert world.clock.now_ms() > NOW_MS + FENCE_MS


async def test_a_duplicate_client_id_means_that_an_earlier_attempt_arrived(redis: Redis) -> None:
    world = await a_world(redis)
    world.exchange.answers.append(Lost(executed=True))
    await world.send(plan())
    other = plan(plan_id="bbbbbbbbbbbbbbbb", intent_id="intent-2")
    world.exchange.answers.append(Refused(-4116, "ClientOrderId is duplicated."))
    await world.permitted(other)
    await world.planned(other)
    await world.deliver()
    assert [result.gate for result in await world.results()] == [None, Gate.PLAN_EXPIRED]


async def test_an_accepted_order_is_followed_to_its_end(redis: Redis) -> None:
    world = await a_world(redis)
    world.exchange.status, world.exchange.fill = "NEW", D(0)
    lookup = world.exchange.order

    async def filling(symbol: str, client_id: str) -> Any:
        if world.clock.now_ms() >= NOW_MS + 1_000:
            world.exchange.status, world.exchange.fill = "FILLED", None
            world.exchange.execute(world.exchange.requests[0])
        return await lookup(symbol, client_id)

    vars(world.exchange)["order"] = filling
    result = await world.send(plan())
    assert (result.order_status, result.filled_qty) == ("FILLED", D("0.5"))


async def test_an_order_that_never_ends_is_told_as_it_stands(redis: Redis) -> None:
    world = await a_world(redis)
    world.exchange.status, world.exchange.fill = "NEW", D(0)
    world.exchange.lookups.append(Unknown("no answer"))
    result = await world.send(plan())
    assert (result.executed, result.order_status, result.gate) == (False, "NEW", Gate.EXCHANGE_UNAVAILABLE)
    assert world.clock.now_ms() == NOW_MS + 5_000


# --- a start -------------------------------------------------------------------------------------------------------


async def test_a_plan_of_before_the_start_waits_for_the_fence_and_is_looked_up_first(redis: Redis) -> None:
    world = await a_world(redis)
    await world.planned(plan())
    await world.permitted(plan())
    await world.restart()
    assert (await world.result()).executed
    assert world.exchange.calls[-2:] == ["place", "place_stop"]
    assert world.exchange.calls.index("order") < world.exchange.calls.index("place")
    assert world.exchange.requests[0].stamp_ms >= NOW_MS + 10 + FENCE_MS


async def test_a_plan_made_after_the_start_goes_at_once(redis: Redis) -> None:
    world = await a_world(redis)
    await world.restart()
    world.clock.advance(1)
    await world.send(plan(ts_ms=NOW_MS + 11))
    assert world.exchange.calls[0] == "place"
    assert world.exchange.requests[0].stamp_ms == NOW_MS + 11


async def test_an_order_that_redis_forgot_is_adopted_and_not_sent_again(redis: Redis) -> None:
    world = await a_world(redis)
    await world.send(plan())
    await redis.flushall()
    await world.begin()
    await world.planned(plan())
    await world.permitted(plan())
    world.exchange.lookups.append(Unknown("no answer"))
    await world.restart()
    result = await world.result()
    assert (result.executed, result.filled_qty, result.position_after) == (True, D("0.5"), None)
    assert len(world.exchange.requests) == 1


async def test_a_plan_without_a_forgotten_order_waits_for_its_permits_as_any_other(redis: Redis) -> None:
    world = await a_world(redis)
    await world.planned(plan())
    await world.restart()
    assert world.executor.cleared == {plan().plan_id}
    assert plan().plan_id in world.executor.waiting
    await world.permitted(plan())
    await world.deliver()
    assert (await world.result()).executed


# --- stops and leverage --------------------------------------------------------------------------------------------


async def stands(world: World, client_id: str = "qs-old") -> None:
    world.exchange.stops[client_id] = StopRequest(SYMBOL, Side.SELL, D(48_000), client_id)
    await world.redis.hset(
        KEYS.stop(SYMBOL), mapping={"client_id": client_id, "trigger_price": "48000", "updated_ms": "1"}
    )


async def test_an_entry_places_its_stop_before_its_result(redis: Redis) -> None:
    world = await a_world(redis)
    result = await world.send(plan())
    [stop] = world.exchange.stops.values()
    assert (stop.client_id, stop.side, stop.trigger_price) == ("qs-" + plan().plan_id, Side.SELL, D(49_000))
    assert result.details == "stop at 49000"
    assert await world.standing_stop() == stop.client_id
    assert await redis.hget(KEYS.stop(SYMBOL), "trigger_price") == "49000"


async def test_stops_are_left_out_where_they_are_switched_off(redis: Redis) -> None:
    world = await a_world(redis, intent_executor_protective_stops=False)
    await world.send(plan())
    assert world.exchange.stops == {}


async def test_an_entry_without_its_stop_stays_and_says_so(redis: Redis) -> None:
    world = await a_world(redis)
    world.exchange.commands.append(Refused(-2021, "Order would immediately trigger."))
    result = await world.send(plan())
    assert result.executed
    assert result.details == "no protective stop: -2021 Order would immediately trigger."


async def test_an_add_replaces_the_stop_that_stood(redis: Redis) -> None:
    world = await a_world(redis)
    await stands(world)
    await world.send(plan())
    assert set(world.exchange.stops) == {"qs-" + plan().plan_id}
    assert world.exchange.calls == ["place", "place_stop", "cancel_stop", "cancel_stop"]


async def test_an_old_stop_that_cannot_be_cancelled_does_not_hold_up_the_result(redis: Redis) -> None:
    world = await a_world(redis)
    await stands(world)
    world.exchange.commands.extend([Done(), *[NotSent("no", 4_000)] * 5])
    assert (await world.send(plan())).executed
    assert await world.standing_stop() == "qs-" + plan().plan_id


@pytest.mark.parametrize(("action", "left"), [("CLOSE_FULL", set()), ("CLOSE_50", {"qs-old"})])
async def test_the_stop_of_a_closed_position_is_cancelled_and_no_other(
    redis: Redis, action: str, left: set[str]
) -> None:
    world = await a_world(redis)
    await stands(world)
    qty = D("0.5") if action == "CLOSE_FULL" else D("0.25")
    await world.send(plan(action, qty=qty))
    assert set(world.exchange.stops) == left
    assert await world.standing_stop() == next(iter(left), "")


async def test_a_stop_that_cannot_be_cancelled_is_not_forgotten(redis: Redis) -> None:
    world = await a_world(redis)
    await stands(world)
    world.exchange.commands.append(Unknown("no answer"))
    await world.send(plan("CLOSE_FULL"))
    assert await world.standing_stop() == "qs-old"


async def test_a_moved_stop_is_placed_before_the_old_one_goes(redis: Redis) -> None:
    world = await a_world(redis)
    await stands(world)
    world.exchange.commands.extend([Unknown("no answer"), NotSent("no", 100)])
    result = await world.send(plan("UPDATE_SL", stop_loss=D(49_500)))
    assert (result.executed, result.order_status, result.details) == (True, "STOP_PLACED", "stop at 49500")
    assert set(world.exchange.stops) == {"qs-" + plan().plan_id}
    assert world.exchange.calls == ["place_stop"] * 3 + ["cancel_stop"] * 2
    assert world.exchange.requests == []


async def test_where_one_stop_a_side_is_allowed_a_guard_stands_while_they_change(redis: Redis) -> None:
    world = await a_world(redis)
    await stands(world)
    world.exchange.one_stop_a_side = True
    standing: list[set[str]] = []

    async def cancel(client_id: str) -> Any:
        world.exchange.stops.pop(client_id, None)
        standing.append(set(world.exchange.stops))
        return Done()

    vars(world.exchange)["cancel_stop"] = cancel
    result = await world.send(plan("UPDATE_SL"))
    assert result.executed
    assert all(standing)
    assert set(world.exchange.stops) == {"qs-" + plan().plan_id} == {await world.standing_stop()}


async def test_a_stop_that_is_refused_leaves_the_old_one(redis: Redis) -> None:
    world = await a_world(redis)
    await stands(world)
    world.exchange.commands.append(Refused(-2021, "Order would immediately trigger."))
    result = await world.send(plan("UPDATE_SL"))
    assert (result.executed, result.gate) == (False, Gate.EXCHANGE_REJECTED)
    assert set(world.exchange.stops) == {"qs-old"} == {await world.standing_stop()}


async def test_a_stop_that_gets_no_answer_ends_with_the_plan(redis: Redis) -> None:
    world = await a_world(redis)
    world.exchange.commands.extend([Unknown("no answer")] * 1_000)
    result = await world.send(plan("UPDATE_SL", expires_ms=NOW_MS + 2_000))
    assert (result.executed, result.gate) == (False, Gate.EXCHANGE_UNAVAILABLE)


async def shown(world: World, leverage: int, ts_ms: int = NOW_MS) -> None:
    await world.redis.hset(KEYS.snapshot(SYMBOL), mapping={"leverage": leverage, "ts_ms": ts_ms})


async def test_leverage_is_set_where_the_snapshot_shows_another(redis: Redis) -> None:
    world = await a_world(redis)
    await shown(world, 20)
    await world.send(plan(leverage=9))
    assert world.exchange.leverages == {SYMBOL: 9}
    assert world.exchange.calls[:2] == ["set_leverage", "place"]


@pytest.mark.parametrize("action", ["OPEN", "CLOSE_FULL"])
async def test_leverage_is_left_alone_where_it_is_right_or_nothing_is_opened(redis: Redis, action: str) -> None:
    world = await a_world(redis)
    await shown(world, 9 if action == "OPEN" else 20)
    await world.send(plan(action, leverage=9))
    assert "set_leverage" not in world.exchange.calls


async def another(world: World, number: int, **changes: Any) -> Plan:
    now_ms = world.clock.now_ms()
    of = plan(plan_id=f"{number:016d}", intent_id=f"i{number}", ts_ms=now_ms, expires_ms=now_ms + 30_000, **changes)
    await world.permitted(of)
    await world.planned(of)
    await world.deliver()
    return of


async def test_leverage_is_not_set_twice_while_the_snapshot_is_old(redis: Redis) -> None:
    world = await a_world(redis)
    await shown(world, 20)
    for number in (1, 2):
        await another(world, number, leverage=9)
    assert world.exchange.calls.count("set_leverage") == 1


async def test_an_old_snapshot_does_not_hide_what_was_set_since(redis: Redis) -> None:
    world = await a_world(redis)
    await shown(world, 9)
    await another(world, 1, leverage=5)
    await another(world, 2, leverage=9)
    assert world.exchange.leverages == {SYMBOL: 9}


async def test_leverage_that_somebody_changed_by_hand_is_set_again(redis: Redis) -> None:
    world = await a_world(redis)
    await shown(world, 20)
    await another(world, 1, leverage=9)
    world.clock.advance(10_000)
    world.exchange.leverages[SYMBOL] = 20
    await shown(world, 20, world.clock.now_ms())
    await another(world, 2, leverage=9)
    assert world.exchange.leverages == {SYMBOL: 9}


@pytest.mark.parametrize(
    ("answer", "gate"),
    [(Refused(-4028, "Leverage is not valid."), Gate.EXCHANGE_REJECTED),
     (NotSent("429", 60_000, rate_limited=True), Gate.RATE_LIMITED)],
)  # fmt: skip
async def test_an_entry_whose_leverage_cannot_be_set_is_not_sent(redis: Redis, answer: Any, gate: Gate) -> None:
    world = await a_world(redis)
    world.exchange.commands.append(answer)
    result = await world.send(plan(leverage=9))
    await ended(world, gate)
    assert result.details.startswith("leverage 9: ")


async def test_an_entry_that_expires_while_its_leverage_is_set_is_not_sent(redis: Redis) -> None:
    world = await a_world(redis)
    setting = world.exchange.set_leverage

    async def slow(symbol: str, leverage: int) -> Any:
        world.clock.advance(30_000)
        return await setting(symbol, leverage)

    vars(world.exchange)["set_leverage"] = slow
    await world.send(plan(leverage=9))
    await ended(world, Gate.PLAN_EXPIRED)


def test_the_executor_writes_results_only() -> None:
    assert streams_written(KEYS) == (KEYS.results,)


async def test_what_was_read_is_what_the_permits_say(redis: Redis) -> None:
    world = await a_world(redis)
    await world.permitted(plan(), Issuer.P33)
    await shown(world, 7, 5)
    seen = await world.executor.store.gather(plan())
    assert seen.p33 == permit(plan(), Issuer.P33)
    assert (seen.governor, seen.governor_text, seen.leverage, seen.leverage_ms) == (None, "", 7, 5)
    assert seen.trading_state is TradingState.ACTIVE


async def test_nothing_is_sent_on_a_server_that_was_not_met(redis: Redis) -> None:
    """It may have forgotten a record: the consumer meets it first, and the quarantine begins anew."""
    world = await a_world(redis)
    cast("Any", world.executor.store)._port._server_id = "another"
    await world.permitted(plan())
    await world.planned(plan())
    with pytest.raises(RedisConnectionError, match="another server"):
        await world.deliver()
    assert world.exchange.requests == []
    await world.restart()
    assert (await world.result()).executed


@pytest.mark.parametrize("fails_at", [1, 2, 3])
async def test_whatever_fails_while_stops_change_one_of_them_stands(redis: Redis, fails_at: int) -> None:
    """Guard, cancel, new: the step that fails leaves the old stop, or the guard."""
    world = await a_world(redis)
    await stands(world)
    world.exchange.one_stop_a_side = True
    world.exchange.commands.extend([None] * (fails_at - 1))
    world.exchange.commands.append(Refused(-2021, "Order would immediately trigger."))
    result = await world.send(plan("UPDATE_SL"))
    assert (result.executed, result.gate) == (False, Gate.EXCHANGE_REJECTED)
    assert world.exchange.stops
    assert await world.standing_stop() in world.exchange.stops


def test_a_command_that_was_done_has_no_refusal() -> None:
    with pytest.raises(ValueError, match="this was done"):
        refusal(Done("yes"))


async def test_a_moved_stop_that_names_no_price_breaks_the_contract(redis: Redis) -> None:
    world = await a_world(redis)
    with pytest.raises(Malformed, match="must say stop_loss"):
        await world.executor.handle_plan(Message(KEYS.plans, "1-1", {**plan("UPDATE_SL").to_fields(), "stop_loss": ""}))
