"""How much of what the members say is true: fitted on rows that they were not fitted on."""

import numpy as np

from services.ai_engine.card import CalibrationBin
from services.ai_engine.model import MEAN_ABSOLUTE
from services.ai_engine.training.rows import Floats

CALIBRATED = (0.6, 1.4)  # slopes within count as calibrated
_EDGES = np.arange(1, 10) / 10.0
_STEPS = 50
_SLOPE_MAX = 20.0


def slope_of(logits: Floats, moves: Floats) -> float:
    """Given logits and what followed, return by how much the logits are to be multiplied to be right (Platt, without
    a constant); 0 where they say nothing. Moves of exactly zero tell nothing."""
    told = (moves != 0.0) & (logits != 0.0)
    x, rose = logits[told], moves[told] > 0.0
    if not len(x):
        return 0.0
    slope = 0.0
    for _ in range(_STEPS):  # Newton; the likelihood is concave
        p = 1.0 / (1.0 + np.exp(-slope * x))
        step = float((x * (rose - p)).sum() / (x * x * p * (1.0 - p)).sum())
        slope = min(max(slope + step, -_SLOPE_MAX), _SLOPE_MAX)
        if abs(step) < 1e-12:
            break
    return slope


def platt(logits: Floats, moves: Floats) -> float:
    """Given logits and what followed, return the slope to use: never above one, never against the members."""
    return min(max(slope_of(logits, moves), 0.0), 1.0)


def probabilities(logits: Floats, slope: float) -> Floats:
    """Given logits and the slope, return the probabilities of a rise."""
    return np.asarray(1.0 / (1.0 + np.exp(-slope * logits)))


def moves_expected(p_up: Floats, sigma_h: Floats) -> Floats:
    """Given probabilities and the horizon's volatilities, return the expected log returns before the haircut."""
    return np.asarray((2.0 * p_up - 1.0) * MEAN_ABSOLUTE * sigma_h)


def haircut_of(expected: Floats, sigma_h: Floats, moves: Floats) -> float:
    """Given expected moves, their volatilities and the real ones, return the part that came true, in [0, 1].

    Each row weighs by its own volatility, so that one wild day does not decide.
    """
    said, came = expected / sigma_h, moves / sigma_h
    power = float((said * said).sum())
    return min(max(float((said * came).sum()) / power, 0.0), 1.0) if power > 0.0 else 0.0


def table_of(p_up: Floats, moves: Floats) -> tuple[tuple[CalibrationBin, ...], float]:
    """Given probabilities and what followed, return the calibration by tenths of the rows, and its mean error."""
    told = moves != 0.0
    p_up, rose = p_up[told], moves[told] > 0.0
    places = np.searchsorted(np.quantile(p_up, _EDGES) if len(p_up) else _EDGES, p_up)  # what is equal stays together
    bins, error = [], 0.0
    for place in np.unique(places):
        part = places == place
        said, came, count = float(p_up[part].mean()), float(rose[part].mean()), int(part.sum())
        bins.append(CalibrationBin(p_up=said, rose=came, count=count))
        error += abs(said - came) * count / len(p_up)
    return tuple(bins), error
