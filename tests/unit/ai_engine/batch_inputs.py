"""All inputs of a whole series at once, by the formulas in numpy: the other way to the same numbers."""

import numpy as np
import numpy.typing as npt

from services.ai_engine.regime import VARIANCE_RATIO_HALF_LIFE_BARS, variance_ratio_error
from services.ai_engine.statistics import DRIFT_HALF_LIFE_BARS, RANGE_BIAS, RANGE_HALF_LIFE_BARS, SIGMA_HALF_LIFE_BARS

Column = npt.NDArray[np.float64]


def averages(values: Column, half_life: float) -> Column:
    """The exponentially weighted average after each value, from the weights written out as ratios of products."""
    alpha = 1.0 - 0.5 ** (1.0 / half_life)
    weights = np.maximum(alpha, 1.0 / np.arange(1, len(values) + 1))
    kept = np.cumprod(np.concatenate([[1.0], 1.0 - weights[1:]]))
    weights[0] = 1.0
    return np.asarray(kept * np.cumsum(weights * values / kept))


def back(values: Column, bars: int) -> Column:
    """What was so many bars ago; NaN where nothing was."""
    return np.concatenate([np.full(bars, np.nan), values[: len(values) - bars]])


def summed(values: Column, bars: int) -> Column:
    """The sum of the last so many values."""
    windows = np.lib.stride_tricks.sliding_window_view(values, bars)
    return np.concatenate([np.full(bars - 1, np.nan), windows.sum(axis=1)])


def capped(values: Column) -> Column:
    return np.clip(values, -8.0, 8.0)


def extremes(bars: Column, window: int) -> tuple[Column, Column]:
    """The highest high and the lowest low of the last bars."""
    high = np.lib.stride_tricks.sliding_window_view(bars[:, 2], window).max(axis=1)
    low = np.lib.stride_tricks.sliding_window_view(bars[:, 3], window).min(axis=1)
    empty = np.full(window - 1, np.nan)
    return np.concatenate([empty, high]), np.concatenate([empty, low])


def sigmas(bars: Column) -> tuple[Column, Column, Column, Column]:
    """Sigma, the two variances it is made of, and the mean move. The first bar has none."""
    logs = np.log(bars[:, 1:5])
    moves = np.diff(logs[:, 3])
    body, reach = (logs[:, 3] - logs[:, 0])[1:], (logs[:, 1] - logs[:, 2])[1:]
    klass = np.maximum(0.5 * reach**2 - (2 * np.log(2) - 1) * body**2, 0.0)
    close = averages(moves**2, SIGMA_HALF_LIFE_BARS)
    ranges = RANGE_BIAS**2 * averages(klass, RANGE_HALF_LIFE_BARS)
    sigma = np.sqrt(0.5 * (close + ranges))
    return sigma, close, ranges, averages(moves, DRIFT_HALF_LIFE_BARS)


def regimes(close: Column, sigma: Column) -> tuple[Column, Column, Column]:
    """The variance ratio's z and the probabilities of trend and reversion, by bar from the second on."""
    moves, spans = np.diff(close), close[6:] - close[:-6]
    span = np.concatenate([np.zeros(5), averages(spans**2, VARIANCE_RATIO_HALF_LIFE_BARS)])
    single = averages(moves**2, VARIANCE_RATIO_HALF_LIFE_BARS)
    z = capped((span / (6 * single) - 1.0) / variance_ratio_error(6, VARIANCE_RATIO_HALF_LIFE_BARS))
    t = np.minimum(np.abs((close - back(close, 32))[1:] / (sigma * np.sqrt(32))), 8.0) - 0.8
    logits = np.stack([0.9 * np.maximum(z, 0) + 0.9 * t, 0.9 * np.maximum(-z, 0) - 0.45 * t, np.full_like(z, 0.8)])
    shares = np.exp(logits) / np.exp(logits).sum(axis=0)
    return z, shares[0], shares[1]


def batch(bars: Column, leader: Column) -> dict[str, Column]:
    """Given columns open_ms, open, high, low, close, volume of a symbol and of the leader, minute for minute, return
    every input at every bar's close; NaN before there are enough bars."""
    sigma_after, close_variance, range_variance, mu = sigmas(bars)
    close, volume = np.log(bars[:, 4]), bars[:, 5]
    first = np.full(1, np.nan)
    sigma = np.concatenate([first, sigma_after])
    moves = np.concatenate([[0.0], np.diff(close)])
    found = {
        f"ret_{n}": capped((close - back(close, n)) / (sigma * np.sqrt(n)))
        for n in (1, 5, 15, 30, 60, 120, 240, 480, 1440)
    }
    found["ret_60_before"] = capped((back(close, 60) - back(close, 120)) / (sigma * np.sqrt(60)))
    logs = np.column_stack([bars[:, 0], *np.log(bars[:, 1:5]).T])
    for n in (15, 60, 240):
        high, low = extremes(logs, n)
        wide = high - low
        found[f"place_{n}"] = np.divide(2 * close - high - low, wide, out=np.zeros_like(close), where=wide > 1e-12)
        if n == 60:
            found["span_60"] = np.log(wide / (sigma * np.sqrt(60)) + 1e-3)
    variance = {n: np.maximum(summed(moves**2, n) / n, 1e-14) for n in (15, 60, 240, 1440)}
    found["variance_1440"] = np.log(variance[1440])
    for n, longer in ((240, 1440), (60, 240), (15, 60)):
        found[f"variance_{n}"] = np.log(variance[n] / variance[longer])
    found["range_to_close"] = np.concatenate([first, np.log((range_variance + 1e-14) / (close_variance + 1e-14))])
    for n in (60, 240):
        found[f"rises_{n}"] = summed(np.sign(moves) * moves**2, n) / summed(moves**2, n)
        found[f"straight_{n}"] = (close - back(close, n)) / summed(np.abs(moves), n)
    usual = summed(volume, 1440) / 1440
    for n in (15, 60):
        share = summed(volume, n) / (n * usual)
        found[f"volume_{n}"] = np.log(share + 1e-3)
        flow = summed(np.sign(moves) * volume, n)
        found[f"flow_{n}"] = np.divide(flow, summed(volume, n), out=np.zeros_like(flow), where=share > 1e-3)
    z, trend, reversion = regimes(close, sigma_after)
    for name, column in (("vr_z", z), ("drift", capped(mu / sigma_after)), ("p_trend", trend), ("p_mr", reversion)):
        found[name] = np.concatenate([first, column])
    end_ms = bars[:, 0] + 60_000
    for name, length, turns in (("day", 86_400_000, 1), ("half_day", 86_400_000, 2), ("week", 604_800_000, 1)):
        angle = 2 * np.pi * turns * (end_ms % length) / length
        found[f"{name}_sin"], found[f"{name}_cos"] = np.sin(angle), np.cos(angle)
    return found | led(close, sigma, leader)


def led(close: Column, sigma: Column, leader: Column) -> dict[str, Column]:
    """What the leader did until the minute before, alone and against the symbol itself."""
    leads, leads_sigma = np.log(leader[:, 4]), np.concatenate([[np.nan], sigmas(leader)[0]])
    moves = np.concatenate([[0.0], np.diff(leads)])
    found = {
        f"lead_{n}": back(capped((leads - back(leads, n)) / (leads_sigma * np.sqrt(n))), 1) for n in (1, 5, 15, 60)
    }
    for n in (15, 60):
        own, its = back(close - back(close, n), 1), back(leads - back(leads, n), 1)
        found[f"lag_{n}"] = capped((own - its) / (sigma * np.sqrt(n)))
    hour, day = (np.maximum(summed(moves**2, n) / n, 1e-14) for n in (60, 1440))
    found["lead_variance"] = back(np.log(hour / day), 1)
    return found
