"""Drifts: fetch first, then watch, hold, adopt, heal; always in a bounded number of steps."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.position_state_brain.reconcile import Drift, Judgement, Step, judge
from tests.unit.position_state_brain.scripted import NOW_MS, D

ADOPT_AFTER = 3


def judged(
    exchange: str, ledger: str, known: Drift | None = None, *, held: bool = False, quiet: bool = True,
    adopt_after: int = ADOPT_AFTER,
) -> Judgement:  # fmt: skip
    return judge(D(exchange), D(ledger), known, held=held, quiet=quiet, adopt_after=adopt_after, now_ms=NOW_MS)


def drift(exchange: str = "2", ledger: str = "1", seen: int = 1) -> Drift:
    return Drift(D(exchange), D(ledger), NOW_MS, seen)


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize(("held", "step"), [(False, Step.NOTHING), (True, Step.HEAL)])
def test_where_both_agree_a_hold_is_lifted_at_once(quiet: bool, held: bool, step: Step) -> None:
    assert judged("2", "2", drift(), held=held, quiet=quiet) == Judgement(step, None)


def test_a_symbol_that_is_not_quiet_is_left_alone() -> None:
    assert judged("2", "1", quiet=False) == Judgement(Step.NOTHING, None)
    assert judged("2", "1", drift(seen=3), quiet=False) == Judgement(Step.NOTHING, drift(seen=3))


def test_the_exchange_s_trades_are_fetched_before_anything_else() -> None:
    assert judged("2", "1") == Judgement(Step.FETCH_TRADES, drift())


@pytest.mark.parametrize("known", [drift("3", "1", 3), drift("2", "0", 3)])
def test_a_drift_that_changes_is_watched_anew(known: Drift) -> None:
    assert judged("2", "1", known) == Judgement(Step.FETCH_TRADES, drift())


def test_a_confirmed_drift_holds_the_symbol_once() -> None:
    assert judged("2", "1", drift()) == Judgement(Step.HOLD, drift(seen=2))
    assert judged("2", "1", drift(seen=2), held=True) == Judgement(Step.NOTHING, drift(seen=3))


def test_a_drift_that_stays_is_adopted() -> None:
    assert judged("2", "1", drift(seen=3), held=True) == Judgement(Step.ADOPT, None)


@given(st.decimals(-5, 5, places=1), st.decimals(-5, 5, places=1), st.integers(1, 6))
def test_any_steady_difference_converges_in_a_bounded_number_of_snapshots(
    exchange: Decimal, ledger: Decimal, adopt_after: int
) -> None:
    """Fetched, held while it lasts, adopted, healed: no later than after `adopt_after` + 2 snapshots."""
    known: Drift | None = None
    held, steps = False, []
    for _ in range(adopt_after + 2):
        judgement = judge(exchange, ledger, known, held=held, quiet=True, adopt_after=adopt_after, now_ms=NOW_MS)
        known = judgement.drift
        steps.append(judgement.step)
        held = (held or judgement.step is Step.HOLD) and judgement.step is not Step.HEAL
        if judgement.step is Step.ADOPT:
            ledger = exchange
    assert (exchange, held, known) == (ledger, False, None)
    assert steps.count(Step.ADOPT) <= 1
    assert steps.count(Step.FETCH_TRADES) <= 1
