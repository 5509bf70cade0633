"""What the engine's tests start from: bars, ledgers, rules, a policy, each with the one thing changed that matters."""

import math
import random
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from quantum_common.exchange.port import Bar, SymbolRules
from quantum_common.state import Ledger, Portfolio, PositionSide
from services.ai_engine.features import Features, SymbolFeatures, Updated
from services.ai_engine.policy import Policy, ProfileName
from services.ai_engine.regime import Label, Regime
from services.ai_engine.settings import AiSettings

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000 // MINUTE_MS * MINUTE_MS
SYMBOL = "BTCUSDT"
RULES = SymbolRules(
    symbol=SYMBOL, status="TRADING", tick_size=Decimal("0.1"), step_size=Decimal("0.001"), min_qty=Decimal("0.001"),
    max_qty=Decimal(100), min_notional=Decimal(5),
)  # fmt: skip


def price(value: float) -> Decimal:
    return Decimal(f"{value:.4f}")


def bar(number: int, close: float = 100.0, **changed: Any) -> Bar:
    """A sound bar around a close, `number` minutes after the start."""
    around = {"open": close, "high": close, "low": close, "close": close, "volume": 1.0} | changed
    open_ms = START_MS + number * MINUTE_MS
    return Bar(
        symbol=SYMBOL, open_ms=open_ms, close_ms=open_ms + MINUTE_MS - 1,
        **{name: price(value) for name, value in around.items()},
    )  # fmt: skip


def walk(count: int, seed: int = 1, sigma: float = 0.001, drift: float = 0.0, first: int = 0) -> Iterator[Bar]:
    """A seeded random walk with wicks."""
    chance, at = random.Random(seed), 100.0
    for number in range(first, first + count):
        close = at * math.exp(chance.gauss(drift, sigma))
        high = max(at, close) * (1 + abs(chance.gauss(0, sigma / 3)))
        low = min(at, close) * (1 - abs(chance.gauss(0, sigma / 3)))
        yield bar(number, close, open=at, high=high, low=low)
        at = float(price(close))


def fed(bars: Iterable[Bar], engine: SymbolFeatures | None = None) -> list[Features]:
    """The features of every bar."""
    engine = engine or SymbolFeatures(MINUTE_MS)
    updates = [engine.update(one) for one in bars]
    assert all(isinstance(update, Updated) for update in updates)
    return [update.features for update in updates if isinstance(update, Updated)]


def features(**changed: Any) -> Features:
    """A warm symbol in a clear upward trend, one sigma being ten basis points a bar."""
    p_trend = changed.pop("p_trend", 0.6)
    rest = (1.0 - p_trend) / 2
    plain = Features(
        bar_close_ms=START_MS + MINUTE_MS - 1, price=Decimal(100), bars=500, warm=True, log_return=0.001, sigma=0.001,
        sigma_close=0.001, sigma_range=0.001, sigma_ref=0.001, mu=0.0003, ts=0.3, momentum=(1.0, 1.5, 2.0, 2.0),
        vr_z=1.0, regime=Regime(p_trend, rest, rest), label=Label.TREND, volatility_regime=0.5, atr_rel=0.001,
    )  # fmt: skip
    return plain._replace(**changed)


def settings(**changed: Any) -> AiSettings:
    return AiSettings.model_validate({"ai_symbols": SYMBOL} | changed)


def policy(profile: ProfileName = ProfileName.EXPLORE, **changed: Any) -> Policy:
    return settings(ai_profile=profile, **changed).policy


def ledger(amount: float, entry: float = 100.0, opened_ms: int = START_MS) -> Ledger:
    """A position of so much, entered at that price; flat for zero."""
    if not amount:
        return Ledger.flat()
    amt = price(amount)
    return Ledger.flat().model_copy(
        update={
            "position_amt": amt, "side": PositionSide.of(amt), "avg_entry_price": price(entry), "opened_ms": opened_ms,
            "total_qty": abs(amt),
        }
    )  # fmt: skip


def portfolio(equity_usd: float = 10_000.0) -> Portfolio:
    zero, equity = Decimal(0), price(equity_usd)
    return Portfolio(
        equity_usd=equity, peak_equity_usd=equity, drawdown_pct=zero, gross_exposure_usd=zero,
        exposure_utilization=zero, portfolio_heat=zero, open_positions=0, ts_ms=START_MS,
    )  # fmt: skip
