"""Exits: closing is never harder than opening, and never more than what stands."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_common.messages import Action, Decision, Intent, OrderType, Side
from quantum_common.reasons import Gate
from services.intent_bridge.exits import closing_qty
from services.intent_bridge.view import Limits, View
from tests.unit.intent_bridge.builders import (
    NOW_MS,
    RULES,
    decided,
    intent,
    ledger,
    limits,
    plan_of,
    snapshot,
    view,
)

HOUR_MS = 3_600_000
OLD = NOW_MS - 24 * HOUR_MS
CASES: list[tuple[str, Intent, View, Limits, Gate | None]] = [
    ("a full close", intent("CLOSE_FULL"), view("0.01"), limits(), None),
    ("a close of a short", intent("CLOSE_FULL", side=Side.BUY), view("-0.01"), limits(), None),
    ("a close on flat", intent("CLOSE_FULL"), view("0"), limits(), Gate.NO_POSITION),
    ("a close of the other side", intent("CLOSE_50", side=Side.BUY), view("0.01"), limits(), Gate.NO_POSITION),
    ("a new stop on flat", intent("UPDATE_SL"), view("0"), limits(), Gate.NO_POSITION),
    ("a close that says two fractions", intent("CLOSE_50", fraction=Decimal("0.25")), view("0.01"), limits(),
     Gate.MALFORMED_INTENT),
    ("a close that says none", intent("CLOSE_50", fraction=None), view("0.01"), limits(), None),
    ("a new stop above the mark of a long", intent("UPDATE_SL", stop_loss=Decimal(50_001)), view("0.01"), limits(),
     Gate.STALE_INTENT),
    ("a new stop below the mark of a short", intent("UPDATE_SL", side=Side.BUY), view("-0.01"), limits(),
     Gate.STALE_INTENT),
    ("a new stop above the mark of a short", intent("UPDATE_SL", side=Side.BUY, stop_loss=Decimal(51_000)),
     view("-0.01"), limits(), None),
    ("a fraction for a new stop", intent("UPDATE_SL", stop_loss=Decimal("0.01")), view("0.01"), limits(),
     Gate.MALFORMED_INTENT),
    ("a new stop without a mark to hold it against", intent("UPDATE_SL"),
     view("0.01", snapshot=snapshot("0.01", mark_price=Decimal(0))), limits(), None),
    ("an exit at its age limit", intent("CLOSE_FULL", ts_ms=NOW_MS - 300_000), view("0.01"), limits(), None),
    ("an exit over its age limit", intent("CLOSE_FULL", ts_ms=NOW_MS - 300_001), view("0.01"), limits(),
     Gate.STALE_INTENT),
    ("an exit made before this position was opened", intent("CLOSE_FULL"),
     view("0.01", ledger=ledger("0.01", opened_ms=NOW_MS - 50)), limits(), Gate.STALE_INTENT),
    ("an exit of a position that was opened on a clock ahead", intent("CLOSE_FULL"),
     view("0.01", ledger=ledger("0.01", opened_ms=NOW_MS + HOUR_MS)), limits(), None),
    ("an exit seen before", intent("CLOSE_FULL"), view("0.01", first_entry_id="1-1"), limits(), Gate.DUPLICATE_INTENT),
    ("a symbol taken off the allowlist", intent("CLOSE_FULL"), view("0.01"), limits(allowlist="ETHUSDT"), None),
    ("no filters", intent("CLOSE_FULL"), view("0.01", rules=None), limits(), None),
    ("a stale snapshot", intent("CLOSE_FULL"), view("0.01", snapshot=snapshot("0.01", ts_ms=OLD)), limits(), None),
    ("no snapshot, but a ledger that knows", intent("CLOSE_FULL"), view("0.01", snapshot=None), limits(), None),
    ("no snapshot and a flat ledger", intent("CLOSE_FULL"), view("0", snapshot=None), limits(),
     Gate.NO_EXCHANGE_SNAPSHOT),
    ("no snapshot and no ledger", intent("CLOSE_FULL"), view(snapshot=None, ledger=None), limits(),
     Gate.NO_EXCHANGE_SNAPSHOT),
    ("a flat snapshot older than the ledger's fill", intent("CLOSE_FULL"),
     view("0.01", snapshot=snapshot("0"), ledger=ledger("0.01", updated_ms=NOW_MS)), limits(), None),
    ("a flat snapshot newer than the ledger", intent("CLOSE_FULL"),
     view("0.01", snapshot=snapshot("0"), ledger=ledger("0.01")), limits(), Gate.NO_POSITION),
    ("no portfolio", intent("CLOSE_FULL"), view("0.01", portfolio=None), limits(), None),
    ("a part before its time", intent("CLOSE_50"), view("0.01", ledger=ledger("0.01", opened_ms=NOW_MS - 5_000)),
     limits(min_hold_ms=5_001), Gate.MIN_HOLD),
    ("a part in its time", intent("CLOSE_50"), view("0.01", ledger=ledger("0.01", opened_ms=NOW_MS - 5_000)),
     limits(min_hold_ms=5_000), None),
    ("a full close never waits", intent("CLOSE_FULL"), view("0.01", ledger=ledger("0.01", opened_ms=NOW_MS - 5_000)),
     limits(min_hold_ms=HOUR_MS), None),
    ("a new stop never waits", intent("UPDATE_SL"), view("0.01", ledger=ledger("0.01", opened_ms=NOW_MS - 5_000)),
     limits(min_hold_ms=HOUR_MS), None),
    ("a position of unknown age does not wait", intent("CLOSE_50"), view("0.01", ledger=None),
     limits(min_hold_ms=HOUR_MS), None),
    ("a close below the smallest notional", intent("CLOSE_FULL"),
     view("0.001", snapshot=snapshot("0.001", mark_price=Decimal(100))), limits(), None),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "seen", "allowed", "gate"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_an_exit_is_refused_by_the_first_gate_that_fails(
    wish: Intent, seen: View, allowed: Limits, gate: Gate | None
) -> None:
    plan = plan_of(wish, seen, allowed)
    assert plan.gate is gate
    assert plan.decision is (Decision.EXECUTE if gate is None else Decision.BLOCKED)
    assert plan.reduce_only


@pytest.mark.parametrize(
    ("standing", "action", "expected"),
    [
        ("0.1", "CLOSE_25", "0.025"),
        ("0.1", "CLOSE_50", "0.05"),
        ("0.1", "CLOSE_75", "0.075"),
        ("0.1", "CLOSE_FULL", "0.1"),
        ("0.1", "UPDATE_SL", "0.1"),
        ("0.01", "CLOSE_25", "0.002"),  # cut to the step
        ("0.003", "CLOSE_25", "0.001"),  # too small for the step: the smallest order
        ("0.001", "CLOSE_25", "0.001"),  # the smallest order is all there is
        ("200", "CLOSE_FULL", "120"),  # the biggest order, the rest by another wish
        ("200", "CLOSE_75", "120"),
        ("0", "CLOSE_50", "0"),
    ],
)
def test_a_close_is_its_part_of_the_position_on_the_grid(standing: str, action: str, expected: str) -> None:
    assert closing_qty(Decimal(standing), Action(action), RULES) == Decimal(expected)


def test_what_would_remain_as_dust_is_closed_with_the_part() -> None:
    coarse = replace(RULES, min_qty=Decimal("0.004"))
    assert closing_qty(Decimal("0.01"), Action.CLOSE_25, coarse) == Decimal("0.004")
    assert closing_qty(Decimal("0.01"), Action.CLOSE_75, coarse) == Decimal("0.01")
    assert closing_qty(Decimal("0.006"), Action.CLOSE_25, coarse) == Decimal("0.006")


@pytest.mark.parametrize(("standing", "expected"), [("0.013", "0.006"), ("1.5", "0.7"), ("120", "60"), ("30", "10")])
def test_without_filters_the_positions_own_last_digit_is_the_step(standing: str, expected: str) -> None:
    assert closing_qty(Decimal(standing), Action.CLOSE_50, None) == Decimal(expected)


def test_a_close_is_measured_on_the_exchanges_position_and_not_on_the_ledgers() -> None:
    plan = plan_of(intent("CLOSE_50"), view("0.01", ledger=ledger("0.02")))
    assert (plan.qty, plan.leverage, plan.type) == (Decimal("0.005"), None, OrderType.MARKET)


def test_a_new_stop_is_a_stop_order_on_the_grid_that_guards_the_whole_position() -> None:
    plan = plan_of(intent("UPDATE_SL", stop_loss=Decimal("49500.04")), view("0.01"))
    assert (plan.type, plan.stop_loss, plan.qty) == (OrderType.STOP_MARKET, Decimal("49500.0"), Decimal("0.01"))


def test_a_stop_smaller_than_a_tick_is_left_as_it_is() -> None:
    cheap = view("0.01", snapshot=snapshot("0.01", mark_price=Decimal("0.05")))
    plan = plan_of(intent("UPDATE_SL", stop_loss=Decimal("0.04")), cheap)
    assert plan.stop_loss == Decimal("0.04")


def test_a_symbol_off_the_allowlist_is_said_to_be_close_only() -> None:
    assert "close-only" in plan_of(intent("CLOSE_FULL"), view("0.01"), limits(allowlist="ETHUSDT")).gates
    assert "close-only" not in plan_of(intent("CLOSE_FULL"), view("0.01")).gates


def test_an_exit_reserves_and_releases_nothing() -> None:
    result = decided(intent("CLOSE_FULL"), view("0.01"))
    assert (result.reservation, result.released) == (None, ())


AMOUNT = st.integers(1, 500_000).map(lambda steps: steps * Decimal("0.001"))
CLOSES = st.sampled_from(["CLOSE_25", "CLOSE_50", "CLOSE_75", "CLOSE_FULL"])


@given(amount=AMOUNT, action=CLOSES, known=st.booleans())
def test_a_close_never_exceeds_the_position_and_always_closes_something(
    amount: Decimal, action: str, known: bool
) -> None:
    qty = closing_qty(amount, Action(action), RULES if known else None)
    assert 0 < qty <= amount
    assert qty % Decimal("0.001") == 0
    assert qty <= 120 or not known


@given(
    amount=AMOUNT, action=CLOSES, allowed=st.booleans(), tradable=st.booleans(), blind=st.booleans(),
    snapshot_age_ms=st.integers(0, 10_000_000), age_ms=st.integers(0, 300_000),
)  # fmt: skip
def test_no_want_of_data_or_budget_ever_refuses_to_close_a_known_position(
    amount: Decimal, action: str, allowed: bool, tradable: bool, blind: bool, snapshot_age_ms: int, age_ms: int
) -> None:
    seen = view(
        str(amount), snapshot=snapshot(str(amount), ts_ms=NOW_MS - snapshot_age_ms),
        rules=RULES if tradable else None, portfolio=None if blind else view().portfolio,
    )  # fmt: skip
    tight = limits(allowlist="BTCUSDT" if allowed else "ETHUSDT", gross_exposure_usdt_max=1, positions_max=1)
    plan = plan_of(intent(action, ts_ms=NOW_MS - age_ms), seen, tight)
    assert plan.decision is Decision.EXECUTE
    assert plan.reduce_only
    assert plan.qty <= amount
