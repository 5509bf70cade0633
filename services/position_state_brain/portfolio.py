"""The account in figures: equity, drawdown, exposure and heat, from the wallet and the exchange's positions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from quantum_common.exchange.port import PositionView
from quantum_common.money import ZERO
from quantum_common.state import Portfolio

PLACES = Decimal("1e-8")


@dataclass(frozen=True, slots=True)
class PortfolioLimits:
    """Against what utilisation and heat are measured."""

    exposure_cap_usd: Decimal
    unstopped_risk: Decimal  # a fraction of the notional


def measure(
    wallet: Decimal,
    positions: Iterable[PositionView],
    stops: Mapping[str, Decimal],
    peak_equity: Decimal,
    limits: PortfolioLimits,
    now_ms: int,
) -> Portfolio:
    """Given the wallet balance in USDT and every position, return the portfolio.

    Heat is what the account loses if every stop is hit, over equity; a position without a stop counts with an assumed
    risk, because no stop is not no risk.
    """
    unrealised = gross = risk = ZERO
    count = 0
    for position in positions:
        if position.position_amt == 0:
            continue
        count += 1
        notional = abs(position.position_amt) * position.mark_price
        unrealised += position.unrealized_pnl
        gross += notional
        risk += risk_to_stop(position, stops.get(position.symbol), limits.unstopped_risk)
    equity = wallet + unrealised
    peak = max(peak_equity, equity)
    return Portfolio(
        equity_usd=equity,
        peak_equity_usd=peak,
        drawdown_pct=_ratio(peak - equity, peak),
        gross_exposure_usd=gross,
        exposure_utilization=_ratio(gross, limits.exposure_cap_usd),
        portfolio_heat=_ratio(risk, equity),
        open_positions=count,
        ts_ms=now_ms,
    )


def risk_to_stop(position: PositionView, stop: Decimal | None, unstopped_risk: Decimal) -> Decimal:
    """Return what a position loses from its mark price to its stop, in USDT; never negative."""
    if stop is None:
        return abs(position.position_amt) * position.mark_price * unstopped_risk
    return max(ZERO, (position.mark_price - stop) * position.position_amt)


def _ratio(part: Decimal, whole: Decimal) -> Decimal:
    return (part / whole).quantize(PLACES) if whole > 0 else ZERO
