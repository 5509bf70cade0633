"""Figures of a run, each from the exchange's fills or from the equity that they led to. Pure; floats for statistics."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from quantum_common.clock import DAY_MS
from quantum_common.money import plain
from services.backtest.account import Sums
from services.backtest.curve import Curve
from services.backtest.record import Tally

DAYS_A_YEAR = 365
SHARPE_DAYS_MIN = 5
SHARPE = (
    "mean over standard deviation (n - 1) of the daily returns of equity at 00:00 UTC, times the root of 365; whole "
    "days only, at least five of them; no risk-free rate"
)
DEFINITIONS = {
    "net_pnl_usd": "equity at the end less the deposit; open positions at their last mark",
    "max_drawdown_pct": "deepest fall of the equity from its peak, at the closes of minutes",
    "sharpe": SHARPE,
    "hit_rate_pct": "round trips that ended above zero after fees and funding; a round trip is a position from flat to "
    "flat",
    "profit_factor": "what winning round trips brought over what losing ones cost",
    "time_in_market_pct": "minutes at whose close a position stood",
    "gross_exposure_pct": "mean of the gross exposure over all minutes, over the deposit",
    "turnover": "sum of the notionals of all fills, over the deposit",
    "buy_and_hold_pct": "the same deposit spread evenly over the symbols at the first open and held to the last close; "
    "no costs",
}


def headline(total: Sums, curve: Curve, trips: Tally, balance: float, unrealised: float) -> dict[str, Any]:
    """Given the account's sums, the equity and the round trips, return what a run came to."""
    minutes = max(curve.seen, 1)
    return {
        "net_pnl_usd": _usd(curve.last - balance),
        "net_pnl_pct": _pct(curve.last - balance, balance),
        "realized_pnl_usd": _usd(float(total.realized_pnl)),
        "fees_usd": _usd(float(total.fees)),
        "funding_usd": _usd(float(total.funding)),
        "insurance_usd": _usd(float(total.insurance)),
        "unrealized_pnl_usd": _usd(unrealised),
        "equity_usd": _usd(curve.last),
        "max_drawdown_pct": round(100.0 * curve.drawdown, 4),
        "max_drawdown_usd": _usd(curve.drawdown_usd),
        "sharpe": sharpe([equity for _, equity in whole_days(curve)]),
        "fills": total.trades,
        "round_trips": trips.trips,
        "hit_rate_pct": _share(trips.won, trips.trips),
        "profit_factor": round(trips.gained / trips.lost, 4) if trips.lost > 0.0 else None,
        "best_trip_usd": _extreme(trips.best),
        "worst_trip_usd": _extreme(trips.worst),
        "mean_minutes": round(trips.minutes / trips.trips, 2) if trips.trips else None,
        "time_in_market_pct": round(100.0 * curve.minutes_in / minutes, 4),
        "gross_exposure_pct": _pct(curve.gross_sum / minutes, balance),
        "turnover": round(float(total.notional) / balance, 4) if balance > 0.0 else None,
    }


def whole_days(curve: Curve) -> list[tuple[int, float]]:
    """Given the equity, return it at each midnight UTC that was reached."""
    return [(close_ms, equity) for close_ms, equity in curve.days if close_ms % DAY_MS == 0]


def sharpe(equities: Sequence[float]) -> float | None:
    """Given the equity day by day, return the annual ratio, or None for too few days or an equity that never moved."""
    returns = [after / before - 1.0 for before, after in itertools.pairwise(equities) if before > 0.0]
    if len(returns) < SHARPE_DAYS_MIN:
        return None
    mean = math.fsum(returns) / len(returns)
    spread = math.sqrt(math.fsum((one - mean) ** 2 for one in returns) / (len(returns) - 1))
    return round(mean / spread * math.sqrt(DAYS_A_YEAR), 4) if spread > 0.0 else None


def daily(curve: Curve, balance: float) -> list[dict[str, Any]]:
    """Given the equity, return what each UTC day came to, the unfinished ones at both ends too."""
    days, before = [], balance
    for close_ms, equity in curve.days:
        days.append({"to_ms": close_ms, "net_usd": _usd(equity - before), "equity_usd": _usd(equity)})
        before = equity
    return days


def tally(one: Tally) -> dict[str, Any]:
    """Given round trips of one kind, return their figures."""
    return {
        "round_trips": one.trips,
        "hit_rate_pct": _share(one.won, one.trips),
        "net_usd": _usd(one.net),
        "profit_factor": round(one.gained / one.lost, 4) if one.lost > 0.0 else None,
        "best_usd": _extreme(one.best),
        "worst_usd": _extreme(one.worst),
        "mean_minutes": round(one.minutes / one.trips, 2) if one.trips else None,
    }


def per_symbol(sums: Mapping[str, Sums], trips: Mapping[str, Tally]) -> dict[str, dict[str, Any]]:
    """Given what was traded and the round trips, return each symbol's figures."""
    return {
        symbol: {
            "fills": one.trades,
            "notional_usd": _usd(float(one.notional)),
            "realized_pnl_usd": _usd(float(one.realized_pnl)),
            "fees_usd": _usd(float(one.fees)),
            "funding_usd": _usd(float(one.funding)),
            "net_usd": _usd(float(one.net)),
            "position_amt": plain(one.position_amt),
            **{name: value for name, value in tally(trips.get(symbol, Tally())).items() if name != "net_usd"},
        }
        for symbol, one in sorted(sums.items())
    }


def _usd(value: float) -> float:
    return round(value, 8) + 0.0  # no minus before a zero


def _pct(part: float, whole: float) -> float | None:
    return round(100.0 * part / whole, 4) + 0.0 if whole > 0.0 else None


def _share(part: int, whole: int) -> float | None:
    return round(100.0 * part / whole, 2) if whole else None


def _extreme(value: float) -> float | None:
    return _usd(value) if math.isfinite(value) else None
