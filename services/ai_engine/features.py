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
from services.ai_engine.leader import Leader
from services.ai_engine.recursions import Ewma, Percentile, Ring
from services.ai_engine.regime import (
    TREND_BARS,
    VARIANCE_RATIO_BARS,
    VARIANCE_RATIO_HALF_LIFE_BARS,
    Label,
    Regime,
    next_label,
    regime,
    variance_ratio_z,
)

MOMENTUM_BARS = (5, 15, 60, 240)
WARM_BARS = 260  # the longest momentum, and a little for the averages
BRIDGE_BARS_MAX = 30  # a longer hole starts the statistics over
SIGMA_HALF_LIFE_BARS = 60
RANGE_HALF_LIFE_BARS = 120
RANGE_BIAS = 1.07  # a range sees only the ticks that there were: it comes out this much too small
REFERENCE_HALF_LIFE_BARS = 1440
SIGMA_MIN = 1e-12  # a market that stands still has no sigma to measure moves in
DRIFT_HALF_LIFE_BARS = 60
ATR_HALF_LIFE_BARS = 9.353  # Wilder's 1/14
SAMPLE_BARS = 15  # sigma moves slowly: every fifteenth is kept
SAMPLES = 480  # five days
_ROOT_TREND = math.sqrt(TREND_BARS)
_ROOTS = tuple((bars, math.sqrt(bars)) for bars in MOMENTUM_BARS)
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


class _Statistics:
    """The recursions of one unbroken run of bars."""

    __slots__ = (
        "atr", "bars", "drift", "label", "logs", "percentile",
        "range_variance", "reference", "span_variance", "variance", "vr_variance", "windows",
    )  # fmt: skip

    def __init__(self) -> None:
        self.bars = 0
        self.windows: Windows | None = None
        self.logs = Ring(max(MOMENTUM_BARS) + 1)
        self.variance = Ewma(SIGMA_HALF_LIFE_BARS)
        self.range_variance = Ewma(RANGE_HALF_LIFE_BARS)
        self.reference = Ewma(REFERENCE_HALF_LIFE_BARS)
        self.drift = Ewma(DRIFT_HALF_LIFE_BARS)
        self.vr_variance = Ewma(VARIANCE_RATIO_HALF_LIFE_BARS)
        self.span_variance = Ewma(VARIANCE_RATIO_HALF_LIFE_BARS)
        self.atr = Ewma(ATR_HALF_LIFE_BARS)
        self.percentile = Percentile(SAMPLES)
        self.label: Label | None = None

    def start(self, log_close: float) -> None:
        """Take the first bar of a run: it has no return yet."""
        self.bars = 1
        self.logs.push(log_close)

    def step(self, log_close: float, squared_return: float, range_variance: float, true_range: float) -> None:
        """Take one bar's move, its contribution to the variances and its range, all in logarithms."""
        self.drift.update(log_close - self.logs.back(0))
        self.bars += 1
        self.logs.push(log_close)
        self.variance.update(squared_return)
        self.range_variance.update(range_variance)
        self.reference.update(0.5 * (squared_return + RANGE_BIAS * RANGE_BIAS * range_variance))
        self.vr_variance.update(squared_return)
        if self.bars > VARIANCE_RATIO_BARS:
            span = log_close - self.logs.back(VARIANCE_RATIO_BARS)
            self.span_variance.update(span * span)
        self.atr.update(true_range)


class SymbolFeatures:
    """The feature engine of one symbol."""

    __slots__ = ("_decision_ms", "_interval_ms", "_last_open_ms", "_leader", "_stats")

    def __init__(self, interval_ms: int, decision_ms: int | None = None, leader: Leader | None = None) -> None:
        """Given the length of a bar, begin. With the length of a decision bar, a model's inputs are made at its close;
        the leader is shared by all symbols, its own among them."""
        self._interval_ms, self._decision_ms, self._leader = interval_ms, decision_ms, leader
        self._last_open_ms: int | None = None
        self._stats = _Statistics()

    @property
    def last_open_ms(self) -> int | None:
        """Return when the last bar that was taken in opened, or None before the first."""
        return self._last_open_ms

    @property
    def warm(self) -> bool:
        """Return whether enough bars were seen in one run."""
        return self._stats.bars >= WARM_BARS

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
            self._stats = _Statistics()
        log_return = self._take(bar, 0 if restarted else missing)
        self._last_open_ms = bar.open_ms
        return Updated(self._features(bar, log_return), missing, restarted)

    def _take(self, bar: Bar, missing: int) -> float:
        """Given a bar and the size of the hole before it, feed the recursions and return the bar's log return."""
        stats = self._stats
        log_open, log_high, log_low, log_close = map(math.log, (bar.open, bar.high, bar.low, bar.close))
        if stats.bars == 0:
            stats.start(log_close)
            if self._decision_ms is not None:
                stats.windows = Windows(log_close, log_high, log_low)
            return 0.0
        before = stats.logs.back(0)
        if missing:  # the way across the hole is unknown: equal steps, and the variance that their sum stands for
            step = (log_open - before) / missing
            squared = (log_open - before) ** 2 / missing
            for number in range(1, missing + 1):
                stats.step(before + step * number, squared, squared, math.sqrt(squared))
                if stats.windows is not None:
                    at = before + step * number
                    stats.windows.step(at, at, at, 0.0)
            before = log_open
        body, reach = log_close - log_open, log_high - log_low
        log_return = log_close - before
        garman_klass = max(0.5 * reach * reach - _GARMAN_KLASS * body * body, 0.0)
        true_range = max(log_high, before) - min(log_low, before)
        stats.step(log_close, log_return * log_return, garman_klass, true_range)
        if stats.windows is not None:
            stats.windows.step(log_close, log_high, log_low, float(bar.volume))
        return log_return

    def _features(self, bar: Bar, log_return: float) -> Features:
        stats = self._stats
        close_variance, range_variance = stats.variance.value, stats.range_variance.value * RANGE_BIAS * RANGE_BIAS
        sigma = math.sqrt(0.5 * (close_variance + range_variance))
        if (bar.open_ms // self._interval_ms) % SAMPLE_BARS == 0:
            stats.percentile.add(sigma)
        z = variance_ratio_z(stats.span_variance.value, stats.vr_variance.value)
        now = regime(z, self._momentum(TREND_BARS, 1.0 / (sigma * _ROOT_TREND) if sigma > SIGMA_MIN else 0.0))
        stats.label = next_label(stats.label, now)
        return Features(
            bar_close_ms=bar.close_ms,
            price=bar.close,
            bars=stats.bars,
            warm=stats.bars >= WARM_BARS,
            log_return=log_return,
            sigma=sigma,
            sigma_close=math.sqrt(close_variance),
            sigma_range=math.sqrt(range_variance),
            sigma_ref=math.sqrt(stats.reference.value),
            mu=stats.drift.value,
            ts=abs(stats.drift.value) / sigma if sigma > SIGMA_MIN else 0.0,
            momentum=self._momenta(sigma),
            vr_z=z,
            regime=now,
            label=stats.label,
            volatility_regime=stats.percentile.of(sigma),
            atr_rel=stats.atr.value,
            inputs=self._inputs(bar, Measured(sigma, close_variance, range_variance, stats.drift.value, z, now)),
        )

    def _inputs(self, bar: Bar, measured: Measured) -> tuple[float, ...]:
        """Given what is known at a bar's close, return a model's inputs where they are due; the leader leaves its moves
        where they will be asked for a minute later."""
        windows, decision_ms, leader = self._stats.windows, self._decision_ms, self._leader
        if windows is None or decision_ms is None or self._stats.bars < INPUT_WARM_BARS or measured.sigma <= SIGMA_MIN:
            return ()
        end_ms = bar.close_ms + 1
        if leader is not None and bar.symbol == leader.symbol and (end_ms + self._interval_ms) % decision_ms == 0:
            leader.note(bar.close_ms, windows.leading(measured.sigma))
        if end_ms % decision_ms:
            return ()
        leading = leading_of(leader, bar.close_ms - self._interval_ms)
        return () if leading is None else windows.values(measured, bar.close_ms, leading)

    def _momenta(self, sigma: float) -> tuple[float, ...]:
        """Return the moves over MOMENTUM_BARS, each in its own sigmas; zeros where there is no volatility."""
        if sigma <= SIGMA_MIN:
            return (0.0,) * len(MOMENTUM_BARS)
        return tuple([self._momentum(bars, 1.0 / (sigma * root)) for bars, root in _ROOTS])

    def _momentum(self, bars: int, per_sigma: float) -> float:
        """Given a horizon and one over its sigma, return the move over it in its own sigmas."""
        logs = self._stats.logs
        return (logs.back(0) - logs.back(bars)) * per_sigma
