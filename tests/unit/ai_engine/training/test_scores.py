import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from services.ai_engine.training import scores
from services.ai_engine.training.calibration import haircut_of, platt, probabilities, slope_of, table_of

CHANCE = np.random.default_rng(3)
SAID, MOVES = CHANCE.normal(size=500).round(1), CHANCE.normal(size=500)


def test_the_area_under_the_curve_is_scikit_learn_s() -> None:
    assert scores.auc(SAID, MOVES) == pytest.approx(roc_auc_score(MOVES > 0, SAID))


def test_the_information_coefficient_is_spearman_s() -> None:
    assert scores.information_coefficient(SAID, MOVES) == pytest.approx(spearmanr(SAID, MOVES).statistic)
    assert scores.information_coefficient(np.zeros(5), MOVES[:5]) == 0.0


def test_ties_count_neither_for_nor_against() -> None:
    moves = np.concatenate([MOVES, np.zeros(300)])
    said = np.concatenate([SAID, -np.ones(300)])
    assert scores.auc(said, moves) == pytest.approx(scores.auc(SAID, MOVES))
    assert scores.accuracy(said, moves) == pytest.approx(scores.accuracy(SAID, MOVES))
    assert len(scores.briers(probabilities(said, 1.0), moves)) == len(MOVES)
    assert slope_of(said, moves) == pytest.approx(slope_of(SAID, MOVES))


def test_without_both_ups_and_downs_there_is_nothing_to_rank() -> None:
    assert scores.auc(SAID[:3], np.ones(3)) == 0.5
    assert scores.accuracy(SAID[:3], np.zeros(3)) == 0.5


def test_what_says_nothing_is_right_half_the_time() -> None:
    assert scores.accuracy(np.zeros(4), np.array([1.0, -1.0, 1.0, 1.0])) == 0.5
    assert scores.accuracy(np.array([1.0, 1.0]), np.array([1.0, -1.0])) == 0.5


def test_qlike_is_zero_where_the_forecast_is_right_and_punishes_too_little_most() -> None:
    real = np.array([1e-6, 4e-6])
    assert scores.qlike(real, real) == 0.0
    assert scores.qlike(real / 2, real) > scores.qlike(real * 2, real) > 0.0


def test_the_daily_spread_is_that_of_daily_means() -> None:
    day = 86_400_000
    times = np.array([0, 1, day, day + 1, 2 * day])
    assert scores.daily_spread(np.array([1.0, 3.0, 4.0, 4.0, 6.0]), times) == pytest.approx(np.std([2, 4, 6], ddof=1))
    assert scores.daily_spread(np.array([1.0, 2.0]), times[:2]) == 0.0


@pytest.mark.parametrize("truth", [0.3, 0.8])
def test_the_slope_finds_by_how_much_the_members_are_too_sure(truth: float) -> None:
    chance = np.random.default_rng(5)
    logits = chance.normal(size=40_000)
    moves = np.where(chance.random(40_000) < probabilities(logits, truth), 1.0, -1.0)
    assert slope_of(logits, moves) == pytest.approx(truth, abs=0.03)


def test_members_are_never_made_surer_nor_believed_backwards() -> None:
    logits = np.linspace(-1, 1, 1000)
    assert platt(logits / 10, logits) == 1.0
    assert platt(-logits, logits) == 0.0
    assert platt(np.zeros(10), np.ones(10)) == 0.0


@examples(st.floats(0.1, 0.9))
def test_the_haircut_is_the_part_that_came_true(part: float) -> None:
    expected, wide = np.linspace(-1, 1, 50), np.linspace(0.5, 2, 50)
    assert haircut_of(expected, wide, part * expected) == pytest.approx(part)
    assert haircut_of(expected, wide, -expected) == 0.0
    assert haircut_of(expected, wide, 3 * expected) == 1.0
    assert haircut_of(np.zeros(50), wide, expected) == 0.0


def test_a_calibration_table_counts_each_row_once_and_keeps_equals_together() -> None:
    p_up = np.concatenate([np.full(600, 0.5), np.linspace(0.4, 0.6, 400)])
    moves = np.where(np.arange(1000) % 2 == 0, 1.0, -1.0)
    bins, error = table_of(p_up, moves)
    assert sum(one.count for one in bins) == 1000
    assert max(one.count for one in bins) >= 600
    assert error < 0.1
    wrong = table_of(np.full(100, 0.9), -np.ones(100))
    assert wrong[1] == pytest.approx(0.9)
    assert table_of(np.empty(0), np.empty(0)) == ((), 0.0)
