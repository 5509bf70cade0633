"""The account of a replayed week: positions that open, are carried and close, and what the governor reads of them.

A bookkeeping of closes alone, without fees or slippage: it gives the cutoffs an account that lives, and is no backtest.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from quantum_common.money import ZERO
from quantum_common.state import Ledger, Portfolio, PositionSide, Snapshot

EQUITY = Decimal(10_000)
STOP = Decimal("0.01")  # distance of every entry's stop
EXPOSURE_CAP = Decimal(10_000)
PLACES = Decimal("1e-8")


@dataclass
class Position:
    """One open position; `amount` is signed."""

    amount: Decimal
    entry: Decimal
    opened_ms: int


@dataclass
class Account:
    """Cash, positions and the last price of each symbol."""

    cash: Decimal = EQUITY
    peak: Decimal = EQUITY
    held: dict[str, Position] = field(default_factory=dict)
    price: dict[str, Decimal] = field(default_factory=dict)

    def open(self, symbol: str, amount: Decimal, now_ms: int) -> None:
        """Open a position at the last price."""
        self.held[symbol] = Position(amount, self.price[symbol], now_ms)

    def close(self, symbol: str) -> None:
        """Close a position at the last price."""
        position = self.held.pop(symbol)
        self.cash += position.amount * (self.price[symbol] - position.entry)

    def portfolio(self, now_ms: int) -> Portfolio:
        """Return the account in figures, as P3.3 measures it."""
        worth = {symbol: abs(one.amount) * self.price[symbol] for symbol, one in self.held.items()}
        equity = self.cash + sum(
            (one.amount * (self.price[symbol] - one.entry) for symbol, one in self.held.items()), ZERO
        )
        self.peak = max(self.peak, equity)
        gross = sum(worth.values(), ZERO)
        risk = sum((max(ZERO, self._to_stop(symbol)) for symbol in self.held), ZERO)
        return Portfolio(
            equity_usd=equity, peak_equity_usd=self.peak,
            drawdown_pct=((self.peak - equity) / self.peak).quantize(PLACES), gross_exposure_usd=gross,
            exposure_utilization=(gross / EXPOSURE_CAP).quantize(PLACES),
            portfolio_heat=(risk / equity).quantize(PLACES), open_positions=len(self.held), ts_ms=now_ms,
        )  # fmt: skip

    def ledger(self, symbol: str) -> Ledger:
        """Return what the ledger would say of a symbol."""
        one = self.held.get(symbol)
        if one is None:
            return Ledger.flat()
        known = {"position_amt": one.amount, "side": PositionSide.of(one.amount), "opened_ms": one.opened_ms}
        return Ledger.flat().model_copy(update=known)

    def snapshot(self, symbol: str, now_ms: int) -> Snapshot:
        """Return what the exchange would say of a symbol."""
        amount = self.held[symbol].amount if symbol in self.held else ZERO
        return Snapshot(
            position_amt=amount, side=PositionSide.of(amount), entry_price=ZERO, mark_price=self.price[symbol],
            unrealized_pnl=ZERO, leverage=1, liquidation_price=ZERO, ts_epoch=now_ms // 1000, ts_iso="", ts_ms=now_ms,
            source="replay",
        )  # fmt: skip

    def _to_stop(self, symbol: str) -> Decimal:
        one, price = self.held[symbol], self.price[symbol]
        sign = 1 if one.amount > 0 else -1
        return one.amount * (price - one.entry * (1 - sign * STOP))
