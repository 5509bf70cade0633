"""How good predictions are: each figure by its textbook, on rows that were not learned from."""

import numpy as np

from quantum_common.clock import DAY_MS
from services.ai_engine.training.rows import Floats, Integers


def ranks(values: Floats) -> Floats:
    """Given values, return their ranks from one; ties share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2.0)[inverse])


def auc(scores: Floats, moves: Floats) -> float:
    """Given scores and what followed, return how often a rise had the higher score than a fall; ties count half."""
    told = moves != 0.0
    scores, rose = scores[told], moves[told] > 0.0
    ups, downs = int(rose.sum()), int((~rose).sum())
    if not ups or not downs:
        return 0.5
    return float((ranks(scores)[rose].sum() - ups * (ups + 1) / 2.0) / (ups * downs))


def accuracy(scores: Floats, moves: Floats) -> float:
    """Given signed scores and what followed, return how often the sign was right. What did not move is left out, and
    a score of zero is right half the time."""
    told = moves != 0.0
    if not told.any():
        return 0.5
    return float((np.sign(scores[told]) * np.sign(moves[told]) + 1.0).mean() / 2.0)


def briers(p_up: Floats, moves: Floats) -> Floats:
    """Given probabilities and what followed, return the squared error of each row that moved."""
    told = moves != 0.0
    return np.asarray((p_up[told] - (moves[told] > 0.0)) ** 2)


def daily_spread(values: Floats, time_ms: Integers) -> float:
    """Given values and their times, return the standard deviation of their daily means."""
    days, counts = np.unique(time_ms // DAY_MS, return_inverse=True)
    means = np.bincount(counts, values) / np.bincount(counts)
    return float(means.std(ddof=1)) if len(days) > 1 else 0.0


def information_coefficient(scores: Floats, scaled: Floats) -> float:
    """Given scores and scaled moves, return the correlation of their ranks over all rows; nothing is demeaned."""
    a, b = ranks(scores), ranks(scaled)
    if a.std() == 0.0 or b.std() == 0.0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def qlike(forecast: Floats, realised: Floats) -> float:
    """Given variances, return the mean QLIKE loss (Patton 2011): 0 is perfect, too little costs more than too much."""
    ratio = np.maximum(realised, 1e-16) / forecast
    return float((ratio - np.log(ratio) - 1.0).mean())
