"""What a kill score is held against."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.governor.normalisation import (
    ALPHA,
    UNSEEN,
    Moments,
    Statistics,
    Yardstick,
    alpha_of,
    effective,
    kill_z,
    observed,
)

YARDSTICK = Yardstick(alpha=0.1, warm_up=20, prior_mean=0.67, prior_std=0.11, std_min=0.0)
SCORES = st.lists(st.floats(0.5, 0.93), min_size=1, max_size=60)


def after(scores: list[float], alpha: float = 0.1) -> Moments:
    moments = UNSEEN
    for score in scores:
        moments = observed(moments, score, alpha)
    return moments


def test_the_first_observations_count_the_same() -> None:
    scores = [0.5, 0.6, 0.7, 0.9]
    assert after(scores).mean == pytest.approx(statistics.fmean(scores))
    assert after(scores).std == pytest.approx(statistics.pstdev(scores))


def test_from_the_tenth_on_the_newest_weighs_alpha() -> None:
    before = Moments(0.6, 0.01, 9)
    then = observed(before, 0.8, 0.1)
    assert then.mean == pytest.approx(0.6 + 0.1 * 0.2)
    assert then.var == pytest.approx(0.9 * (0.01 + 0.1 * 0.04))
    assert then.n == 10


@pytest.mark.parametrize(("half_life", "alpha"), [(None, ALPHA), (1.0, 0.5), (6.578813478960585, 0.1)])
def test_alpha_is_a_half_life(half_life: float | None, alpha: float) -> None:
    assert alpha_of(half_life) == pytest.approx(alpha)


@given(SCORES)
def test_the_mean_stays_within_what_was_seen_and_the_variance_is_none_below_zero(scores: list[float]) -> None:
    moments = after(scores)
    assert min(scores) - 1e-12 <= moments.mean <= max(scores) + 1e-12
    assert 0 <= moments.var <= (max(scores) - min(scores)) ** 2 / 4 + 1e-12
    assert moments.n == len(scores)


def test_without_any_observation_the_prior_stands() -> None:
    assert effective(Statistics(), YARDSTICK) == Moments(0.67, 0.11**2, 0)


def test_a_new_symbol_leans_on_the_portfolio() -> None:
    everything = Moments(0.6, 0.0025, 100)
    assert effective(Statistics(UNSEEN, everything), YARDSTICK) == Moments(0.6, 0.0025, 0)


def test_a_warm_symbol_stands_on_its_own() -> None:
    own = Moments(0.8, 0.0001, 20)
    assert effective(Statistics(own, Moments(0.6, 0.0025, 100)), YARDSTICK) == own


def test_half_warm_is_a_mixture_whose_means_stand_apart() -> None:
    mixed = effective(Statistics(Moments(0.8, 0.0, 10), Moments(0.6, 0.0, 20)), YARDSTICK)
    assert mixed.mean == pytest.approx(0.7)
    assert mixed.std == pytest.approx(0.1)


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.5, 0.93), st.floats(0, 0.03))
def test_what_a_score_is_held_against_lies_between_its_parts(n: int, n_all: int, mean: float, var: float) -> None:
    mixed = effective(Statistics(Moments(mean, var, n), Moments(0.6, 0.01, n_all)), YARDSTICK)
    means = (mean, 0.6, 0.67)
    assert min(means) - 1e-9 <= mixed.mean <= max(means) + 1e-9
    assert math.isfinite(mixed.std)


def test_z_is_the_distance_in_deviations() -> None:
    assert kill_z(0.7563, Moments(0.6, 0.01, 20), YARDSTICK) == (0.7563 - 0.6) / (math.sqrt(0.01) + 1e-6)


def test_a_score_that_never_moved_does_not_call_its_first_move_infinite() -> None:
    floored = Yardstick(0.1, 20, 0.67, 0.11, 0.02)
    assert kill_z(0.71, Moments(0.7, 0.0, 50), floored) == pytest.approx(0.5, rel=1e-3)
