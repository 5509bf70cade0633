import builtins
import sys
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.training import learners
from services.ai_engine.training.learners import (
    LIGHTGBM,
    LOGISTIC_C,
    STEEPNESS,
    LogisticLearner,
    TreesLearner,
    flat,
    lightgbm_or_fault,
)
from services.ai_engine.training.plan import TrainingFault
from tests.unit.ai_engine.training import given_rows

ROWS = given_rows.rows(2500, planted=0.4)
SCALED = ROWS.move / (ROWS.sigma * np.sqrt(60))


def booster(rounds: int = 60) -> Any:
    return lightgbm.train(LIGHTGBM | {"seed": 1}, lightgbm.Dataset(ROWS.inputs, label=SCALED, params=LIGHTGBM), rounds)


def test_the_engine_s_trees_say_what_lightgbm_says() -> None:
    fitted = booster()
    trees = flat(fitted.dump_model())
    said = np.array([trees.score(tuple(row)) for row in ROWS.inputs.tolist()])
    expected = fitted.predict(ROWS.inputs)
    assert np.abs(said - expected).max() <= 1e-9
    assert np.ptp(expected) > 0.1


def test_the_parts_of_the_trees_and_their_starts_sum_up_to_their_logit() -> None:
    trees = flat(booster().dump_model())
    start = STEEPNESS * sum(trees.values[root] for root in trees.roots)
    for row in ROWS.inputs[:200].tolist():
        logit, parts = trees.explain(tuple(row))
        assert logit == pytest.approx(trees.logit(tuple(row)), abs=1e-12)
        assert start + sum(parts) == pytest.approx(logit, abs=1e-9)


def test_the_planted_input_moves_the_trees_most() -> None:
    trees = TreesLearner().fit(ROWS.inputs, SCALED, seed=1)
    moved = np.abs([trees.explain(tuple(row))[1] for row in ROWS.inputs[:200].tolist()]).mean(axis=0)
    assert INPUT_NAMES[int(moved.argmax())] == "ret_60"


def test_a_tree_without_a_split_is_its_leaf() -> None:
    dump = {"max_feature_idx": len(INPUT_NAMES) - 1, "tree_info": [{"tree_structure": {"leaf_value": 0.25}}]}
    trees = flat(dump)
    assert trees.score((0.0,) * len(INPUT_NAMES)) == 0.25


def test_trees_of_another_kind_or_on_other_inputs_are_no_model() -> None:
    dump = booster(2).dump_model()
    dump["tree_info"][0]["tree_structure"]["decision_type"] = "=="
    with pytest.raises(ValueError, match="=="):
        flat(dump)
    with pytest.raises(ValueError, match="other inputs"):
        flat(dump | {"max_feature_idx": 3})


def test_the_folded_logistic_says_what_scikit_learn_says() -> None:
    member = LogisticLearner().fit(ROWS.inputs, SCALED, seed=1)
    standard = (ROWS.inputs - ROWS.inputs.mean(axis=0)) / ROWS.inputs.std(axis=0)
    model = LogisticRegression(C=LOGISTIC_C, fit_intercept=False, tol=1e-10, max_iter=1000).fit(standard, SCALED > 0)
    said = [member.predict_proba(tuple(row)) for row in ROWS.inputs.tolist()]
    assert said == pytest.approx(model.predict_proba(standard)[:, 1], abs=1e-5)


def test_moves_of_zero_are_neither_up_nor_down() -> None:
    """Counted as falls they would teach that inputs which come with stillness mean a fall."""
    inputs = np.concatenate([ROWS.inputs, ROWS.inputs])
    scaled = np.concatenate([SCALED, np.zeros_like(SCALED)])
    with_ties, without = LogisticLearner().fit(inputs, scaled, 1), LogisticLearner().fit(ROWS.inputs, SCALED, 1)
    assert with_ties.weights == pytest.approx(without.weights, abs=1e-6)


def test_an_input_that_never_changes_weighs_nothing() -> None:
    inputs = ROWS.inputs.copy()
    inputs[:, 3] = 7.0
    assert LogisticLearner().fit(inputs, SCALED, 1).weights[3] == 0.0


def test_the_same_rows_and_seed_give_the_same_member() -> None:
    for learner in learners.LEARNERS:
        assert learner.fit(ROWS.inputs, SCALED, 1) == learner.fit(ROWS.inputs, SCALED, 1)
    assert TreesLearner().fit(ROWS.inputs, SCALED, 1) != TreesLearner().fit(ROWS.inputs, SCALED, 2)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("libgomp.so.1: cannot open shared object file"), "apt-get install libgomp1"),
        (OSError("libm.so.6 is torn"), "libm.so.6 is torn"),
        (ImportError("No module named 'lightgbm'"), "install the requirements again"),
    ],
)
def test_a_library_that_cannot_be_loaded_is_one_line(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    real = builtins.__import__

    def broken(name: str, *rest: Any) -> Any:
        if name == "lightgbm":
            raise error
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "lightgbm")
    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(TrainingFault, match=words):
        lightgbm_or_fault()
