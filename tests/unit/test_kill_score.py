"""The kill score: its known value, its components by tables, its bounds by properties."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_common import kill_score
from quantum_common.kill_score import AGE_FULL_MS, KillComponents, components
from quantum_common.state import Ledger, MarketState, PositionSide, Snapshot

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


def market(**changes: Any) -> MarketState:
    values: dict[str, Any] = {
        "sigma": "0.01", "sigma_ref": "0.01", "ts": "0.3", "p_trend": "0.6", "p_mr": "0.2", "p_chop": "0.2",
        "volatility_regime": "0.5", "atr": "10", "price": "1000", "bar_close_ms": str(NOW_MS - 1), "ts_ms": str(NOW_MS),
    }  # fmt: skip
    return MarketState.model_validate(values | changes)


def ledger(position_amt: str = "0", opened_ms: int | None = None) -> Ledger:
    amount = Decimal(position_amt)
    changes = {"position_amt": amount, "side": PositionSide.of(amount), "opened_ms": opened_ms}
    return Ledger.flat().model_copy(update=changes)


def snapshot(position_amt: str = "0") -> Snapshot:
    amount = Decimal(position_amt)
    return Snapshot(
        position_amt=amount, side=PositionSide.of(amount), entry_price=Decimal(0), mark_price=Decimal(1000),
        unrealized_pnl=Decimal(0), leverage=1, liquidation_price=Decimal(0), ts_epoch=NOW_MS // 1000, ts_iso="",
        ts_ms=NOW_MS, source="paper",
    )  # fmt: skip


def test_the_published_value_comes_out_to_the_digit() -> None:
    assert round(kill_score.kill_score(1.0, 0, 0.2398, 0.0417), 4) == 0.7563


def test_a_calm_market_without_position_scores_one_half() -> None:
    assert components(market(), None, snapshot(), NOW_MS).score == 0.5


def test_the_worst_market_with_an_old_position_scores_the_maximum() -> None:
    worst = components(
        market(sigma="1", ts="0", p_trend="0", p_mr="0.5", p_chop="0.5"),
        ledger("1", opened_ms=1), snapshot("1"), NOW_MS,
    )  # fmt: skip
    assert worst == KillComponents(1.0, 2.0, 0.3, 1.0)
    assert worst.score == kill_score.sigmoid(1.0 + 1.0 + 0.15 + 0.3)


@pytest.mark.parametrize(
    ("p_trend", "p_mr", "p_chop", "expected"),
    [
        (0.29, 0.4, 0.31, 1.0),
        (0.3, 0.4, 0.3, 0.0),  # the trend's bound is strict
        (0.2, 0.25, 0.25, 0.0),  # so is the other side's
        (0.2, 0.25, 0.26, 1.0),
        (0.9, 0.9, 0.9, 0.0),
    ],
)
def test_a_regime_flips_below_its_trend_and_above_its_opposite(
    p_trend: float, p_mr: float, p_chop: float, expected: float
) -> None:
    assert kill_score.regime_flip(p_trend, p_mr, p_chop) == expected


@pytest.mark.parametrize(("sigma", "expected"), [(0.5, 0.0), (1.0, 0.0), (1.5, 0.5), (3.0, 2.0), (9.0, 2.0)])
def test_volatility_counts_where_it_exceeds_its_reference(sigma: float, expected: float) -> None:
    assert kill_score.sigma_spike(sigma, 1.0) == expected


@pytest.mark.parametrize(("ts", "expected"), [(0.4, 0.0), (0.3, 0.0), (0.1, 0.2), (0.0, 0.3), (-1.0, 0.5)])
def test_trend_strength_counts_where_it_fell_below_its_reference(ts: float, expected: float) -> None:
    assert kill_score.ts_drop(ts) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("age_ms", "expected"), [(-5, 0.0), (0, 0.0), (HOUR_MS, 1 / 24), (AGE_FULL_MS, 1.0), (AGE_FULL_MS * 3, 1.0)]
)
def test_age_counts_up_to_a_day(age_ms: int, expected: float) -> None:
    assert kill_score.age_penalty(age_ms) == pytest.approx(expected)


def test_the_age_of_a_position_comes_from_the_ledger() -> None:
    seen = components(market(), ledger("1", NOW_MS - HOUR_MS), snapshot("1"), NOW_MS)
    assert seen.age_penalty == pytest.approx(1 / 24)


def test_the_exchange_decides_whether_there_is_a_position_that_has_an_age() -> None:
    assert components(market(), ledger("1", NOW_MS - HOUR_MS), snapshot("0"), NOW_MS).age_penalty == 0.0
    assert components(market(), None, snapshot("0"), NOW_MS).age_penalty == 0.0


def test_without_a_snapshot_the_ledger_says_whether_there_is_a_position() -> None:
    assert components(market(), ledger(), None, NOW_MS).age_penalty == 0.0
    assert components(market(), ledger("1", NOW_MS - HOUR_MS), None, NOW_MS).age_penalty == pytest.approx(1 / 24)


@pytest.mark.parametrize(
    ("seen", "missing"),
    [
        (components(None, None, None, NOW_MS), ("k_regime_flip", "k_sigma_spike", "k_ts_drop", "k_age_penalty")),
        (components(None, None, snapshot(), NOW_MS), ("k_regime_flip", "k_sigma_spike", "k_ts_drop")),
        (components(market(sigma_ref="0"), None, snapshot(), NOW_MS), ("k_sigma_spike",)),
        (components(market(), None, snapshot("1"), NOW_MS), ("k_age_penalty",)),
        (components(market(), ledger("1", None), snapshot("1"), NOW_MS), ("k_age_penalty",)),
    ],
)
def test_a_missing_input_is_named_and_leaves_no_score(seen: KillComponents, missing: tuple[str, ...]) -> None:
    assert seen.missing == missing
    assert seen.score is None


def test_a_permit_shows_six_digits_and_nothing_for_the_unknown() -> None:
    assert kill_score.as_decimal(0.75634567) == Decimal("0.756346")
    assert kill_score.as_decimal(None) is None


_PARTS = (
    st.sampled_from([0.0, 1.0]), st.floats(0, 2), st.floats(0, 0.5), st.floats(0, 1),
)  # fmt: skip


@given(*_PARTS)
def test_the_score_stays_within_its_bounds(flip: float, spike: float, drop: float, age: float) -> None:
    assert 0.5 <= kill_score.kill_score(flip, spike, drop, age) <= 0.9276


@given(*_PARTS, st.lists(st.booleans(), min_size=4, max_size=4))
def test_what_is_known_bounds_the_score_from_below(
    flip: float, spike: float, drop: float, age: float, known: list[bool]
) -> None:
    values = [value if kept else None for value, kept in zip((flip, spike, drop, age), known, strict=True)]
    assert KillComponents(*values).lower_bound <= kill_score.kill_score(flip, spike, drop, age)


@given(*_PARTS, st.floats(0, 1))
def test_no_component_lowers_the_score(flip: float, spike: float, drop: float, age: float, more: float) -> None:
    base = kill_score.kill_score(flip, spike, drop, age)
    assert kill_score.kill_score(flip, min(spike + more, 2), drop, age) >= base
    assert kill_score.kill_score(flip, spike, min(drop + more, 0.5), age) >= base
    assert kill_score.kill_score(flip, spike, drop, min(age + more, 1)) >= base
