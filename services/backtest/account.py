"""What the account did, told by the exchange's own rows: fills, fees, funding, and the round trips they add up to.

Nothing of this comes from what a service believes: not from a plan, not from a result, not from the ledger. A fill's
reason alone is looked up, by the client id that the exchange shows with it.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from quantum_common.clock import MINUTE_MS
from quantum_common.ids import ORDER_PREFIX, STOP_PREFIXES, plan_of
from quantum_common.money import ZERO
from services.paper_exchange.engine.changes import Rows
from services.paper_exchange.engine.enums import IncomeType, Side
from services.paper_exchange.engine.records import Trade

STOPPED, LIQUIDATED, OTHER = "exchange_stop", "liquidation", "other"


@dataclass
class Sums:
    """What was traded and what it came to, in USDT; `net` is after fees and funding."""

    trades: int = 0
    qty: Decimal = ZERO
    position_amt: Decimal = ZERO
    notional: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    insurance: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        """Return the profit that is in the wallet."""
        return self.realized_pnl - self.fees + self.funding + self.insurance


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A position from flat to flat. Prices are averages; `reason` is what closed the last of it."""

    symbol: str
    side: str
    opened_ms: int
    closed_ms: int
    qty: Decimal
    entry_price: Decimal
    exit_price: Decimal
    realized_pnl: Decimal
    fees: Decimal
    funding: Decimal
    reason: str

    @property
    def net(self) -> Decimal:
        """Return the profit after fees and funding."""
        return self.realized_pnl - self.fees + self.funding

    @property
    def minutes(self) -> float:
        """Return how long it stood."""
        return (self.closed_ms - self.opened_ms) / MINUTE_MS


@dataclass
class _Open:
    """A position that stands: what it has traded so far."""

    opened_ms: int
    sign: int
    entered: Decimal = ZERO
    paid: Decimal = ZERO
    left: Decimal = ZERO
    got: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO


@dataclass
class Account:
    """Takes the exchange's rows as they come. `why` says for what reason a plan was made; `ended` is told of each
    round trip, `filled` of each fill and its reason."""

    why: Callable[[str], str]
    filled: Callable[[Trade, str], None]
    ended: Callable[[RoundTrip], None]
    total: Sums = field(default_factory=Sums)
    symbols: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    _open: dict[str, _Open] = field(default_factory=dict)

    @property
    def open_positions(self) -> int:
        """Return how many positions stand."""
        return len(self._open)

    def take(self, rows: Rows) -> None:
        """Given the rows that changed, count them."""
        for trade in rows.trades:
            self._fill(trade)
        for row in rows.income:
            match row.type:
                case IncomeType.FUNDING_FEE:
                    self.total.funding += row.income
                    self.symbols[row.symbol].funding += row.income
                    if row.symbol in self._open:
                        self._open[row.symbol].funding += row.income
                case IncomeType.INSURANCE_CLEAR:
                    self.total.insurance += row.income
                case _:
                    continue  # profit and commission stand in the trades, the deposit is no result

    def reason_of(self, client_order_id: str) -> str:
        """Given the client id of an order, return why it was sent."""
        if client_order_id.startswith(ORDER_PREFIX):
            return self.why(plan_of(client_order_id) or "") or OTHER
        if client_order_id.startswith(STOP_PREFIXES):
            return STOPPED
        return LIQUIDATED if client_order_id.startswith("autoclose-") else OTHER

    def _fill(self, trade: Trade) -> None:
        sign = 1 if trade.side is Side.BUY else -1
        for sums in (self.total, self.symbols[trade.symbol]):
            sums.trades += 1
            sums.qty += trade.qty
            sums.notional += trade.quote_qty
            sums.realized_pnl += trade.realized_pnl
            sums.fees += trade.commission
            sums.position_amt += sign * trade.qty
        reason = self.reason_of(trade.client_order_id)
        self.filled(trade, reason)
        self._fold(trade, sign, reason)

    def _fold(self, trade: Trade, sign: int, reason: str) -> None:
        """Carry a fill into its round trip. One that crosses zero ends a trip and begins the next."""
        symbol, standing = trade.symbol, self._open.get(trade.symbol)
        if standing is None:
            standing = self._open[symbol] = _Open(trade.time_ms, sign)
        standing.realized_pnl += trade.realized_pnl
        standing.fees += trade.commission
        if sign == standing.sign:
            standing.entered += trade.qty
            standing.paid += trade.quote_qty
            return
        closing = min(trade.qty, standing.entered - standing.left)
        standing.left += closing
        standing.got += closing * trade.price
        if standing.left < standing.entered:
            return
        del self._open[symbol]
        self.ended(
            RoundTrip(
                symbol, "LONG" if standing.sign > 0 else "SHORT", standing.opened_ms, trade.time_ms, standing.entered,
                standing.paid / standing.entered, standing.got / standing.left, standing.realized_pnl, standing.fees,
                standing.funding, reason,
            )
        )  # fmt: skip
        over = trade.qty - closing
        if over:
            self._open[symbol] = _Open(trade.time_ms, sign, entered=over, paid=over * trade.price)
