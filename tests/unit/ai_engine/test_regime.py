import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ai_engine.regime import Label, Regime, next_label, regime, variance_ratio_z

finite = st.floats(-1e9, 1e9)


@given(finite, finite)
def test_the_probabilities_sum_to_one(z: float, momentum: float) -> None:
    now = regime(max(-8.0, min(8.0, z)), momentum)
    assert sum(now) == pytest.approx(1.0)
    assert all(0.0 <= share <= 1.0 for share in now)


def test_long_moves_and_a_high_variance_ratio_speak_for_a_trend() -> None:
    assert regime(3.0, 2.0).p_trend > 0.8
    assert regime(-3.0, 0.0).p_mr > 0.6
    assert regime(0.0, 0.8).p_chop == max(regime(0.0, 0.8))


def test_a_market_without_variance_has_no_excess() -> None:
    assert variance_ratio_z(0.0, 0.0) == 0.0


def test_the_label_changes_only_with_a_clear_lead() -> None:
    close_race = Regime(0.40, 0.25, 0.35)
    assert next_label(None, close_race) is Label.TREND
    assert next_label(Label.CHOP, close_race) is Label.CHOP
    assert next_label(Label.CHOP, Regime(0.50, 0.20, 0.30)) is Label.TREND
    assert next_label(Label.TREND, Regime(0.20, 0.60, 0.20)) is Label.MEAN_REVERSION
    assert next_label(Label.TREND, Regime(0.20, 0.20, 0.60)) is Label.CHOP
