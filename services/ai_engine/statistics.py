"""The recursions of one unbroken run of bars: constant work a bar, plain floats.

The averages are exponentially weighted and start as the plain mean of what they have seen: the weight of the newest
value is max(alpha, 1/n), so the first values do not linger as a start value would. They are written out in one place,
because a call for each would cost more than all of them do.
"""

import math

from services.ai_engine.inputs import Windows
from services.ai_engine.recursions import Percentile
from services.ai_engine.regime import VARIANCE_RATIO_BARS, VARIANCE_RATIO_HALF_LIFE_BARS, Label

MOMENTUM_BARS = (5, 15, 60, 240)
SIGMA_HALF_LIFE_BARS = 60
RANGE_HALF_LIFE_BARS = 120
RANGE_BIAS = 1.07  # a range sees only the ticks that there were: it comes out this much too small
REFERENCE_HALF_LIFE_BARS = 1440
DRIFT_HALF_LIFE_BARS = 60
ATR_HALF_LIFE_BARS = 9.353  # Wilder's 1/14
SAMPLES = 480  # of sigma, every quarter of an hour: five days
_KEPT = max(MOMENTUM_BARS) + 1
_TRIM_AT, _TRIM_TO = 4096, 1536
_SPAN_BACK = -1 - VARIANCE_RATIO_BARS


def alpha(half_life: float) -> float:
    """Given a half-life in bars, return the weight of the newest value once there are many."""
    return 1.0 - math.pow(0.5, 1.0 / half_life)


_ALPHAS = tuple(
    alpha(half_life)
    for half_life in (
        SIGMA_HALF_LIFE_BARS, RANGE_HALF_LIFE_BARS, REFERENCE_HALF_LIFE_BARS, DRIFT_HALF_LIFE_BARS,
        VARIANCE_RATIO_HALF_LIFE_BARS, ATR_HALF_LIFE_BARS,
    )
)  # fmt: skip
_SLOWEST, _RATIO = min(_ALPHAS), alpha(VARIANCE_RATIO_HALF_LIFE_BARS)
_RANGE_BIAS_SQUARED = RANGE_BIAS * RANGE_BIAS


class Statistics:
    """What is kept of a run of bars. Variances and the range are of one bar, in logarithms; `logs` are the closes,
    the newest last, and never fewer than the longest momentum looks back."""

    __slots__ = (
        "bars", "close_variance", "label", "logs", "mu", "percentile", "range_variance", "reference", "single_variance",
        "span_variance", "true_range", "windows",
    )  # fmt: skip

    def __init__(self, log_close: float, log_high: float, log_low: float, *, windows: bool) -> None:
        """Given the first bar, which has no return yet, and whether a model's inputs will be asked for, begin."""
        self.bars = 1
        self.logs = [log_close] * _KEPT  # before the first bar the price stood where it was found
        self.windows = Windows(self.logs, log_high, log_low) if windows else None
        self.close_variance = self.range_variance = self.reference = 0.0
        self.mu = self.true_range = self.single_variance = self.span_variance = 0.0
        self.percentile = Percentile(SAMPLES)
        self.label: Label | None = None

    def step(
        self,
        log_close: float,
        log_high: float,
        log_low: float,
        volume: float,
        square: float,
        ranged: float,
        true: float,
    ) -> None:
        """Take one bar: its logarithms and volume, and its contributions to the variance of the closes, to that of the
        ranges, and to the true range."""
        logs = self.logs
        move = log_close - logs[-1]
        logs.append(log_close)
        newest = 1.0 / self.bars
        self.bars += 1
        weights = _ALPHAS if newest < _SLOWEST else tuple([max(newest, one) for one in _ALPHAS])
        of_sigma, of_range, of_reference, of_mu, of_ratio, of_atr = weights
        self.mu += of_mu * (move - self.mu)
        self.close_variance += of_sigma * (square - self.close_variance)
        self.range_variance += of_range * (ranged - self.range_variance)
        self.reference += of_reference * (0.5 * (square + _RANGE_BIAS_SQUARED * ranged) - self.reference)
        self.single_variance += of_ratio * (square - self.single_variance)
        self.true_range += of_atr * (true - self.true_range)
        if self.bars > VARIANCE_RATIO_BARS:
            span = log_close - logs[_SPAN_BACK]
            of_span = max(1.0 / (self.bars - VARIANCE_RATIO_BARS), _RATIO)
            self.span_variance += of_span * (span * span - self.span_variance)
        if self.windows is not None:
            self.windows.step(move, log_high, log_low, volume)
        if len(logs) > _TRIM_AT:
            del logs[:-_TRIM_TO]
