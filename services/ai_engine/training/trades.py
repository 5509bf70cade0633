"""What trading on predictions would have come to: one position a symbol at a time, held for the horizon, costs paid.

Plain on purpose. Stops, partial profits and the portfolio belong to the engine, and `quantum backtest` has them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from quantum_common.clock import DAY_MS
from services.ai_engine.card import Worth
from services.ai_engine.training.plan import Plan
from services.ai_engine.training.rows import Floats, Integers, Rows

RESAMPLES = 10_000
TRADES_MIN, DAYS_MIN = 20, 5  # below, an interval would pretend to know
NOTHING = Worth(trades=0, gross_bps=None, net_bps=None, net_total_bps=0.0, low_bps=None, high_bps=None)


@dataclass(frozen=True)
class FundingRates:
    """When a symbol's funding was due, and the sums of its rates up to then (one more than times)."""

    times_ms: Integers
    sums: Floats

    def paid(self, from_ms: Integers, until_ms: Integers) -> Floats:
        """Given when positions were opened and closed, return the rate that a long one paid in between."""
        first = np.searchsorted(self.times_ms, from_ms, side="right")
        last = np.searchsorted(self.times_ms, until_ms, side="right")
        return np.asarray(self.sums[last] - self.sums[first])


Funding = Mapping[int, FundingRates]  # by the symbol's place


def taken(rows: Rows, expected_bps: Floats, gate_bps: float, plan: Plan) -> Integers:
    """Given rows and what is expected of them, return the places of those that are traded: where the move reaches the
    gate and the symbol holds no position yet."""
    chosen, free_ms = [], dict[int, int]()
    for place in np.flatnonzero((np.abs(expected_bps) >= gate_bps) & (expected_bps != 0.0)).tolist():
        symbol, time_ms = int(rows.symbol[place]), int(rows.time_ms[place])
        if time_ms >= free_ms.get(symbol, 0):
            free_ms[symbol] = time_ms + plan.horizon_ms
            chosen.append(place)
    return np.array(chosen, dtype=np.int64)


def worth_of(rows: Rows, expected_bps: Floats, gate_bps: float, plan: Plan, funding: Funding) -> Worth:
    """Given rows, expectations and a gate, return what trading by it came to."""
    places = taken(rows, expected_bps, gate_bps, plan)
    if not len(places):
        return NOTHING
    traded, sign = rows.where(places), np.sign(expected_bps[places])
    gross = sign * np.expm1(traded.move) * 10_000.0
    net = gross - plan.cost_bps - sign * funding_bps(traded, plan, funding)
    low, high = interval_of(net, traded.time_ms, plan.seed)
    return Worth(
        trades=len(net), gross_bps=float(gross.mean()), net_bps=float(net.mean()), net_total_bps=float(net.sum()),
        low_bps=low, high_bps=high,
    )  # fmt: skip


def buy_and_hold(rows: Rows, plan: Plan, funding: Funding) -> Worth:
    """Given the judged rows, return what one position a symbol, bought at the first and sold at the last, came to."""
    nets, grosses = [], []
    for symbol in np.unique(rows.symbol).tolist():
        own = rows.where(rows.symbol == symbol)
        held, last = _held(own, plan)
        rates = funding.get(symbol)
        ends = np.array([own.time_ms[0]]), np.array([last])
        paid = float(rates.paid(*ends)[0]) if rates is not None else 0.0
        grosses.append(np.expm1(held) * 10_000.0)
        nets.append(grosses[-1] - plan.cost_bps - paid * 10_000.0)
    return Worth(
        trades=len(nets), gross_bps=float(np.mean(grosses)), net_bps=float(np.mean(nets)),
        net_total_bps=float(np.sum(nets)), low_bps=None, high_bps=None,
    )  # fmt: skip


def _held(own: Rows, plan: Plan) -> tuple[float, int]:
    """Given one symbol's rows, return the log return from the first on by steps of whole horizons, and its end."""
    total, next_ms = 0.0, 0
    for time_ms, move in zip(own.time_ms.tolist(), own.move.tolist(), strict=True):
        if time_ms >= next_ms:
            total += move
            next_ms = time_ms + plan.horizon_ms
    return total, next_ms


def funding_bps(rows: Rows, plan: Plan, funding: Funding) -> Floats:
    """Given rows, return what a long position over the horizon paid in funding, in bps; 0 where no rates are known."""
    found = np.zeros(len(rows))
    for symbol, rates in funding.items():
        own = rows.symbol == symbol
        found[own] = rates.paid(rows.time_ms[own], rows.time_ms[own] + plan.horizon_ms) * 10_000.0
    return found


def interval_of(net: Floats, time_ms: Integers, seed: int) -> tuple[float | None, float | None]:
    """Given each trade's result and time, return the 95 % interval of the mean from a bootstrap over whole days.

    Trades of one day share its market, so days are drawn and not trades. Percentiles of few days lie too close and
    are taken further out, as Student's t is wider than the normal (Hesterberg 2015, the expanded percentile
    interval). None where there are too few of either.
    """
    days, place = np.unique(time_ms // DAY_MS, return_inverse=True)
    if len(net) < TRADES_MIN or len(days) < DAYS_MIN:
        return None, None
    sums, counts = np.bincount(place, net), np.bincount(place)
    drawn = np.random.default_rng(seed).integers(0, len(days), (RESAMPLES, len(days)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    tail = tail_of(len(days))
    low, high = np.quantile(means, (tail, 1.0 - tail))
    return float(low), float(high)


def tail_of(days: int) -> float:
    """Given how many days are drawn from, return the share of the means to leave out at each end for 95 %."""
    freedom = days - 1
    return float(ndtr(stdtrit(freedom, 0.025) * (days / freedom) ** 0.5))
