"""What fits the ensemble's members: each gives plain numbers that run without its library."""

from typing import Any, Protocol

import numpy as np

from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.logistic import Logistic
from services.ai_engine.training.plan import TrainingFault
from services.ai_engine.training.rows import Floats
from services.ai_engine.trees import LEAF, Trees

STEEPNESS = 1.6  # the logistic function this steep is nearly the normal one
LOGISTIC_C = 0.002  # strong: inputs of little worth shall weigh little
TREES = 120
LIGHTGBM: dict[str, Any] = {
    "objective": "huber", "alpha": 1.5, "num_leaves": 12, "learning_rate": 0.03, "min_data_in_leaf": 150,
    "lambda_l2": 20.0, "feature_fraction": 0.5, "bagging_fraction": 0.6, "bagging_freq": 1, "max_bin": 63,
    "boost_from_average": False, "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
}  # fmt: skip


class Learner(Protocol):
    """One way to learn. The same rows and seed give the same member."""

    def fit(self, inputs: Floats, scaled: Floats, seed: int) -> Trees | Logistic:
        """Given inputs and the move over the horizon in its own sigmas, return the fitted member."""
        ...


class TreesLearner:
    """LightGBM with a Huber loss on the scaled move: a few wild hours shall not lead it."""

    def fit(self, inputs: Floats, scaled: Floats, seed: int) -> Trees:
        """Given inputs and scaled moves, return boosted trees. Raise TrainingFault where LightGBM cannot run."""
        lightgbm = lightgbm_or_fault()
        data = lightgbm.Dataset(inputs, label=scaled, params=LIGHTGBM, free_raw_data=False)
        booster = lightgbm.train(LIGHTGBM | {"seed": seed}, data, num_boost_round=TREES)
        return flat(booster.dump_model())


class LogisticLearner:
    """An L2 logistic regression on standardised inputs, the scaler folded into its weights."""

    def fit(self, inputs: Floats, scaled: Floats, seed: int) -> Logistic:  # noqa: ARG002 - there is no chance in it
        """Given inputs and scaled moves, return the fitted member. Moves of exactly zero are neither up nor down."""
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - 190 MB that only a fit needs

        moved = scaled != 0.0
        centres, widths = inputs.mean(axis=0), inputs.std(axis=0)
        widths = np.where(widths > 1e-9, widths, np.inf)  # what never changes weighs nothing
        model = LogisticRegression(C=LOGISTIC_C, fit_intercept=False, tol=1e-8, max_iter=1000)
        model.fit(((inputs - centres) / widths)[moved], scaled[moved] > 0.0)
        return Logistic(centres=tuple(centres.tolist()), weights=tuple((model.coef_[0] / widths).tolist()))


LEARNERS: tuple[Learner, ...] = (TreesLearner(), LogisticLearner())


def lightgbm_or_fault() -> Any:
    """Return the library. Raise TrainingFault where it cannot be loaded."""
    try:
        import lightgbm  # noqa: PLC0415 - only a fit needs it
    except OSError as error:
        missing = "libgomp1 (apt-get install libgomp1)" if "libgomp" in str(error) else f"what it says: {error}"
        raise TrainingFault(f"LightGBM cannot be loaded; it needs {missing}") from None
    except ImportError as error:
        raise TrainingFault(f"LightGBM cannot be loaded ({error}); install the requirements again") from None
    return lightgbm


def flat(dump: dict[str, Any]) -> Trees:
    """Given a booster as LightGBM describes it, return its trees as flat lists.

    A node's value is the mean of the leaves below, by the rows they saw, so that each split's part can be told.
    """
    asks, left, right = list[int](), list[int](), list[int]()
    thresholds, values = list[float](), list[float]()

    def place(node: dict[str, Any]) -> tuple[int, float]:
        """Add a node and all below it; return where it is and how many rows it saw."""
        here = len(asks)
        asks.append(LEAF)
        thresholds.append(0.0)
        left.append(LEAF)
        right.append(LEAF)
        values.append(0.0)
        if "leaf_value" in node:
            values[here] = float(node["leaf_value"])
            return here, float(node.get("leaf_count", 1))
        if node["decision_type"] != "<=":
            raise ValueError(f"a split by {node['decision_type']} is not known here")
        asks[here], thresholds[here] = int(node["split_feature"]), float(node["threshold"])
        (left[here], lefts), (right[here], rights) = place(node["left_child"]), place(node["right_child"])
        values[here] = (values[left[here]] * lefts + values[right[here]] * rights) / (lefts + rights)
        return here, lefts + rights

    if int(dump["max_feature_idx"]) + 1 != len(INPUT_NAMES):
        raise ValueError("the trees were fitted on other inputs")
    roots = [place(tree["tree_structure"])[0] for tree in dump["tree_info"]]
    return Trees(
        steepness=STEEPNESS, roots=tuple(roots), inputs=tuple(asks), thresholds=tuple(thresholds), left=tuple(left),
        right=tuple(right), values=tuple(values),
    )  # fmt: skip
