"""Features of one symbol, one closed bar after the other: constant work a bar, the same code live and in replay.

Nothing here sees a bar that has not closed. Late and doubled bars change nothing; a short hole is bridged evenly; a
long one starts the statistics over. Each of these is a value that the caller can tell, never a silence.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from quantum_common.exchange.port import Bar
from services.ai_engine.bars import BarFault, fault_of
from services.ai_engine.inputs import INPUT_WARM_BARS, Measured, Windows, leading_of
from services.ai_engine.leader import Leader, Leading
from services.ai_engine.regime import TREND_BARS, Label, Regime, next_label, regime, variance_ratio_z
from services.ai_engine.statistics import MOMENTUM_BARS, RANGE_BIAS, Statistics

WARM_BARS = 260  # the longest momentum, and a little for the averages
BRIDGE_BARS_MAX = 30  # a longer hole starts the statistics over
SIGMA_MIN = 1e-12  # a market that stands still has no sigma to measure moves in
SAMPLE_BARS = 15  # sigma moves slowly: every fifteenth is kept
_TREND_BACK, _PER_ROOT_TREND = -1 - TREND_BARS, 1.0 / math.sqrt(TREND_BARS)
_MOMENTA = tuple((-1 - bars, 1.0 / math.sqrt(bars)) for bars in MOMENTUM_BARS)
_STILL = (0.0,) * len(MOMENTUM_BARS)
_RANGE_BIAS_SQUARED = RANGE_BIAS * RANGE_BIAS
_GARMAN_KLASS = 2.0 * math.log(2.0) - 1.0


class Features(NamedTuple):
    """What is known when a bar has closed. Returns are of logarithms; `sigma*` are volatilities of one bar.

    `momentum` holds the move over each of MOMENTUM_BARS in its own sigmas; `atr_rel` is a fraction of the price;
    `volatility_regime` is a percentile in [0, 1]; nothing is to be traded on before `warm`. `inputs` are what a trained
    model sees, in order of INPUT_NAMES: only at a decision bar's close, after a day of bars, and with the leader known.
    """

    bar_close_ms: int
    price: Decimal
    bars: int
    warm: bool
    log_return: float
    sigma: float
    sigma_close: float
    sigma_range: float
    sigma_ref: float
    mu: float
    ts: float
    momentum: tuple[float, ...]
    vr_z: float
    regime: Regime
    label: Label
    volatility_regime: float
    atr_rel: float
    inputs: tuple[float, ...] = ()


class Ignored(StrEnum):
    """Why a sound bar changed nothing."""

    LATE = "late"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Updated:
    """A bar was taken in. `missing` bars lay before it: bridged, or too many and the statistics were `restarted`."""

    features: Features
    missing: int = 0
    restarted: bool = False


Update = Updated | Ignored | BarFault


class SymbolFeatures:
    """The feature engine of one symbol."""

    __slots__ = ("_decision_ms", "_interval_ms", "_last_open_ms", "_leader", "_stats")

    def __init__(self, interval_ms: int, decision_ms: int | None = None, leader: Leader | None = None) -> None:
        """Given the length of a bar, begin. With the length of a decision bar, a model's inputs are made at its close;
        the leader is shared by all symbols, its own among them."""
        self._interval_ms, self._decision_ms, self._leader = interval_ms, decision_ms, leader
        self._last_open_ms: int | None = None
        self._stats: Statistics | None = None

    @property
    def last_open_ms(self) -> int | None:
        """Return when the last bar that was taken in opened, or None before the first."""
        return self._last_open_ms

    @property
    def warm(self) -> bool:
        """Return whether enough bars were seen in one run."""
        return self._stats is not None and self._stats.bars >= WARM_BARS

    def missing_before(self, bar: Bar) -> int:
        """Given a bar, return how many bars are missing between the last one and it; 0 for late bars and the first."""
        if self._last_open_ms is None:
            return 0
        return max((bar.open_ms - self._last_open_ms) // self._interval_ms - 1, 0)

    def update(self, bar: Bar) -> Update:
        """Given the next closed bar, take it in and return the features, or say why nothing changed."""
        fault = fault_of(bar, self._interval_ms)
        if fault is not None:
            return fault
        last = self._last_open_ms
        if last is not None and bar.open_ms <= last:
            return Ignored.DUPLICATE if bar.open_ms == last else Ignored.LATE
        missing = self.missing_before(bar)
        restarted = missing > BRIDGE_BARS_MAX
        if restarted:
            self._stats = None
        self._last_open_ms = bar.open_ms
        return Updated(self._take(bar, missing), missing, restarted)

    def _take(self, bar: Bar, missing: int) -> Features:
        """Given a sound bar and the size of the hole before it, feed the statistics and return the bar's features."""
        log_open, log_high, log_low, log_close = map(math.log, (bar.open, bar.high, bar.low, bar.close))
        stats = self._stats
        if stats is None:
            stats = self._stats = Statistics(log_close, log_high, log_low, windows=self._decision_ms is not None)
            return self._features(stats, bar, 0.0)
        before = stats.logs[-1]
        if missing:
            _bridge(stats, log_open, missing)
            before = log_open
        body, reach, log_return = log_close - log_open, log_high - log_low, log_close - before
        garman_klass = max(0.5 * reach * reach - _GARMAN_KLASS * body * body, 0.0)
        true_range = max(log_high, before) - min(log_low, before)
        stats.step(log_close, log_high, log_low, float(bar.volume), log_return * log_return, garman_klass, true_range)
        return self._features(stats, bar, log_return)

    def _features(self, stats: Statistics, bar: Bar, log_return: float) -> Features:
        close_variance, range_variance = stats.close_variance, stats.range_variance * _RANGE_BIAS_SQUARED
        sigma = math.sqrt(0.5 * (close_variance + range_variance))
        if (bar.open_ms // self._interval_ms) % SAMPLE_BARS == 0:
            stats.percentile.add(sigma)
        z = variance_ratio_z(stats.span_variance, stats.single_variance)
        logs, momentum, span, ts = stats.logs, _STILL, 0.0, 0.0
        if sigma > SIGMA_MIN:
            per_sigma, now = 1.0 / sigma, logs[-1]
            momentum = tuple([(now - logs[back]) * per_sigma * per_root for back, per_root in _MOMENTA])
            span, ts = (now - logs[_TREND_BACK]) * per_sigma * _PER_ROOT_TREND, abs(stats.mu) * per_sigma
        shares = regime(z, span)
        label = stats.label = next_label(stats.label, shares)
        inputs: tuple[float, ...] = ()
        windows = stats.windows
        if windows is not None and stats.bars >= INPUT_WARM_BARS and sigma > SIGMA_MIN:
            leading = self._leading(windows, bar, sigma)
            if leading is not None:
                measured = Measured(sigma, close_variance, range_variance, stats.mu, z, shares)
                inputs = windows.values(measured, bar.close_ms, leading)
        return Features(  # by place: a name for each would cost as much as the rest
            bar.close_ms, bar.close, stats.bars, stats.bars >= WARM_BARS, log_return, sigma, math.sqrt(close_variance),
            math.sqrt(range_variance), math.sqrt(stats.reference), stats.mu, ts, momentum, z, shares, label,
            stats.percentile.of(sigma), stats.true_range, inputs,
        )  # fmt: skip

    def _leading(self, windows: Windows, bar: Bar, sigma: float) -> Leading | None:
        """Given a bar's close, return what the leader did until the minute before, where inputs are due now and that is
        known. The leader itself leaves its moves where they will be asked for a minute later."""
        decision_ms, leader, end_ms = self._decision_ms or self._interval_ms, self._leader, bar.close_ms + 1
        if leader is not None and bar.symbol == leader.symbol and (end_ms + self._interval_ms) % decision_ms == 0:
            leader.note(bar.close_ms, windows.leading(sigma))
        return None if end_ms % decision_ms else leading_of(leader, bar.close_ms - self._interval_ms)


def _bridge(stats: Statistics, log_open: float, missing: int) -> None:
    """Given the open after a hole, go there in equal steps, with the variance that their sum stands for: the way across
    is unknown."""
    before = stats.logs[-1]
    step = (log_open - before) / missing
    square = (log_open - before) ** 2 / missing
    for number in range(1, missing + 1):
        at = before + step * number
        stats.step(at, at, at, 0.0, square, square, math.sqrt(square))
