"""A training over real bars: how long each phase takes, and what the model is worth beside simpler things.

The neighbour is a LightGBM classifier as it comes out of the box, on the same folds, inputs and costs; its
probabilities are used as they are. What is said of each is on rows that it had not seen.
"""

import os
import resource
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.children import BenchmarkFailed
from benchmarks.machine import Machine
from benchmarks.tables import table
from services.ai_engine.card import Baseline, ModelCard, Worth
from services.ai_engine.training import scores
from services.ai_engine.training.calibration import moves_expected, slope_of, table_of
from services.ai_engine.training.evidence import logit
from services.ai_engine.training.learners import lightgbm_or_fault
from services.ai_engine.training.plan import Plan
from services.ai_engine.training.rows import Floats
from services.ai_engine.training.trades import worth_of
from services.cli.complaint import Complaint
from services.cli.train.bars import ALL
from services.cli.train.run import Order, Teller, Training, cores, run_training
from services.paper_exchange.market.csv_files import FileFault, bar_files

SYMBOLS = 10
LIMIT_S = 180
EXPIRES_MS = 86_400_000
NEIGHBOUR = "LightGBM classifier, plain"
_SURE = 1e-6


class Known(NamedTuple):
    """How well a thing knew, and what trading on it came to."""

    name: str
    accuracy: float | None
    auc: float | None
    brier: float | None
    slope: float | None
    error: float | None
    worth: Worth


def run(folder: Path, count: int) -> str:
    """Given a folder of minute bars and how many of its symbols to take, train, and return the tables.

    Raise BenchmarkFailed where that is not possible.
    """
    machine = Machine.now(f"LightGBM {version('lightgbm')}")
    try:
        symbols = list(bar_files(folder))[:count]
        with tempfile.TemporaryDirectory(prefix="quantum-bench-") as place:
            order = Order(folder, Path(place) / "model", symbols, Plan(), ALL, EXPIRES_MS, cores())
            done = run_training(order, Teller(bars=False))
    except (FileFault, Complaint) as fault:
        raise BenchmarkFailed(str(fault)) from None
    return "\n".join([_phases(done), "", _figures(done), "", done.model.card.words, "", machine.line()])


def _phases(done: Training) -> str:
    card, seconds = done.model.card, done.seconds
    whole = sum(seconds.values())
    work = {
        "features": f"{card.bars:,} bars of {len(card.symbols)} symbols, {card.bars / seconds['features']:,.0f}/s",
        "folds": f"{card.rows:,} rows, {card.folds + 2} fits of two members, {card.test_rows:,} rows judged",
        "card": "figures, bootstrap, files",
    }
    rows = [[name, f"{seconds[name]:.1f}", work[name]] for name in work]
    peak_mb = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    rows.append(
        ["all", f"{whole:.1f}", f"limit {LIMIT_S} s; {os.cpu_count()} cores; largest process {peak_mb:,.0f} MB"]
    )
    return table(["phase", "seconds", "work"], rows)


def _figures(done: Training) -> str:
    card = done.model.card
    lines = [_of_card(card), _neighbour(done), *[_of_baseline(one) for one in card.baselines]]
    head = [
        "out of sample",
        "accuracy",
        "AUC",
        "Brier",
        "slope",
        "ECE",
        "trades",
        "net bps",
        "total bps",
        "95 % of net",
    ]
    return table(head, [_cells(one) for one in lines])


def _of_card(card: ModelCard) -> Known:
    return Known(
        "this ensemble", card.accuracy, card.auc, card.brier, card.calibration_slope, card.calibration_error, card.worth
    )


def _of_baseline(one: Baseline) -> Known:
    return Known(one.name, one.accuracy, one.auc, one.brier, None, None, one.worth)


def _neighbour(done: Training) -> Known:
    """Return what the classifier knew: fitted on each fold's past, believed as it is."""
    rows, plan, folds = done.rows, done.plan, done.trained.folds[1:]
    judged = rows.where(np.concatenate([fold.judge for fold in folds]))
    p_up = np.clip(np.concatenate([_classified(done, number) for number in range(1, len(folds) + 1)]), _SURE, 1 - _SURE)
    expected = moves_expected(p_up, judged.sigma * np.sqrt(plan.horizon_bars)) * 10_000.0
    _, error = table_of(p_up, judged.move)
    return Known(
        NEIGHBOUR, scores.accuracy(p_up - 0.5, judged.move), scores.auc(p_up, judged.move),
        float(scores.briers(p_up, judged.move).mean()), slope_of(logit(p_up), judged.move), error,
        worth_of(judged, expected, plan.cost_bps + plan.margin_bps, plan, done.funding),
    )  # fmt: skip


def _classified(done: Training, number: int) -> Floats:
    """Given a fold, return the classifier's probabilities of a rise on its judged rows."""
    lightgbm, rows, fold = lightgbm_or_fault(), done.rows, done.trained.folds[number]
    known = rows.where(fold.learn)
    moved = known.move != 0.0
    settings = {"objective": "binary", "num_threads": 1, "seed": done.plan.seed, "verbosity": -1}
    data = lightgbm.Dataset(known.inputs[moved], label=known.move[moved] > 0.0)
    return np.asarray(lightgbm.train(settings, data, num_boost_round=100).predict(rows.inputs[fold.judge]))


def _cells(one: Known) -> Sequence[str]:
    worth = one.worth
    interval = "-" if worth.low_bps is None else f"{worth.low_bps:+.1f} to {worth.high_bps:+.1f}"
    return [
        one.name, _number(one.accuracy, 4), _number(one.auc, 4), _number(one.brier, 5), _number(one.slope, 2),
        _number(one.error, 4), str(worth.trades), _number(worth.net_bps, 1), f"{worth.net_total_bps:+,.0f}", interval,
    ]  # fmt: skip


def _number(value: float | None, places: int) -> str:
    return "-" if value is None else f"{value:.{places}f}"
