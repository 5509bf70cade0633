"""The executor's decisions as tables: what waits, what ends, what may be sent, and what a result says."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest

from quantum_common.exchange.outcome import OrderView
from quantum_common.messages import Decision, Issuer, Plan, Side
from quantum_common.reasons import Gate
from quantum_common.state import OrderState, TradingState
from services.intent_executor.decide import (
    PermittedPlan,
    Refuse,
    Seen,
    Wait,
    decide,
    first_record,
    order_request,
    placed,
    position_before,
    refused,
    stop_moved,
    stop_request,
)
from tests.unit.intent_executor.scripted import NOW_MS, SYMBOL, permit, plan

D = Decimal


def seen(of: Plan, **changes: Any) -> Seen:
    governor, p33 = permit(of, Issuer.GOVERNOR), permit(of, Issuer.P33)
    values: dict[str, Any] = {
        "record": None, "governor": governor, "p33": p33, "governor_text": governor.to_json(),
        "p33_text": p33.to_json(), "trading_state": TradingState.ACTIVE, "leverage": None,
    }  # fmt: skip
    return Seen(**(values | changes))


def gate_of(of: Plan, now_ms: int = NOW_MS, allowed: tuple[str, ...] = (SYMBOL,), **changes: Any) -> object:
    verdict = decide(of, seen(of, **changes), allowed, now_ms)
    return verdict.gate if isinstance(verdict, Refuse) else verdict


@pytest.mark.parametrize("action", ["OPEN", "CLOSE_25", "CLOSE_FULL", "UPDATE_SL"])
def test_a_plan_with_two_permits_may_be_sent(action: str) -> None:
    of = plan(action)
    verdict = decide(of, seen(of), (SYMBOL,), NOW_MS)
    assert isinstance(verdict, PermittedPlan)
    assert verdict.qty == of.qty


@pytest.mark.parametrize("state", [*TradingState, None])
@pytest.mark.parametrize("action", ["OPEN", "CLOSE_FULL"])
def test_the_trading_state_decides_what_may_go(action: str, state: TradingState | None) -> None:
    gate = gate_of(plan(action), trading_state=state)
    if state is TradingState.HALTED:
        assert gate is Gate.TRADING_HALTED
    elif action == "OPEN" and state is not TradingState.ACTIVE:
        assert gate is Gate.TRADING_REDUCING
    else:
        assert isinstance(gate, PermittedPlan)


def test_a_plan_is_over_at_its_expiry_and_not_before() -> None:
    of = plan()
    assert gate_of(of, of.expires_ms) is Gate.PLAN_EXPIRED
    assert isinstance(gate_of(of, of.expires_ms - 1), PermittedPlan)


def test_a_symbol_off_the_allowlist_is_close_only() -> None:
    assert gate_of(plan(), allowed=()) is Gate.EXECUTOR_SYMBOL_NOT_IN_ALLOWLIST
    assert isinstance(gate_of(plan("CLOSE_FULL"), allowed=()), PermittedPlan)


@pytest.mark.parametrize(
    ("missing", "named"),
    [(("governor",), "governor"), (("p33",), "p33"), (("governor", "p33"), "governor and p33")],
)
def test_a_plan_waits_for_the_permits_that_are_missing(missing: tuple[str, ...], named: str) -> None:
    assert gate_of(plan(), **cast("Any", dict.fromkeys(missing))) == Wait(named)


@pytest.mark.parametrize("issuer", Issuer)
def test_one_refusal_ends_a_plan_without_waiting_for_the_other(issuer: Issuer) -> None:
    of = plan()
    no = permit(of, issuer, allow=False, reason=Gate.DRAWDOWN_LIMIT)
    other = Issuer.P33 if issuer is Issuer.GOVERNOR else Issuer.GOVERNOR
    assert gate_of(of, **cast("Any", {issuer.value: no, other.value: None})) is Gate.DRAWDOWN_LIMIT


def test_what_fails_first_is_what_is_said() -> None:
    of = plan()
    no = permit(of, Issuer.P33, allow=False, reason=Gate.SYMBOL_ON_HOLD)
    wrong: dict[str, Any] = {"trading_state": TradingState.HALTED, "p33": no}
    assert gate_of(of, of.expires_ms, (), **wrong) is Gate.PLAN_EXPIRED
    assert gate_of(of, NOW_MS, (), **wrong) is Gate.EXECUTOR_SYMBOL_NOT_IN_ALLOWLIST
    assert gate_of(of, **wrong) is Gate.TRADING_HALTED
    assert gate_of(of, p33=no) is Gate.SYMBOL_ON_HOLD


@pytest.mark.parametrize(
    ("planned", "governor", "p33", "sent"),
    [("0.5", None, "0.5", "0.5"), ("0.5", "0.2", "0.5", "0.2"), ("0.5", None, "0.3", "0.3"), ("0.1", "1", "1", "0.1")],
)
def test_never_more_than_the_smallest_of_plan_and_permits(
    planned: str, governor: str | None, p33: str, sent: str
) -> None:
    of = plan("CLOSE_FULL", qty=D(planned))
    verdict = decide(
        of,
        seen(of, governor=permit(of, Issuer.GOVERNOR, safe_qty=D(governor) if governor else None),
             p33=permit(of, safe_qty=D(p33))),
        (), NOW_MS,
    )  # fmt: skip
    assert isinstance(verdict, PermittedPlan)
    assert verdict.qty == D(sent)


def test_an_exit_of_nothing_is_not_sent() -> None:
    of = plan("CLOSE_FULL")
    assert gate_of(of, p33=permit(of, safe_qty=D(0))) is Gate.NO_POSITION


def test_the_order_is_the_plan_under_the_journal_s_stamp() -> None:
    of = plan("CLOSE_50")
    request = order_request(PermittedPlan(of, D("0.25"), D("0.5")), 123, 5000)
    assert (request.symbol, request.side, request.qty, request.reduce_only) == (SYMBOL, Side.SELL, D("0.25"), True)
    assert (request.client_order_id, request.stamp_ms, request.recv_window_ms) == ("qo-" + of.plan_id, 123, 5000)


@pytest.mark.parametrize(("action", "side"), [("OPEN", Side.SELL), ("UPDATE_SL", Side.SELL), ("CLOSE_FULL", None)])
def test_a_stop_is_on_the_closing_side(action: str, side: Side | None) -> None:
    request = stop_request(plan(action, stop_loss=D(49_000)))
    assert (request.side if request else None) is side
    assert request is None or (request.client_id, request.trigger_price) == ("qs-" + plan().plan_id, D(49_000))


def test_an_entry_without_a_stop_brings_none() -> None:
    assert stop_request(plan(stop_loss=None)) is None


def test_the_first_record_holds_all_that_a_successor_needs() -> None:
    of = plan("CLOSE_FULL")
    permitted = PermittedPlan(of, D("0.5"), D("0.5"))
    record = first_record(permitted, seen(of), 1000, 5000, 999)
    assert (record.state, record.stamp_ms, record.deadline_ms, record.sent_ms) == (OrderState.SENDING, 1000, 6000, 999)
    assert position_before(record) == D("0.5")
    unknown = seen(of, p33_text=permit(of, exchange_position_amt=None).to_json())
    assert position_before(first_record(permitted, unknown, 1000, 5000, 999)) is None


def order(status: str = "FILLED", filled: str = "0.5", **changes: Any) -> OrderView:
    whole = OrderView(SYMBOL, Side.BUY, 7, "qo-x", status, D("0.5"), D(filled), D(50_000), D(25_000), NOW_MS)
    return replace(whole, **changes)


def test_a_result_books_only_what_the_exchange_executed() -> None:
    permitted = PermittedPlan(plan(), D("0.5"), D(0))
    result = placed(permitted, order("EXPIRED", "0.2"), NOW_MS, NOW_MS + 1)
    assert (result.executed, result.gate, result.qty, result.filled_qty) == (True, None, D("0.5"), D("0.2"))
    assert (result.avg_price, result.cum_quote, result.position_after) == (D(50_000), D(25_000), D("0.2"))
    assert placed(PermittedPlan(plan(), D("0.5"), None), order(), NOW_MS, NOW_MS + 1).position_after is None


@pytest.mark.parametrize(("status", "gate"), [("EXPIRED", Gate.EXCHANGE_REJECTED), ("NEW", Gate.EXCHANGE_UNAVAILABLE)])
def test_an_order_without_a_fill_did_not_execute_and_one_that_works_is_not_called_refused(
    status: str, gate: Gate
) -> None:
    result = placed(PermittedPlan(plan(), D("0.5"), D(0)), order(status, "0"), NOW_MS, NOW_MS + 1)
    assert (result.executed, result.gate, result.error) == (False, gate, f"the order is {status} without a fill")


def test_a_refused_result_says_whether_something_was_sent() -> None:
    unsent = refused(plan(), Gate.LOW_CONFIDENCE, NOW_MS)
    assert (unsent.decision, unsent.client_order_id, unsent.sent_ms) == (Decision.BLOCKED, "", None)
    sent = refused(plan(), Gate.EXCHANGE_REJECTED, NOW_MS, error="-2019", sent_ms=4)
    assert (sent.decision, sent.client_order_id, sent.sent_ms) == (Decision.EXECUTE, "qo-" + plan().plan_id, 4)


def test_a_moved_stop_is_a_result_of_its_own() -> None:
    of = plan("UPDATE_SL")
    request = stop_request(of)
    assert request is not None
    result = stop_moved(PermittedPlan(of, D(0), D("0.5")), request, NOW_MS, NOW_MS + 1)
    assert (result.executed, result.order_status, result.position_after) == (True, "STOP_PLACED", D("0.5"))
    assert (result.client_order_id, result.details) == (request.client_id, "stop at 49000")
