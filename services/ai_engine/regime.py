"""The regime: how likely a symbol trends, reverts or does neither, and a label that does not flicker.

Two indicators, both near zero on a random walk: the standardised excess of a variance ratio, and how far the last
moves went compared with chance. A softmax of centred indicators, because one of uncentred ones says "chop" for ever.
"""

import math
from enum import StrEnum
from typing import NamedTuple

VARIANCE_RATIO_BARS = 6
VARIANCE_RATIO_HALF_LIFE_BARS = 64
TREND_BARS = 32
LABEL_LEAD = 0.15  # a new label must be this much likelier than the one that stands
_TREND_CENTRE = 0.8  # the mean of |N(0, 1)|
_CHOP_LOGIT = 0.8
_CLIP = 8.0
_VARIANCE_MIN = 1e-24


class Label(StrEnum):
    """What a symbol is doing."""

    TREND = "trend"
    MEAN_REVERSION = "mean_reversion"
    CHOP = "chop"


class Regime(NamedTuple):
    """Probabilities that sum to one."""

    p_trend: float
    p_mr: float
    p_chop: float

    def of(self, label: Label) -> float:
        """Return the probability of one label."""
        return self[_PLACES[label]]


_PLACES = {Label.TREND: 0, Label.MEAN_REVERSION: 1, Label.CHOP: 2}


def variance_ratio_error(bars: int, half_life_bars: float) -> float:
    """Given the ratio's span and the half-life it is averaged over, return its standard error on a random walk.

    Lo and MacKinlay (1988) for overlapping returns: 2(2q-1)(q-1)/(3qN), with N the effective size of the average.
    """
    alpha = 1.0 - 0.5 ** (1.0 / half_life_bars)
    effective = 2.0 / alpha - 1.0
    return math.sqrt(2.0 * (2 * bars - 1) * (bars - 1) / (3.0 * bars * effective))


_ERROR = variance_ratio_error(VARIANCE_RATIO_BARS, VARIANCE_RATIO_HALF_LIFE_BARS)


def variance_ratio_z(variance_of_span: float, variance_of_bar: float) -> float:
    """Given the variances of q-bar and one-bar returns, return the ratio's excess over one in standard errors."""
    if variance_of_bar <= _VARIANCE_MIN:
        return 0.0
    z = (variance_of_span / (VARIANCE_RATIO_BARS * variance_of_bar) - 1.0) / _ERROR
    return max(-_CLIP, min(_CLIP, z))


def regime(z: float, span_momentum: float) -> Regime:
    """Given the variance ratio's excess and the last 32 bars' move in its own sigmas, return the probabilities."""
    t = min(abs(span_momentum), _CLIP) - _TREND_CENTRE
    trend = math.exp(0.9 * max(z, 0.0) + 0.9 * t)
    reversion = math.exp(0.9 * max(-z, 0.0) - 0.45 * t)
    chop = math.exp(_CHOP_LOGIT)
    total = trend + reversion + chop
    return Regime(trend / total, reversion / total, chop / total)


def next_label(standing: Label | None, now: Regime) -> Label:
    """Given the label that stands and the probabilities, return the label: it changes only with a clear lead."""
    best, likeliest = Label.TREND, now.p_trend
    if now.p_mr > likeliest:
        best, likeliest = Label.MEAN_REVERSION, now.p_mr
    if now.p_chop > likeliest:
        best, likeliest = Label.CHOP, now.p_chop
    if standing is None or (best is not standing and likeliest - now.of(standing) >= LABEL_LEAD):
        return best
    return standing
