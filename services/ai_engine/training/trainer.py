"""Training from rows to a model: every fold judged by models that had not seen it, then one model fitted on all."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.ai_engine.ensemble import Fitted, agreed
from services.ai_engine.inputs import INPUT_NAMES, VARIANCE_MIN
from services.ai_engine.logistic import Logistic
from services.ai_engine.training.calibration import haircut_of, moves_expected, platt, probabilities
from services.ai_engine.training.folds import Fold, folds_of, joined, known_before
from services.ai_engine.training.learners import LEARNERS
from services.ai_engine.training.plan import Plan
from services.ai_engine.training.rows import Floats, Integers, Rows
from services.ai_engine.training.scores import qlike
from services.ai_engine.trees import Trees
from services.ai_engine.volatility import VOLATILITY_INPUTS, Volatility

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]  # the built-in, or that of a pool of processes
_VOLATILITY_PLACES = [INPUT_NAMES.index(name) for name in VOLATILITY_INPUTS]


@dataclass(frozen=True)
class Learned:
    """What one fit gave."""

    members: tuple[Trees | Logistic, ...]
    volatility: Volatility


@dataclass(frozen=True)
class Judged:
    """What models that had not seen these rows said of them, uncalibrated; variances are of a minute."""

    places: Integers
    logits: Floats
    variance: Floats


@dataclass(frozen=True)
class Believed:
    """What would have been believed at the time: the judged rows, calibrated by earlier ones alone."""

    places: Integers
    logits: Floats
    p_up: Floats
    expected_bps: Floats


@dataclass(frozen=True)
class Trained:
    """The model that was fitted on all rows, and the evidence on which it is to be judged."""

    fitted: Fitted
    believed: Believed
    folds: tuple[Fold, ...]
    qlike: float
    qlike_plain: float


@dataclass(frozen=True)
class FoldTask:
    """Rows to learn from and rows to judge; a process may do one. Nothing to judge: only learn."""

    learn: Rows
    judge: Rows
    places: Integers
    plan: Plan


def train(rows: Rows, plan: Plan, run: Map = map, tick: Callable[[], None] = lambda: None) -> Trained:
    """Given rows in order of time, return the trained model with its evidence. `run` does the fits, in order; `tick`
    is told of each. Raise TrainingFault where the rows are too few."""
    folds = folds_of(rows, plan)
    tasks = [FoldTask(rows.where(fold.learn), rows.where(fold.judge), fold.judge, plan) for fold in folds]
    tasks.append(FoldTask(rows, rows.where(np.empty(0, dtype=np.int64)), np.empty(0, dtype=np.int64), plan))
    done: list[tuple[Learned, Judged]] = []
    for result in run(work, tasks):
        done.append(result)
        tick()
    judged, learned = [judgement for _, judgement in done[:-1]], done[-1][0]
    believed = _joined([_believed(rows, judged[:number], judged[number], folds[number], plan)
                        for number in range(1, len(folds))])  # fmt: skip
    return _whole(rows, plan, learned, judged, believed, folds)


def work(task: FoldTask) -> tuple[Learned, Judged]:
    """Given a task, learn and judge."""
    learned = learn(task.learn, task.plan)
    return learned, Judged(task.places, logits_of(learned, task.judge), _variances(learned, task.judge, task.plan))


def learn(rows: Rows, plan: Plan) -> Learned:
    """Given rows, fit every member and the volatility."""
    scaled = rows.move / (rows.sigma * math.sqrt(plan.horizon_bars))
    members = tuple(learner.fit(rows.inputs, scaled, plan.seed) for learner in LEARNERS)
    return Learned(members, _volatility(rows))


def logits_of(learned: Learned, rows: Rows) -> Floats:
    """Given what was learned, return what it says of rows, by the very code that the engine runs."""
    inputs = [tuple(row) for row in rows.inputs.tolist()]
    return np.array([agreed([member.logit(one) for member in learned.members]) for one in inputs], dtype=np.float64)


def _volatility(rows: Rows) -> Volatility:
    """Given rows, fit the logarithm of the variance to come; the forecast, not its logarithm, is right on average."""
    known = np.column_stack([np.ones(len(rows)), rows.inputs[:, _VOLATILITY_PLACES]])
    realised = np.maximum(rows.variance, VARIANCE_MIN)
    weights = np.linalg.lstsq(known, np.log(realised), rcond=None)[0]
    bias = float(np.log((realised / np.exp(known @ weights)).mean()))
    return Volatility(constant=float(weights[0]) + bias, weights=tuple(weights[1:].tolist()))


def _variances(learned: Learned, rows: Rows, plan: Plan) -> Floats:
    sigmas = [learned.volatility.sigma(tuple(row), plan.horizon_bars) for row in rows.inputs.tolist()]
    return np.square(np.array(sigmas, dtype=np.float64)) / plan.horizon_bars


def sigma_h(rows: Rows, places: Integers, variance: Floats, plan: Plan, *, forecast: bool) -> Floats:
    """Given whether forecasts are the better ones and those of some rows, return the volatility of these rows' horizon:
    as forecast, or as the plain average of squares has it."""
    return np.sqrt((variance if forecast else rows.sigma[places] ** 2) * plan.horizon_bars)


def forecasts_better(rows: Rows, places: Integers, variance: Floats) -> bool:
    """Given rows and forecasts of their variance, return whether they beat the plain average of squares."""
    realised = rows.variance[places]
    return qlike(variance, realised) < qlike(rows.sigma[places] ** 2, realised)


def _believed(rows: Rows, earlier: Sequence[Judged], now: Judged, fold: Fold, plan: Plan) -> Believed:
    """Given the folds before, return what would have been believed of this one."""
    places, logits = joined([one.places for one in earlier]), np.concatenate([one.logits for one in earlier])
    variance = np.concatenate([one.variance for one in earlier])
    known = known_before(rows.time_ms[places], fold.from_ms, plan, embargo=False)
    past, said = places[known], logits[known]
    forecast = forecasts_better(rows, past, variance[known])
    slope = platt(said, rows.move[past])
    wide = sigma_h(rows, past, variance[known], plan, forecast=forecast)
    haircut = haircut_of(moves_expected(probabilities(said, slope), wide), wide, rows.move[past])
    p_up = probabilities(now.logits, slope)
    expected = haircut * moves_expected(p_up, sigma_h(rows, now.places, now.variance, plan, forecast=forecast))
    return Believed(now.places, now.logits, p_up, expected * 10_000.0)


def _joined(parts: Sequence[Believed]) -> Believed:
    return Believed(
        joined([one.places for one in parts]),
        np.concatenate([one.logits for one in parts]),
        np.concatenate([one.p_up for one in parts]),
        np.concatenate([one.expected_bps for one in parts]),
    )


def _whole(
    rows: Rows, plan: Plan, learned: Learned, judged: Sequence[Judged], believed: Believed, folds: tuple[Fold, ...]
) -> Trained:
    """Given everything, calibrate the model of all rows by every judged one."""
    places, logits = joined([one.places for one in judged]), np.concatenate([one.logits for one in judged])
    variance = np.concatenate([one.variance for one in judged])
    forecast = forecasts_better(rows, places, variance)
    slope = platt(logits, rows.move[places])
    wide = sigma_h(rows, places, variance, plan, forecast=forecast)
    fitted = Fitted(
        horizon_bars=plan.horizon_bars,
        members=learned.members,
        slope=slope,
        haircut=haircut_of(moves_expected(probabilities(logits, slope), wide), wide, rows.move[places]),
        volatility=learned.volatility if forecast else None,
    )
    realised = rows.variance[places]
    return Trained(fitted, believed, folds, qlike(variance, realised), qlike(rows.sigma[places] ** 2, realised))
