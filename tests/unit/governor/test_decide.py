"""The governor's decision: every gate at its limit, and that exits pass."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_common.messages import EvalType, Issuer, Plan
from quantum_common.reasons import Gate
from quantum_common.state import TradingState
from services.governor.decide import decide
from services.governor.view import Limits, View
from tests.unit.governor.builders import (
    FLIPPED,
    NOW_MS,
    ledger,
    limits,
    market,
    plan,
    portfolio,
    snapshot,
    spent,
    state,
    view,
)

SPIKE = FLIPPED | {"sigma": Decimal("0.03")}  # K = sigmoid(1 + 1 + 0.15) = 0.8957
NERVOUS = FLIPPED | {"sigma": Decimal("0.016")}  # K = sigmoid(1 + 0.3 + 0.15) = 0.8100
CASES: list[tuple[str, Plan, View, Limits, Gate | None]] = [
    ("an ordinary entry", plan(), view(), limits(), None),
    ("an entry in its last millisecond", plan(expires_ms=NOW_MS + 1), view(), limits(), None),
    ("an expired entry", plan(expires_ms=NOW_MS), view(), limits(), Gate.PLAN_EXPIRED),
    ("an expired exit", plan("CLOSE_FULL", expires_ms=NOW_MS), view("0.01"), limits(), Gate.PLAN_EXPIRED),
    ("an entry while halted", plan(), view(state=state("HALTED")), limits(), Gate.TRADING_HALTED),
    ("an exit while halted", plan("CLOSE_FULL"), view(state=state("HALTED")), limits(), Gate.TRADING_HALTED),
    ("an entry while reducing", plan(), view(state=state("REDUCING")), limits(), Gate.TRADING_REDUCING),
    ("an exit while reducing", plan("CLOSE_FULL"), view(state=state("REDUCING")), limits(), None),
    ("an entry without a trading state", plan(), view(state=None), limits(), Gate.TRADING_REDUCING),
    ("an exit without a trading state", plan("CLOSE_FULL"), view(state=None), limits(), None),
    ("a portfolio at its age limit", plan(), view(portfolio=portfolio(ts_ms=NOW_MS - 15_000)), limits(), None),
    ("a stale portfolio", plan(), view(portfolio=portfolio(ts_ms=NOW_MS - 15_001)), limits(),
     Gate.PORTFOLIO_STATE_STALE),
    ("no portfolio", plan(), view(portfolio=None), limits(), Gate.PORTFOLIO_STATE_STALE),
    ("a drawdown at its limit", plan(), view(portfolio=portfolio(drawdown_pct=Decimal("0.15"))), limits(), None),
    ("a drawdown over its limit", plan(), view(portfolio=portfolio(drawdown_pct=Decimal("0.1501"))), limits(),
     Gate.DRAWDOWN_LIMIT),
    ("a score over the cutoff", plan(), view(market=market(**NERVOUS)), limits(z_cutoff_entry="1.272"),
     Gate.KILL_SCORE_WARNING_RISK_INCREASE),
    ("a score under the cutoff", plan(), view(market=market(**NERVOUS)), limits(z_cutoff_entry="1.273"), None),
    ("a cutoff without a value", plan(), view(), limits(z_cutoff_entry="1 / portfolio_heat"), Gate.CUTOFF_UNDEFINED),
    ("an exit under a cutoff without a value", plan("CLOSE_50"), view("0.01"),
     limits(z_cutoff_exit="1 / portfolio_heat"), None),
    ("an open cutoff", plan(), view(market=market(**NERVOUS)), limits(z_cutoff_entry="open"), None),
    ("a score over the critical", plan(), view(market=market(**SPIKE)), limits(), Gate.KILL_SCORE_CRITICAL),
    ("a flipped regime alone", plan(), view(market=market(**FLIPPED)), limits(), None),
    ("no market state", plan(), view(market=None), limits(), Gate.KILL_SCORE_WARNING_RISK_INCREASE),
    ("an old market state", plan(), view(market=market(ts_ms=NOW_MS - 7_200_001)), limits(),
     Gate.KILL_SCORE_WARNING_RISK_INCREASE),
    ("no market state where none is required", plan(), view(market=None), limits(require_kill_inputs=False), None),
    ("a position of unknown age", plan(), view("0.01", ledger=None), limits(),
     Gate.KILL_SCORE_WARNING_RISK_INCREASE),
    ("a critical score of which a part is missing", plan(), view("0.01", ledger=None, market=market(**SPIKE)),
     limits(require_kill_inputs=False), Gate.KILL_SCORE_CRITICAL),
    ("the last entry of the symbol's burst", plan(), view(spent=spent(symbol_5min=4)), limits(), None),
    ("one entry too many in the symbol's burst", plan(), view(spent=spent(symbol_5min=5)), limits(),
     Gate.RATE_LIMIT_BURST),
    ("one entry too many in the burst", plan(), view(spent=spent(all_5min=40)), limits(), Gate.RATE_LIMIT_BURST),
    ("one entry too many in the symbol's hour", plan(), view(spent=spent(symbol_hour=30)), limits(),
     Gate.RATE_LIMIT_HOUR),
    ("one entry too many in the hour", plan(), view(spent=spent(all_hour=200)), limits(), Gate.RATE_LIMIT_HOUR),
    ("a day's notional at its cap", plan(), view(spent=spent(day_usdt=Decimal(99_500))), limits(), None),
    ("a day's notional over its cap", plan(), view(spent=spent(day_usdt=Decimal("99980.01"))), limits(),
     Gate.DAILY_NOTIONAL_CAP),
    ("a notional of no known price", plan(price=None), view(snapshot=None, ledger=ledger()), limits(),
     Gate.POSITION_CAP),
]  # fmt: skip


@pytest.mark.parametrize(("one", "seen", "allowed", "gate"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_a_plan_is_refused_by_the_first_gate_that_fails(
    one: Plan, seen: View, allowed: Limits, gate: Gate | None
) -> None:
    permit = decide(one, seen, allowed, NOW_MS)
    assert permit.reason is gate
    assert permit.allow is (gate is None)
    assert permit.safe_qty == (one.qty if gate is None else 0)


def test_a_permit_says_all_that_was_measured() -> None:
    seen = view(
        "0.02", market=market(**NERVOUS), ledger=ledger("0.019", opened_ms=NOW_MS - 3_600_000),
        snapshot=snapshot("0.02", ts_ms=NOW_MS - 700),
    )  # fmt: skip
    permit = decide(plan("CLOSE_FULL"), seen, limits(), NOW_MS)
    assert (permit.issuer, permit.plan_id, permit.ts_ms) == (Issuer.GOVERNOR, "plan-1", NOW_MS)
    assert (permit.k_regime_flip, permit.k_sigma_spike, permit.k_ts_drop, permit.k_age_penalty) == (
        Decimal(1), Decimal("0.6"), Decimal("0.3"), Decimal("0.041667"),
    )  # fmt: skip
    assert permit.kill_score == Decimal("0.811915")
    assert (permit.kill_z, permit.z_cutoff) == (Decimal("1.290122"), None)
    assert (permit.exchange_position_amt, permit.ledger_position_amt, permit.snapshot_age_ms) == (
        Decimal("0.02"), Decimal("0.019"), 700,
    )  # fmt: skip


def test_a_part_of_the_score_that_is_missing_is_said_and_not_made_up() -> None:
    permit = decide(plan("CLOSE_FULL"), view("0.02", market=None), limits(), NOW_MS)
    assert permit.kill_score is None
    assert permit.k_sigma_spike is None
    assert orjson.loads(permit.details)["kill_inputs_missing"] == [
        "k_regime_flip", "k_sigma_spike", "k_ts_drop", "k_age_penalty",
    ]  # fmt: skip


def test_every_gate_is_named_in_order_for_entries_and_exits() -> None:
    expected = [
        "plan_expired", "trading_halted", "kill_score_exit_blocked", "trading_reducing", "portfolio_state_stale",
        "drawdown_limit", "kill_score_critical", "cutoff_undefined", "kill_score_warning_risk_increase",
        "rate_limit_burst", "rate_limit_hour", "position_cap", "daily_notional_cap", "exposure_cap",
        "symbol_exposure_cap", "heat_limit", "correlated_exposure_cap",
    ]  # fmt: skip
    for one in (plan(), plan("CLOSE_50")):
        rows = orjson.loads(decide(one, view("0.01"), limits(), NOW_MS).details)["gates"]
        assert [row["gate"] for row in rows] == expected


ACTIONS = st.sampled_from(["CLOSE_25", "CLOSE_50", "CLOSE_75", "CLOSE_FULL", "UPDATE_SL"])
UNIT = st.decimals(min_value=0, max_value=1, places=3)
VIEWS: Any = st.builds(
    view,
    state=st.sampled_from([None, state("ACTIVE"), state("REDUCING")]),
    portfolio=st.one_of(st.none(), UNIT.map(lambda drawdown: portfolio(drawdown_pct=drawdown, ts_ms=1))),
    market=st.one_of(
        st.none(),
        st.builds(market, sigma=UNIT, sigma_ref=UNIT, ts=UNIT, p_trend=UNIT, p_mr=UNIT, p_chop=UNIT),
    ),
    ledger=st.one_of(st.none(), st.integers(1, NOW_MS).map(lambda opened: ledger("1", opened_ms=opened))),
    snapshot=st.one_of(st.none(), st.just(snapshot("1"))),
    spent=st.builds(spent, symbol_5min=st.integers(0, 99), all_hour=st.integers(0, 999)),
)


@given(seen=VIEWS, action=ACTIONS)
def test_an_exit_passes_on_any_score_and_any_budget(seen: View, action: str) -> None:
    permit = decide(plan(action), seen, limits(), NOW_MS)
    assert permit.allow
    assert permit.safe_qty == Decimal("0.01")


FORMULAS = st.sampled_from(["-99", "-9 / portfolio_heat", "log(drawdown_pct)", "volatility_regime - 5", "open"])


@given(seen=VIEWS, action=st.sampled_from(["CLOSE_FULL", "UPDATE_SL"]), text=FORMULAS)
def test_what_closes_or_guards_a_position_passes_under_any_exit_cutoff(seen: View, action: str, text: str) -> None:
    assert decide(plan(action), seen, limits(z_cutoff_exit=text), NOW_MS).allow


@given(seen=VIEWS, action=st.sampled_from(["CLOSE_25", "CLOSE_50", "CLOSE_75"]), text=FORMULAS)
def test_what_a_person_asks_for_is_never_held_against_a_score(seen: View, action: str, text: str) -> None:
    assert decide(plan(action, source="operator"), seen, limits(z_cutoff_exit=text), NOW_MS).allow


@given(seen=VIEWS, qty=st.integers(1, 10_000_000))
def test_an_entry_never_passes_beyond_a_limit(seen: View, qty: int) -> None:
    bounds = limits()
    one = plan(qty=qty * Decimal("0.001"))
    permit = decide(one, seen, bounds, NOW_MS)
    assert permit.eval_type is EvalType.ENTRY
    if permit.allow:
        assert seen.state is not None
        assert seen.state.trading_state is TradingState.ACTIVE
        assert seen.portfolio is not None
        assert permit.kill_score is not None
        assert permit.kill_z is not None
        assert permit.z_cutoff is not None
        assert permit.kill_z <= permit.z_cutoff
        assert permit.safe_qty is not None
        assert 0 < permit.safe_qty <= one.qty
        assert permit.safe_qty * Decimal(50_000) <= bounds.symbol_exposure_usdt_max
