import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from quantum_common.clock import MINUTE_MS
from services.ai_engine.training.folds import folds_of, known_before
from services.ai_engine.training.learners import TreesLearner
from services.ai_engine.training.plan import Plan, TrainingFault
from services.ai_engine.training.scores import auc
from tests.unit.ai_engine.training import given_rows


@settings(max_examples=25)
@examples(folds=st.integers(2, 8), horizon=st.integers(60, 240), seed=st.integers(0, 99))
def test_what_is_learned_ends_a_horizon_before_the_fold_that_judges_it_begins(
    folds: int, horizon: int, seed: int
) -> None:  # fmt: skip
    plan = Plan(folds=folds, horizon_bars=horizon)
    rows = given_rows.rows(4000, seed, plan=plan)
    found = folds_of(rows, plan)
    assert len(found) == folds + 1
    for fold in found:
        ends = rows.time_ms[fold.learn] + horizon * MINUTE_MS
        assert ends.max() + horizon * MINUTE_MS <= fold.from_ms <= rows.time_ms[fold.judge].min()


def test_every_row_after_the_first_training_is_judged_once_and_in_order() -> None:
    rows = given_rows.rows(4000)
    found = folds_of(rows, given_rows.PLAN)
    judged = np.concatenate([fold.judge for fold in found])
    assert judged.tolist() == list(range(int(judged[0]), len(rows)))
    assert [fold.from_ms for fold in found] == sorted(fold.from_ms for fold in found)


def test_a_calibration_is_known_once_its_labels_have_ended() -> None:
    plan = Plan(horizon_bars=60)
    times = np.array([0, 59, 60, 61]) * MINUTE_MS
    assert known_before(times, 120 * MINUTE_MS, plan, embargo=False).tolist() == [True, True, True, False]
    assert known_before(times, 120 * MINUTE_MS, plan, embargo=True).tolist() == [True, False, False, False]


@pytest.mark.parametrize("count", [0, 2, 400])
def test_too_few_rows_are_told(count: int) -> None:
    with pytest.raises(TrainingFault, match=f"^{count} decision bars .* too few"):
        folds_of(given_rows.rows(count), given_rows.PLAN)


def test_labels_that_overlap_leak_into_a_shuffled_split_and_not_into_these_folds() -> None:
    rows, plan = given_rows.overlapping()
    scaled = rows.move / rows.sigma
    order = np.random.default_rng(1).permutation(len(rows))
    learn, judge = order[: len(rows) // 2], order[len(rows) // 2 :]

    def known(learn: np.ndarray, judge: np.ndarray) -> float:
        member = TreesLearner().fit(rows.inputs[learn], scaled[learn], seed=1)
        said = np.array([member.score(tuple(row)) for row in rows.inputs[judge].tolist()])
        return auc(said, rows.move[judge])

    assert known(learn, judge) > 0.65
    honest = [known(fold.learn, fold.judge) for fold in folds_of(rows, plan)]
    assert float(np.mean(honest)) < 0.55
