"""What a model sees: about forty numbers of one symbol at a decision bar's close, from closed minute bars alone.

No window is summed anew: each bar adds to a few running sums, and a decision takes differences of them.
Moves are in sigmas and capped, so that one number means the same on every symbol. The names and their order are the
contract with a trained model: `INPUTS_HASH` stands in its card, and a model of other inputs is refused.
"""

import hashlib
import math
from typing import NamedTuple

from quantum_common.clock import DAY_MS
from services.ai_engine.leader import Leader, Leading
from services.ai_engine.regime import Regime

INPUTS_VERSION = 1  # to be raised with every change of a formula
RETURN_BARS = (1, 5, 15, 30, 60, 120, 240, 480, 1440)
PLACE_BARS = (15, 60, 240)
HOUR_BARS, DAY_BARS = 60, 1440
INPUT_WARM_BARS = DAY_BARS + 1
SIGMAS_MAX = 8.0
VARIANCE_MIN = 1e-14  # of a minute: a thousandth of a basis point
WEEK_MS = 7 * DAY_MS
_TINY = 1e-12
_QUIET = 1e-3  # of the usual volume: what counts as none
_TRIM_AT, _TRIM_TO = 4096, DAY_BARS + 2

INPUT_NAMES = (
    *(f"ret_{bars}" for bars in RETURN_BARS), "ret_60_before",
    *(f"place_{bars}" for bars in PLACE_BARS), "span_60",
    "variance_1440", "variance_240", "variance_60", "variance_15", "range_to_close",
    "rises_60", "straight_60", "rises_240", "straight_240",
    "volume_15", "volume_60", "flow_15", "flow_60",
    "vr_z", "drift", "p_trend", "p_mr",
    "day_sin", "day_cos", "half_day_sin", "half_day_cos", "week_sin", "week_cos",
    "lead_1", "lead_5", "lead_15", "lead_60", "lag_15", "lag_60", "lead_variance",
)  # fmt: skip
INPUTS_HASH = hashlib.sha256(f"{INPUTS_VERSION}|{','.join(INPUT_NAMES)}".encode()).hexdigest()[:16]

_ROOTS = tuple((bars + 1, 1.0 / math.sqrt(bars)) for bars in RETURN_BARS)
_PER_ROOT_5, _PER_ROOT_15, _PER_ROOT_60 = (1.0 / math.sqrt(bars) for bars in (5, 15, 60))
_NO_LEADER = Leading(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Measured(NamedTuple):
    """What the features know already at the bar's close."""

    sigma: float
    close_variance: float
    range_variance: float
    mu: float
    vr_z: float
    regime: Regime


class Windows:
    """A day of one symbol's minutes as running sums, each bar in constant work."""

    __slots__ = ("flows", "highs", "logs", "lows", "paths", "signed", "squares", "volumes")

    def __init__(self, logs: list[float], log_high: float, log_low: float) -> None:
        """Given the closes, which somebody else adds to, and the first bar's range, begin."""
        self.logs, self.highs, self.lows = logs, [log_high], [log_low]
        self.squares, self.signed, self.paths = [0.0], [0.0], [0.0]
        self.volumes, self.flows = [0.0], [0.0]

    def step(self, move: float, log_high: float, log_low: float, volume: float) -> None:
        """Take one bar whose close is in the logs already: its move, its range and its volume."""
        square = move * move
        self.highs.append(log_high)
        self.lows.append(log_low)
        self.squares.append(self.squares[-1] + square)
        self.volumes.append(self.volumes[-1] + volume)
        if move > 0.0:
            self.signed.append(self.signed[-1] + square)
            self.paths.append(self.paths[-1] + move)
            self.flows.append(self.flows[-1] + volume)
        elif move < 0.0:
            self.signed.append(self.signed[-1] - square)
            self.paths.append(self.paths[-1] - move)
            self.flows.append(self.flows[-1] - volume)
        else:
            self.signed.append(self.signed[-1])
            self.paths.append(self.paths[-1])
            self.flows.append(self.flows[-1])
        if len(self.highs) > _TRIM_AT:
            self._trim()

    def _trim(self) -> None:
        """Forget what is older than a day, and let the sums begin there: a year's sum would swallow a quiet hour."""
        for kept in (self.highs, self.lows):
            del kept[:-_TRIM_TO]
        for sums in (self.squares, self.signed, self.paths, self.volumes, self.flows):
            base = sums[-_TRIM_TO]
            sums[:] = [value - base for value in sums[-_TRIM_TO:]]

    def leading(self, sigma: float) -> Leading:
        """Given the leader's sigma, return what the others see of it."""
        logs, per_sigma = self.logs, 1.0 / sigma
        now = logs[-1]
        move_15, move_60 = now - logs[-16], now - logs[-61]
        return Leading(
            _capped((now - logs[-2]) * per_sigma),
            _capped((now - logs[-6]) * per_sigma * _PER_ROOT_5),
            _capped(move_15 * per_sigma * _PER_ROOT_15),
            _capped(move_60 * per_sigma * _PER_ROOT_60),
            move_15,
            move_60,
            math.log(self._variance(HOUR_BARS) / self._variance(DAY_BARS)),
        )

    def values(self, measured: Measured, close_ms: int, leading: Leading) -> tuple[float, ...]:
        """Given the features of a bar's close and the leader a minute before, return the inputs in order of their
        names. Needs INPUT_WARM_BARS, and a sigma above zero."""
        sigma, regime = measured.sigma, measured.regime
        per_sigma = 1.0 / sigma
        logs = self.logs
        now = logs[-1]
        return (
            *[_capped((now - logs[-back]) * per_sigma * per_root) for back, per_root in _ROOTS],
            _capped((logs[-61] - logs[-121]) * per_sigma * _PER_ROOT_60),
            *self._places(now, per_sigma),
            *self._variances(),
            math.log((measured.range_variance + VARIANCE_MIN) / (measured.close_variance + VARIANCE_MIN)),
            *self._shape(60),
            *self._shape(240),
            *self._volumes(),
            measured.vr_z,
            _capped(measured.mu * per_sigma),
            regime.p_trend,
            regime.p_mr,
            *_times(close_ms + 1),
            leading.ret_1,
            leading.ret_5,
            leading.ret_15,
            leading.ret_60,
            _capped((logs[-2] - logs[-17] - leading.move_15) * per_sigma * _PER_ROOT_15),
            _capped((logs[-2] - logs[-62] - leading.move_60) * per_sigma * _PER_ROOT_60),
            leading.variance,
        )

    def _places(self, now: float, per_sigma: float) -> list[float]:
        """Return where the close lies in each range, -1 the low and 1 the high; and how wide the hour's range is."""
        found, wide = [], 0.0
        for bars in PLACE_BARS:
            high, low = max(self.highs[-bars:]), min(self.lows[-bars:])
            span = high - low
            found.append((2.0 * now - high - low) / span if span > _TINY else 0.0)
            if bars == HOUR_BARS:
                wide = math.log(span * per_sigma * _PER_ROOT_60 + _QUIET)
        found.append(wide)
        return found

    def _variance(self, bars: int) -> float:
        return max((self.squares[-1] - self.squares[-1 - bars]) / bars, VARIANCE_MIN)

    def _variances(self) -> tuple[float, float, float, float]:
        """Return the day's variance of a minute, and how much livelier each shorter window was than the next longer."""
        day, quarter, hour = self._variance(1440), self._variance(240), self._variance(60)
        last = self._variance(15)
        return math.log(day), math.log(quarter / day), math.log(hour / quarter), math.log(last / hour)

    def _shape(self, bars: int) -> tuple[float, float]:
        """Given a window, return which side its variance came from, and how straight its way was; each in [-1, 1]."""
        squares = self.squares[-1] - self.squares[-1 - bars]
        path = self.paths[-1] - self.paths[-1 - bars]
        return (
            (self.signed[-1] - self.signed[-1 - bars]) / squares if squares > VARIANCE_MIN * bars else 0.0,
            (self.logs[-1] - self.logs[-1 - bars]) / path if path > _TINY * bars else 0.0,
        )

    def _volumes(self) -> list[float]:
        """Return the volume of a quarter and of an hour against the day's, and the part of each that rose."""
        volumes, flows = self.volumes, self.flows
        usual = (volumes[-1] - volumes[-1 - DAY_BARS]) / DAY_BARS
        if usual <= volumes[-1] * _TINY:
            return [0.0, 0.0, 0.0, 0.0]
        lively, flowing = [], []
        for bars in (15, 60):
            volume = volumes[-1] - volumes[-1 - bars]
            share = max(volume, 0.0) / (bars * usual)
            lively.append(math.log(share + _QUIET))
            flowing.append((flows[-1] - flows[-1 - bars]) / volume if share > _QUIET else 0.0)
        return lively + flowing


def leading_of(leader: Leader | None, close_ms: int) -> Leading | None:
    """Given the leader and when the bar before closed, return what stood then; zeros where nobody leads."""
    return _NO_LEADER if leader is None else leader.at(close_ms)


def _capped(sigmas: float) -> float:
    return max(-SIGMAS_MAX, min(SIGMAS_MAX, sigmas))


def _times(now_ms: int) -> tuple[float, ...]:
    """Given a time, return where it lies in the day, the half day and the week: as points on circles."""
    day = 2.0 * math.pi * (now_ms % DAY_MS) / DAY_MS
    week = 2.0 * math.pi * (now_ms % WEEK_MS) / WEEK_MS
    return (
        math.sin(day), math.cos(day), math.sin(2.0 * day), math.cos(2.0 * day), math.sin(week), math.cos(week),
    )  # fmt: skip
