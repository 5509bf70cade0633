"""Curve and figures: drawdown, picture, days, Sharpe, and what there is nothing to say of."""

import math
from decimal import Decimal

import pytest

from quantum_common.clock import DAY_MS
from services.backtest import metrics
from services.backtest.account import Sums
from services.backtest.curve import POINTS_MAX, Curve
from services.backtest.record import Tally

MIDNIGHT_MS = 1_750_032_000_000
MINUTE_MS = 60_000


def curve_of(*equities: float, start_ms: int = MIDNIGHT_MS, balance: float = 100.0) -> Curve:
    curve = Curve(start_ms, len(equities), balance)
    for number, equity in enumerate(equities, start=1):
        curve.take(start_ms + number * MINUTE_MS, equity, 50.0 if number % 2 else 0.0)
    curve.finish(start_ms + len(equities) * MINUTE_MS)
    return curve


def test_the_deepest_fall_is_kept_wherever_the_picture_has_its_points() -> None:
    curve = curve_of(100, 120, 90, 130, 117)
    assert curve.drawdown == pytest.approx(0.25)
    assert curve.drawdown_usd == 30.0
    assert curve.drawdowns == [0.0, 0.0, 0.25, 0.0, 0.1]
    long = Curve(MIDNIGHT_MS, 10 * POINTS_MAX, 100.0)
    for number in range(1, 10 * POINTS_MAX + 1):
        long.take(MIDNIGHT_MS + number * MINUTE_MS, 50.0 if number == 5_003 else 100.0, 0.0)
    long.finish(MIDNIGHT_MS + 10 * POINTS_MAX * MINUTE_MS)
    assert len(long.times) <= POINTS_MAX + 1
    assert max(long.drawdowns) == long.drawdown == 0.5


def test_days_end_at_midnight_and_the_last_one_where_the_run_does() -> None:
    curve = Curve(MIDNIGHT_MS - 2 * MINUTE_MS, 4, 100.0)
    for number, equity in enumerate((101.0, 102.0, 103.0, 99.0), start=1):
        curve.take(curve.start_ms + number * MINUTE_MS, equity, 0.0)
    curve.finish(curve.start_ms + 4 * MINUTE_MS)
    assert curve.days == [(MIDNIGHT_MS, 102.0), (MIDNIGHT_MS + 2 * MINUTE_MS, 99.0)]
    assert metrics.whole_days(curve) == [(MIDNIGHT_MS, 102.0)]
    assert [day["net_usd"] for day in metrics.daily(curve, 100.0)] == [2.0, -3.0]
    assert DAY_MS == 86_400_000


def test_sharpe_is_the_mean_over_the_spread_of_whole_days_a_year() -> None:
    assert metrics.sharpe([100.0, 101.0, 100.0, 102.0, 101.0]) is None, "four days say nothing"
    assert metrics.sharpe([100.0] * 8) is None, "an equity that never moved has no ratio"
    returns = [0.01, -0.02, 0.03, 0.01, 0.0]
    equities = [100.0]
    for one in returns:
        equities.append(equities[-1] * (1 + one))
    mean = sum(returns) / 5
    spread = math.sqrt(sum((one - mean) ** 2 for one in returns) / 4)
    assert metrics.sharpe(equities) == pytest.approx(mean / spread * math.sqrt(365), abs=1e-4)


def test_a_run_without_a_trade_has_figures_all_the_same() -> None:
    found = metrics.headline(Sums(), curve_of(100.0, 100.0), Tally(), 100.0, 0.0)
    assert found["net_pnl_usd"] == found["fees_usd"] == found["turnover"] == 0.0
    nothing = ("hit_rate_pct", "profit_factor", "best_trip_usd", "worst_trip_usd", "mean_minutes", "sharpe")
    assert [found[name] for name in nothing] == [None] * 6
    assert found["time_in_market_pct"] == 50.0
    assert found["gross_exposure_pct"] == 25.0


def test_net_is_profit_less_fees_with_funding_and_what_the_insurance_fund_did() -> None:
    sums = Sums(realized_pnl=Decimal(10), fees=Decimal(3), funding=Decimal(-1), insurance=Decimal("0.5"))
    assert sums.net == Decimal("6.5")
