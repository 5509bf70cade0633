"""What a backtest keeps in memory is what the daemons keep in Redis: every case here runs on both."""

from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.ids import client_order_id
from quantum_common.keys import GROUP_BRIDGE, GROUP_EXECUTOR, GROUP_GOVERNOR, GROUP_P33
from quantum_common.messages import (
    GovernorEvent,
    Issuer,
    JournalEntry,
    Permit,
    Plan,
    ReconcileEvent,
    Result,
    Side,
)
from quantum_common.reasons import Gate
from quantum_common.state import Hold, Ledger, OrderRecord, OrderState, TradingState
from services.governor.decide import decided as governor_decided
from services.governor.normalisation import UNSEEN, observed
from services.governor.ports import Issued
from services.governor.service import event_of
from services.intent_bridge.decide import decide as bridge_decide
from services.intent_executor.ports import Claim
from services.position_state_brain.decide import Limits as P33Limits
from services.position_state_brain.decide import decide as p33_decide
from services.position_state_brain.fold import Checkpoint, Fact, FactKind, Peak
from services.position_state_brain.ports import Booking
from tests.contract.ports_bench import KEYS, Bench, MemoryBench, RedisBench
from tests.unit.governor import builders as world
from tests.unit.governor.builders import NOW_MS
from tests.unit.intent_bridge import builders as wishes

D = Decimal
BTC, ETH = "BTCUSDT", "ETHUSDT"


@pytest.fixture(params=["memory", "redis"])
async def bench(request: pytest.FixtureRequest, redis: Redis) -> Bench:
    return MemoryBench() if request.param == "memory" else await RedisBench(redis).begin()


async def snapshots(bench: Bench, **amounts: str) -> None:
    """The exchange's word on some symbols, and on the account."""
    shown = {f"{name}USDT": world.snapshot(amount) for name, amount in amounts.items()}
    await bench.p33.write_snapshots(shown, world.portfolio())


# --- bridge ----------------------------------------------------------------------------------------------------------


async def plan_it(bench: Bench, **changes: Any) -> tuple[Plan, bool]:
    """An intent through the bridge's port, as its service does it."""
    wish = wishes.intent(**changes)
    message = await bench.deliver(KEYS.intents, GROUP_BRIDGE, wish)
    view = await bench.bridge.view(wish, {wish.symbol: wishes.RULES}, message)
    made = bridge_decide(wish, view, wishes.limits(), KEYS.prefix, NOW_MS)
    return made.plan, await bench.bridge.record(made, message, duplicate=bool(view.first_entry_id))


async def test_the_bridge_sees_nothing_where_there_is_nothing(bench: Bench) -> None:
    wish = wishes.intent()
    message = await bench.deliver(KEYS.intents, GROUP_BRIDGE, wish)
    view = await bench.bridge.view(wish, {}, message)
    assert (view.first_entry_id, view.snapshot, view.ledger, view.portfolio, view.rules) == ("", None, None, None, None)
    assert view.reservations == ()


async def test_the_bridge_sees_what_p33_wrote(bench: Bench) -> None:
    await snapshots(bench, BTC="0.5")
    await bench.p33.begin(BTC, Checkpoint.begin(NOW_MS), Ledger.flat())
    wish = wishes.intent("CLOSE_FULL")
    message = await bench.deliver(KEYS.intents, GROUP_BRIDGE, wish)
    view = await bench.bridge.view(wish, {BTC: wishes.RULES}, message)
    assert view.snapshot == world.snapshot("0.5")
    assert view.portfolio == world.portfolio()
    assert view.ledger == Ledger.flat()


async def test_an_intent_is_planned_once_and_a_second_entry_of_it_is_a_duplicate(bench: Bench) -> None:
    await snapshots(bench, BTC="0")
    wish = wishes.intent()
    first = await bench.deliver(KEYS.intents, GROUP_BRIDGE, wish)
    view = await bench.bridge.view(wish, {BTC: wishes.RULES}, first)
    made = bridge_decide(wish, view, wishes.limits(), KEYS.prefix, NOW_MS)
    assert await bench.bridge.record(made, first, duplicate=False)
    assert await bench.bridge.record(made, first, duplicate=False), "delivered again: it was done before"
    assert len(await bench.entries(KEYS.plans, Plan)) == 1
    second = await bench.deliver(KEYS.intents, GROUP_BRIDGE, wish)
    assert not await bench.bridge.record(made, second, duplicate=False), "decided without knowing of the first"
    view = await bench.bridge.view(wish, {BTC: wishes.RULES}, second)
    assert view.first_entry_id == first.id
    again = bridge_decide(wish, view, wishes.limits(), KEYS.prefix, NOW_MS)
    assert again.plan.gate is Gate.DUPLICATE_INTENT
    assert await bench.bridge.record(again, second, duplicate=True)
    assert [plan.gate for plan in await bench.entries(KEYS.plans, Plan)] == [None, Gate.DUPLICATE_INTENT]
    assert await bench.pending(KEYS.intents, GROUP_BRIDGE) == 0


async def test_an_accepted_entry_is_reserved_until_it_is_released_and_only_entries_see_it(bench: Bench) -> None:
    await snapshots(bench, BTC="0", ETH="0")
    plan, recorded = await plan_it(bench)
    assert recorded
    other = wishes.intent(intent_id="intent-2", symbol=ETH)
    message = await bench.deliver(KEYS.intents, GROUP_BRIDGE, other)
    [seen] = (await bench.bridge.view(other, {}, message)).reservations
    assert (seen.reservation.plan_id, seen.order_state, seen.snapshot_amt) == (plan.plan_id, None, D(0))
    assert (seen.order_ms, seen.snapshot_ms) == (0, world.snapshot().ts_ms)
    closing = wishes.intent("CLOSE_FULL", intent_id="intent-3")
    message = await bench.deliver(KEYS.intents, GROUP_BRIDGE, closing)
    assert (await bench.bridge.view(closing, {}, message)).reservations == ()
    await end_plan(bench, plan)
    message = await bench.deliver(KEYS.intents, GROUP_BRIDGE, other)
    view = await bench.bridge.view(other, {ETH: wishes.RULES}, message)
    assert [one.order_state for one in view.reservations] == [OrderState.BLOCKED]
    made = bridge_decide(other, view, wishes.limits(), KEYS.prefix, NOW_MS)
    assert made.released == (BTC,)
    await bench.bridge.record(made, message, duplicate=False)
    message = await bench.deliver(KEYS.intents, GROUP_BRIDGE, other)
    left = (await bench.bridge.view(other, {}, message)).reservations
    assert [one.reservation.symbol for one in left] == [ETH]


# --- governor --------------------------------------------------------------------------------------------------------


async def permit_it(bench: Bench, plan: Plan) -> tuple[Any, Any, Issued]:
    """A plan through the governor's port, as its service does it; what was read, what was decided, how it ended."""
    message = await bench.deliver(KEYS.plans, GROUP_GOVERNOR, plan)
    view = await bench.governor.view(plan, NOW_MS)
    made = governor_decided(plan, view, world.limits(), NOW_MS)
    return view, made, await bench.governor.issue(made, view.seq, 0.1, message)


async def ordinary(bench: Bench) -> None:
    """An ordinary world for the governor."""
    await snapshots(bench, BTC="0", ETH="0")
    for symbol in (BTC, ETH):
        await bench.market(symbol, world.market())
        await bench.p33.begin(symbol, Checkpoint.begin(NOW_MS), Ledger.flat())
    state = world.state()
    assert await bench.governor.begin(state, event_of(state, NOW_MS))


async def test_the_trading_state_begins_once(bench: Bench) -> None:
    state = world.state()
    assert (await bench.governor.view(world.plan(), NOW_MS)).state is None
    assert await bench.governor.begin(state, event_of(state, NOW_MS))
    assert not await bench.governor.begin(world.state("HALTED"), event_of(state, NOW_MS))
    assert (await bench.governor.view(world.plan(), NOW_MS)).state == state
    assert len(await bench.entries(KEYS.governor_events, GovernorEvent)) == 1


async def test_a_permit_is_issued_once_and_teaches_once(bench: Bench) -> None:
    await ordinary(bench)
    plan = world.plan()
    message = await bench.deliver(KEYS.plans, GROUP_GOVERNOR, plan)
    view = await bench.governor.view(plan, NOW_MS)
    assert (view.market, view.snapshot, view.portfolio) == (world.market(), world.snapshot(), world.portfolio())
    assert (view.statistics.own, view.statistics.portfolio, view.seq) == (UNSEEN, UNSEEN, 0)
    made = governor_decided(plan, view, world.limits(), NOW_MS)
    assert made.score is not None
    assert await bench.governor.issue(made, view.seq, 0.1, message) is Issued.WRITTEN
    assert await bench.governor.issue(made, view.seq, 0.1, message) is Issued.DONE
    assert await bench.entries(KEYS.permits, Permit) == [made.permit]
    own = await bench.governor.view(plan, NOW_MS)
    assert own.statistics.own == UNSEEN, "what a plan taught itself is no statistic before it"
    assert own.reserved == ()
    assert own.spent.day_usdt == own.spent.symbol_5min == 0
    other = await bench.governor.view(world.plan(plan_id="plan-2"), NOW_MS)
    assert other.statistics.own == other.statistics.portfolio == observed(UNSEEN, made.score, 0.1)
    assert (other.spent.symbol_5min, other.spent.symbol_hour, other.spent.all_5min, other.spent.all_hour) == (1,) * 4
    assert other.spent.day_usdt == D(500)
    assert [one.reservation for one in other.reserved] == [made.reservation]
    assert other.seq == 1


async def test_statistics_are_of_the_symbol_and_of_all_and_of_one_eval_type(bench: Bench) -> None:
    await ordinary(bench)
    _, first, _ = await permit_it(bench, world.plan())
    _, second, _ = await permit_it(bench, world.plan(plan_id="plan-2", symbol=ETH, qty=D("0.02")))
    seen = (await bench.governor.view(world.plan(plan_id="plan-3"), NOW_MS)).statistics
    assert seen.own == observed(UNSEEN, first.score, 0.1)
    assert seen.portfolio == observed(observed(UNSEEN, first.score, 0.1), second.score, 0.1)
    exits = await bench.governor.view(world.plan("CLOSE_FULL", plan_id="plan-4"), NOW_MS)
    assert exits.statistics.portfolio == UNSEEN


async def test_a_decision_that_does_not_know_of_a_reservation_is_made_again(bench: Bench) -> None:
    await ordinary(bench)
    plan = world.plan(plan_id="plan-2", symbol=ETH)
    message = await bench.deliver(KEYS.plans, GROUP_GOVERNOR, plan)
    before = await bench.governor.view(plan, NOW_MS)
    await permit_it(bench, world.plan())
    made = governor_decided(plan, before, world.limits(), NOW_MS)
    assert await bench.governor.issue(made, before.seq, 0.1, message) is Issued.CHANGED
    assert len(await bench.entries(KEYS.permits, Permit)) == 1
    exit_plan = world.plan("CLOSE_FULL", plan_id="plan-3")
    message = await bench.deliver(KEYS.plans, GROUP_GOVERNOR, exit_plan)
    leaving = governor_decided(exit_plan, before, world.limits(), NOW_MS)
    assert await bench.governor.issue(leaving, before.seq, 0.1, message) is Issued.WRITTEN, "an exit reserves nothing"


async def test_what_was_not_executed_is_given_back_and_what_was_is_noted(bench: Bench) -> None:
    await ordinary(bench)
    first, second = world.plan(), world.plan(plan_id="plan-2", symbol=ETH)
    for plan in (first, second):
        await permit_it(bench, plan)
    refused = world.result(first, executed=False, gate=Gate.PERMIT_TIMEOUT)
    message = await bench.deliver(KEYS.results, GROUP_GOVERNOR, refused)
    await bench.governor.give_back(refused, message, NOW_MS)
    done = world.result(second, executed=True, ts_ms=NOW_MS + 7)
    message = await bench.deliver(KEYS.results, GROUP_GOVERNOR, done)
    await bench.governor.settle(done, message)
    view = await bench.governor.view(world.plan(plan_id="plan-3"), NOW_MS)
    assert [(one.reservation.plan_id, one.done_ms) for one in view.reserved] == [("plan-2", NOW_MS + 7)]
    assert (view.spent.symbol_hour, view.spent.all_hour, view.spent.day_usdt) == (0, 1, D(500))
    assert view.seq == 2
    assert await bench.pending(KEYS.results, GROUP_GOVERNOR) == 0
    await bench.governor.fold(NOW_MS)
    assert (await bench.governor.view(world.plan(plan_id="plan-3"), NOW_MS)).spent.day_usdt == D(500)


async def test_windows_forget_and_the_day_begins_anew(bench: Bench) -> None:
    await ordinary(bench)
    await permit_it(bench, world.plan())
    later = await bench.governor.view(world.plan(plan_id="plan-2"), NOW_MS + 300_000)
    assert (later.spent.symbol_5min, later.spent.symbol_hour) == (0, 1)
    tomorrow = await bench.governor.view(world.plan(plan_id="plan-2"), NOW_MS + 86_400_000)
    assert (tomorrow.spent.all_hour, tomorrow.spent.day_usdt) == (0, D(0))


async def test_the_watch_sees_positions_bars_holds_and_the_newest_results_first(bench: Bench) -> None:
    await ordinary(bench)
    await snapshots(bench, BTC="-0.5", ETH="0")
    hold = Hold(
        reason="ledger_drift", exchange_position_amt=D(1), ledger_position_amt=D(0), since_ms=NOW_MS - 9, details=""
    )  # fmt: skip
    await bench.p33.hold(BTC, hold, reconciled("held"))
    assert sorted(await bench.watch.symbols()) == [BTC, ETH]
    found = await bench.watch.standing([BTC, ETH])
    market = world.market()
    assert (found[BTC].notional_usd, found[BTC].held_ms) == (D(-25_000), NOW_MS - 9)
    assert (found[ETH].notional_usd, found[ETH].held_ms) == (D(0), 0)
    assert (found[BTC].bar_close_ms, found[BTC].price) == (market.bar_close_ms, market.price)
    assert await bench.watch.account() == (world.state(), world.portfolio())
    for number in range(3):
        await end_plan(bench, world.plan(plan_id=f"plan-{number}"))
    assert [one.plan_id for one in await bench.watch.results(2)] == ["plan-2", "plan-1"]


async def test_only_an_active_pipeline_is_disarmed(bench: Bench) -> None:
    reducing = world.state("REDUCING")
    assert not await bench.watch.disarm(reducing, event_of(reducing, NOW_MS))
    await ordinary(bench)
    assert await bench.watch.disarm(reducing, event_of(reducing, NOW_MS))
    assert not await bench.watch.disarm(reducing, event_of(reducing, NOW_MS))
    state, _ = await bench.watch.account()
    assert state == reducing
    assert len(await bench.entries(KEYS.governor_events, GovernorEvent)) == 2


# --- P3.3 ------------------------------------------------------------------------------------------------------------


def reconciled(kind: str) -> ReconcileEvent:
    return ReconcileEvent.model_validate(
        {
            "kind": kind, "symbol": BTC, "exchange_position_amt": D(1), "ledger_position_amt": D(0), "cause": "unknown",
            "details": "", "ts_ms": NOW_MS,
        }
    )  # fmt: skip


async def p33_permit(bench: Bench, plan: Plan, *, until_ms: int) -> tuple[Permit, bool]:
    message = await bench.deliver(KEYS.plans, GROUP_P33, plan)
    seen = await bench.p33.position(plan.symbol)
    permit = p33_decide(plan, seen, P33Limits(True, 60_000, D("0.001")), NOW_MS)
    return permit, await bench.p33.permit(plan, permit, message, until_ms)


async def test_a_symbol_takes_one_entry_at_a_time_and_its_result_frees_it(bench: Bench) -> None:
    await ordinary(bench)
    far_ms = 2_000_000_000_000  # beyond any clock, Redis' own too
    first, second = world.plan(), world.plan(plan_id="plan-2")
    permit, written = await p33_permit(bench, first, until_ms=far_ms)
    assert permit.allow
    assert written
    assert (await bench.p33.position(BTC)).in_flight == {"plan-1": far_ms}
    assert await bench.p33.under_way(BTC, NOW_MS)
    message = await bench.deliver(KEYS.plans, GROUP_P33, second)
    assert not await bench.p33.permit(second, permit.model_copy(update={"plan_id": "plan-2"}), message, far_ms)
    denied, written = await p33_permit(bench, second, until_ms=far_ms)
    assert (denied.reason, written) == (Gate.COOLDOWN_IN_FLIGHT, True)
    closing, written = await p33_permit(bench, world.plan("CLOSE_FULL", plan_id="plan-3"), until_ms=far_ms)
    assert (closing.reason, written) == (Gate.NO_POSITION, True)
    result = world.result(first, executed=True)
    await bench.p33.settle(result, await bench.deliver(KEYS.results, GROUP_P33, result))
    assert (await bench.p33.position(BTC)).in_flight == {}
    assert not await bench.p33.under_way(BTC, NOW_MS)
    assert [one.plan_id for one in await bench.entries(KEYS.permits, Permit)] == ["plan-1", "plan-2", "plan-3"]


async def test_a_plan_that_was_acknowledged_gets_no_second_permit(bench: Bench) -> None:
    await ordinary(bench)
    plan = world.plan()
    message = await bench.deliver(KEYS.plans, GROUP_P33, plan)
    permit = p33_decide(plan, await bench.p33.position(BTC), P33Limits(True, 60_000, D("0.001")), NOW_MS)
    assert await bench.p33.permit(plan, permit, message, 2_000_000_000_000)
    assert await bench.p33.permit(plan, permit, message, 2_000_000_000_000)
    assert len(await bench.entries(KEYS.permits, Permit)) == 1


def fact_of(number: int, qty: str) -> Fact:
    return Fact(
        kind=FactKind.FILL, fact_id=str(number), trade_id=number, order_id=number, plan_id=f"plan-{number}",
        client_order_id=client_order_id(f"plan-{number}"), origin="plan", qty=D(qty), price=D(50_000), fee=D("0.25"),
        realized_pnl=D(0), funding=D(0), time_ms=NOW_MS + number, seq=number,
    )  # fmt: skip


def entry_of(fact: Fact, ledger: Ledger) -> JournalEntry:
    return JournalEntry(
        kind="fill", symbol=BTC, trade_id=fact.fact_id, order_id=fact.order_id, plan_id=fact.plan_id,
        client_order_id=fact.client_order_id, side=Side.BUY, qty=abs(fact.qty), price=fact.price, fee=fact.fee,
        realized_pnl=fact.realized_pnl, funding=None, position_amt=ledger.position_amt,
        avg_entry_price=ledger.avg_entry_price, origin="plan", trade_ms=fact.time_ms, lag_ms=1, cause="a test",
        ts_ms=NOW_MS + 100,
    )  # fmt: skip


async def book(bench: Bench, fact: Fact, expected: str | None = None) -> tuple[Booking, str]:
    """A fact through P3.3's port, as its bookkeeper does it."""
    shelf = await bench.p33.book(BTC)
    ledger = shelf.book.ledger(shelf.book.with_fact(fact), "", 1, NOW_MS + 100)
    known = shelf.book.journal_id if expected is None else expected
    return await bench.p33.write_fact(BTC, fact, entry_of(fact, ledger), ledger, known)


async def test_a_fact_of_a_symbol_that_never_began_is_gone(bench: Bench) -> None:
    ledger = Ledger.flat()
    fact = fact_of(1, "0.01")
    assert await bench.p33.write_fact(BTC, fact, entry_of(fact, ledger), ledger, "") == (Booking.GONE, "")
    assert await bench.p33.symbols() == []


async def test_facts_are_booked_once_in_turn_and_the_ledger_is_their_fold(bench: Bench) -> None:
    await bench.p33.begin(BTC, Checkpoint.begin(NOW_MS), Ledger.flat())
    booking, first_id = await book(bench, fact_of(1, "0.02"))
    assert booking is Booking.BOOKED
    assert await book(bench, fact_of(1, "0.02")) == (Booking.KNOWN, first_id)
    assert await book(bench, fact_of(2, "-0.01"), expected="0-1") == (Booking.CONFLICT, first_id)
    booking, second_id = await book(bench, fact_of(2, "-0.01"))
    assert booking is Booking.BOOKED
    shelf = await bench.p33.book(BTC)
    assert (shelf.stored, shelf.whole, shelf.book.journal_id) == (2, True, second_id)
    assert list(shelf.book.facts) == ["1", "2"]
    assert shelf.ledger is not None
    assert (shelf.ledger.position_amt, shelf.ledger.journal_id) == (D("0.01"), second_id)
    assert shelf.ledger == (await bench.p33.position(BTC)).ledger
    assert await bench.p33.journaled(BTC, "1") == first_id
    assert await bench.p33.journaled(BTC, "3") == ""
    assert [one.trade_id for one in await bench.entries(KEYS.journal, JournalEntry)] == ["1", "2"]
    await bench.p33.begin(BTC, Checkpoint.begin(0), Ledger.flat())
    assert (await bench.p33.book(BTC)).stored == 2, "what began is left alone"
    assert await bench.p33.symbols() == [BTC]


async def test_old_facts_are_folded_away(bench: Bench) -> None:
    await bench.p33.begin(BTC, Checkpoint.begin(NOW_MS), Ledger.flat())
    for number in range(1, 26):
        await book(bench, fact_of(number, "0.01"))
    before = (await bench.p33.book(BTC)).book
    checkpoint = before.compact(10, verified_id=25)
    assert checkpoint is not None
    await bench.p33.compact(BTC, checkpoint, [one for one, fact in before.facts.items() if checkpoint.covers(fact)])
    shelf = await bench.p33.book(BTC)
    assert (shelf.stored, shelf.whole) == (10, True)
    assert shelf.book.folded.position_amt == before.folded.position_amt == D("0.25")
    assert (await book(bench, fact_of(26, "0.01")))[0] is Booking.BOOKED


async def test_a_ledger_is_mended_only_where_the_book_has_not_moved(bench: Bench) -> None:
    await bench.p33.begin(BTC, Checkpoint.begin(NOW_MS), Ledger.flat())
    old = await bench.p33.book(BTC)
    _, told = await book(bench, fact_of(1, "0.02"))
    wrong = Ledger.flat().model_copy(update={"fees": D(9)})
    assert not await bench.p33.mend_ledger(old, wrong, told, None)
    shelf = await bench.p33.book(BTC)
    assert await bench.p33.mend_ledger(shelf, wrong, told, None)
    assert (await bench.p33.position(BTC)).ledger == wrong.model_copy(update={"journal_id": told})


async def test_a_peak_is_raised_only_for_the_same_position(bench: Bench) -> None:
    await bench.p33.begin(BTC, Checkpoint.begin(NOW_MS), Ledger.flat())
    await book(bench, fact_of(1, "0.02"))
    await bench.p33.raise_peaks({BTC: Peak(opened_ms=5, price=D(99_000))})
    ledger = (await bench.p33.position(BTC)).ledger
    assert ledger is not None
    assert ledger.peak_price == D(50_000)
    await bench.p33.raise_peaks({BTC: Peak(opened_ms=NOW_MS + 1, price=D(51_000))})
    shelf = await bench.p33.book(BTC)
    assert shelf.ledger is not None
    assert shelf.ledger.peak_price == D(51_000)
    assert shelf.book.peak == Peak(opened_ms=NOW_MS + 1, price=D(51_000))


async def test_holds_are_written_lifted_and_told(bench: Bench) -> None:
    hold = Hold(
        reason="ledger_drift", exchange_position_amt=D(1), ledger_position_amt=D(0), since_ms=NOW_MS, details=""
    )  # fmt: skip
    await bench.p33.hold(BTC, hold, reconciled("held"))
    assert await bench.p33.held() == {BTC: hold}
    assert (await bench.p33.position(BTC)).hold == hold
    await bench.p33.hold(BTC, None, reconciled("released"))
    assert await bench.p33.held() == {}
    assert [one.kind for one in await bench.entries(KEYS.reconcile_events, ReconcileEvent)] == ["held", "released"]
    assert await bench.p33.released() == {BTC: NOW_MS}
    assert await bench.p33.requests() == {}


async def test_the_portfolio_stays_where_none_is_written_and_sources_are_told(bench: Bench) -> None:
    assert await bench.p33.portfolio() is None
    assert await bench.p33.sources() == set()
    await snapshots(bench, BTC="1")
    await bench.p33.write_snapshots({BTC: world.snapshot("2")}, None)
    assert await bench.p33.portfolio() == world.portfolio()
    assert (await bench.p33.position(BTC)).snapshot == world.snapshot("2")
    assert await bench.p33.sources() == {"paper"}


# --- executor --------------------------------------------------------------------------------------------------------


def record_of(plan: Plan, state: OrderState) -> OrderRecord:
    return OrderRecord(
        plan_id=plan.plan_id, symbol=plan.symbol, side=plan.side, qty=plan.qty,
        client_order_id=client_order_id(plan.plan_id), state=state, stamp_ms=NOW_MS, deadline_ms=NOW_MS + 5_000,
        sent_ms=NOW_MS, permits="[]", result="", result_id="", updated_ms=NOW_MS,
    )  # fmt: skip


async def end_plan(bench: Bench, plan: Plan, state: OrderState = OrderState.BLOCKED, *, unsent: bool = True) -> bool:
    """A plan's end through the executor's port."""
    message = await bench.deliver(KEYS.plans, GROUP_EXECUTOR, plan)
    result = world.result(plan, executed=False, gate=Gate.PLAN_EXPIRED)
    return await bench.executor.finish(plan, result, record_of(plan, state), message, unsent=unsent)


async def permitted(bench: Bench, plan: Plan) -> None:
    await ordinary(bench)
    await permit_it(bench, plan)
    await p33_permit(bench, plan, until_ms=2_000_000_000_000)


async def test_the_executor_sees_both_permits_the_state_and_the_leverage(bench: Bench) -> None:
    plan = world.plan()
    empty = await bench.executor.gather(plan)
    assert (empty.record, empty.governor, empty.p33, empty.trading_state, empty.leverage) == (None,) * 5
    await permitted(bench, plan)
    seen = await bench.executor.gather(plan)
    assert seen.governor is not None
    assert seen.p33 is not None
    assert (seen.governor.issuer, seen.p33.issuer) == (Issuer.GOVERNOR, Issuer.P33)
    assert seen.with_permit(seen.governor).governor_text == seen.governor_text
    assert seen.trading_state is TradingState.ACTIVE
    assert (seen.leverage, seen.leverage_ms) == (1, world.snapshot().ts_ms)


async def test_permits_are_used_once(bench: Bench) -> None:
    plan = world.plan()
    await permitted(bench, plan)
    seen = await bench.executor.gather(plan)
    record = record_of(plan, OrderState.SENDING)
    assert await bench.executor.claim(plan, seen, record) is Claim.CLAIMED
    assert await bench.executor.claim(plan, seen, record) is Claim.EXISTS
    after = await bench.executor.gather(plan)
    assert (after.record, after.governor, after.p33) == (record, None, None)
    other = world.plan(plan_id="plan-2")
    assert await bench.executor.claim(other, seen, record_of(other, OrderState.SENDING)) is Claim.PERMIT_GONE


async def test_a_claim_fails_where_the_trading_state_has_changed(bench: Bench) -> None:
    plan = world.plan()
    await permitted(bench, plan)
    seen = await bench.executor.gather(plan)
    reducing = world.state("REDUCING")
    await bench.watch.disarm(reducing, event_of(reducing, NOW_MS))
    assert await bench.executor.claim(plan, seen, record_of(plan, OrderState.SENDING)) is Claim.STATE_CHANGED
    assert (await bench.executor.gather(plan)).record is None


async def test_a_plan_has_one_result_and_one_that_is_being_sent_is_not_ended_as_unsent(bench: Bench) -> None:
    plan = world.plan()
    await permitted(bench, plan)
    await bench.executor.claim(plan, await bench.executor.gather(plan), record_of(plan, OrderState.SENDING))
    assert not await end_plan(bench, plan)
    assert await bench.entries(KEYS.results, Result) == []
    assert await end_plan(bench, plan, OrderState.PLACED, unsent=False)
    assert not await end_plan(bench, plan, OrderState.PLACED, unsent=False)
    assert len(await bench.entries(KEYS.results, Result)) == 1
    record = (await bench.executor.gather(plan)).record
    assert record is not None
    assert (record.state, bool(record.result), bool(record.result_id)) == (OrderState.PLACED, True, True)


async def test_the_stop_of_a_symbol_is_remembered_and_forgotten(bench: Bench) -> None:
    await snapshots(bench, BTC="0.5", ETH="0")
    assert await bench.executor.standing_stop(BTC) == ""
    await bench.executor.keep_stop(BTC, "qs-1", "49000.5", NOW_MS)
    assert await bench.executor.standing_stop(BTC) == "qs-1"
    assert await bench.p33.stops([BTC, ETH]) == {BTC: D("49000.5")}
    found = {one.symbol: one for one in await bench.executor.standings()}
    assert (found[BTC].position_amt, found[BTC].stop_id, found[BTC].trigger_price) == (D("0.5"), "qs-1", D("49000.5"))
    assert (found[ETH].position_amt, found[ETH].stop_id, found[ETH].trigger_price) == (D(0), "", None)
    assert found[BTC].mark_price == world.snapshot().mark_price
    await bench.executor.keep_stop(BTC, "", "", NOW_MS)
    assert await bench.executor.standing_stop(BTC) == ""
    assert await bench.p33.stops([BTC]) == {}
