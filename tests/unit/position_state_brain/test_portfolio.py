"""The account in figures: what is measured, against what, and what counts where nothing is known."""

import pytest

from services.position_state_brain.portfolio import PortfolioLimits, measure, risk_to_stop
from tests.unit.position_state_brain.scripted import NOW_MS, D, row

LIMITS = PortfolioLimits(D(20_000), D("0.1"))


def test_a_flat_account_is_its_wallet() -> None:
    portfolio = measure(D(10_000), [row()], {}, D(0), LIMITS, NOW_MS)
    assert (portfolio.equity_usd, portfolio.peak_equity_usd, portfolio.drawdown_pct) == (D(10_000), D(10_000), D(0))
    assert (portfolio.gross_exposure_usd, portfolio.portfolio_heat, portfolio.open_positions) == (D(0), D(0), 0)
    assert portfolio.ts_ms == NOW_MS


def test_exposure_is_gross_and_heat_is_what_the_stops_would_cost() -> None:
    rows = [
        row("10", mark_price=D(100), unrealized_pnl=D(50)),
        row("-2", "ETHUSDT", mark_price=D(200), unrealized_pnl=D(-30)),
        row("0", "SOLUSDT", mark_price=D(20)),
    ]
    portfolio = measure(D(9_980), rows, {"BTCUSDT": D(95), "ETHUSDT": D(210)}, D(12_500), LIMITS, NOW_MS)
    assert portfolio.equity_usd == D(10_000)
    assert (portfolio.peak_equity_usd, portfolio.drawdown_pct) == (D(12_500), D("0.2"))
    assert (portfolio.gross_exposure_usd, portfolio.exposure_utilization) == (D(1_400), D("0.07"))
    assert (portfolio.portfolio_heat, portfolio.open_positions) == (D("0.007"), 2)


@pytest.mark.parametrize(
    ("amount", "stop", "risk"),
    [("10", "95", "50"), ("-10", "105", "50"), ("10", None, "100"), ("-10", None, "100"), ("10", "105", "0"),
     ("-10", "95", "0")],
)  # fmt: skip
def test_the_risk_of_a_position_is_never_negative_and_no_stop_is_not_no_risk(
    amount: str, stop: str | None, risk: str
) -> None:
    assert risk_to_stop(row(amount), D(stop) if stop else None, D("0.1")) == D(risk)


def test_ratios_stand_at_nought_where_there_is_nothing_to_divide_by() -> None:
    portfolio = measure(D(-5), [row("1")], {}, D(0), LIMITS, NOW_MS)
    assert (portfolio.equity_usd, portfolio.peak_equity_usd) == (D(-5), D(0))
    assert (portfolio.drawdown_pct, portfolio.portfolio_heat) == (D(0), D(0))
