"""What the services may ask of the exchange. Issue reads and commands here, never HTTP.

Commands answer with an outcome value. Reads return data or raise `ExchangeUnavailable`; a read that failed is not an
empty answer. Quantities are in base asset, prices in USDT, times epoch milliseconds of the exchange's clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from quantum_common.exchange.outcome import Commanding, Lookup, Placing
from quantum_common.messages import Side


class ExchangeUnavailable(Exception):
    """A read did not get its answer. `retry_after_ms` is how long to wait before the next try."""

    def __init__(self, cause: str, retry_after_ms: int = 500) -> None:
        super().__init__(cause)
        self.cause = cause
        self.retry_after_ms = retry_after_ms


class ConfigurationRefused(Exception):
    """The exchange refuses us for good (keys, permissions, position mode): an operator must act."""


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """The filters of one symbol on the host that is traded on."""

    symbol: str
    status: str
    tick_size: Decimal
    step_size: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal

    @property
    def tradable(self) -> bool:
        """Return whether new orders are taken."""
        return self.status == "TRADING"


@dataclass(frozen=True, slots=True)
class Bar:
    """One closed candle. `open_ms` and `close_ms` as the exchange gives them; volume in base asset."""

    symbol: str
    open_ms: int
    close_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class FundingTerms:
    """What longs pay shorts at each funding time: the rate as a fraction of the notional, and how often."""

    symbol: str
    rate: Decimal
    interval_ms: int


@dataclass(frozen=True, slots=True)
class PositionView:
    """One symbol's position as the account call reports it; flat symbols included."""

    symbol: str
    position_amt: Decimal
    entry_price: Decimal
    mark_price: Decimal
    unrealized_pnl: Decimal
    leverage: int
    liquidation_price: Decimal
    update_ms: int


@dataclass(frozen=True, slots=True)
class TradeView:
    """One trade of the account: the fact that a ledger is made of. `client_order_id` is empty where the exchange did
    not say it (REST); `trade_id` is unique per symbol and rises."""

    symbol: str
    trade_id: int
    order_id: int
    client_order_id: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    realized_pnl: Decimal
    trade_ms: int


@dataclass(frozen=True, slots=True)
class FundingView:
    """One funding payment, positive where it was received. `income_id` is unique."""

    symbol: str
    income_id: int
    amount: Decimal
    time_ms: int


@dataclass(frozen=True, slots=True)
class StopView:
    """One open conditional order of ours or somebody's."""

    symbol: str
    client_id: str
    side: Side
    trigger_price: Decimal
    close_position: bool
    qty: Decimal
    created_ms: int


@dataclass(frozen=True, slots=True)
class Connected:
    """The user stream stands, for the first time or again: whatever came before may have been missed."""


@dataclass(frozen=True, slots=True)
class Traded:
    """A fill of one of the account's orders."""

    trade: TradeView


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """The account's position in a symbol after a change, as pushed."""

    symbol: str
    position_amt: Decimal
    entry_price: Decimal
    unrealized_pnl: Decimal
    event_ms: int


@dataclass(frozen=True, slots=True)
class WalletChanged:
    """The wallet balance in USDT after a change, as pushed, and the exchange's reason (ORDER, FUNDING_FEE ...)."""

    balance: Decimal
    reason: str
    event_ms: int


@dataclass(frozen=True, slots=True)
class LeverageChanged:
    """The account's leverage on a symbol after a change, as pushed."""

    symbol: str
    leverage: int


UserEvent = Connected | Traded | PositionChanged | WalletChanged | LeverageChanged


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One market order. `stamp_ms` and `recv_window_ms` are signed as given: after their sum, by the exchange's own
    clock, the request can no longer become an order."""

    symbol: str
    side: Side
    qty: Decimal
    reduce_only: bool
    client_order_id: str
    stamp_ms: int
    recv_window_ms: int


@dataclass(frozen=True, slots=True)
class StopRequest:
    """One protective stop: at market when the mark price reaches `trigger_price`. It closes the whole position, or,
    with a `qty`, only reduces it by that much. Of the whole-position kind the exchange allows one a side."""

    symbol: str
    side: Side
    trigger_price: Decimal
    client_id: str
    qty: Decimal | None = None


class ReferencePort(Protocol):
    """What is the same for everybody."""

    async def server_time_ms(self) -> int:
        """Return the exchange's clock: ours plus the offset that the adapter keeps measured, without a request."""
        ...

    async def rules(self) -> Mapping[str, SymbolRules]:
        """Return the filters of every listed symbol."""
        ...


class MarketPort(ReferencePort, Protocol):
    """Closed bars, and what it costs to hold a position."""

    async def history(self, symbol: str, interval: str, limit: int) -> Sequence[Bar]:
        """Return the last `limit` closed bars, oldest first."""
        ...

    async def next_bars(self) -> Sequence[Bar]:
        """Wait for bars that have just closed on the subscribed symbols and return them."""
        ...

    async def funding_terms(self) -> Mapping[str, FundingTerms]:
        """Return every symbol's funding as it stands now."""
        ...


class AccountPort(ReferencePort, Protocol):
    """The account's own state, and the stream of its changes."""

    async def positions(self) -> Sequence[PositionView]:
        """Return every symbol's position in one call, flat ones included."""
        ...

    async def wallet_balance(self) -> Decimal:
        """Return the wallet balance in USDT."""
        ...

    async def trades(self, symbol: str, from_id: int | None, limit: int = 1000) -> Sequence[TradeView]:
        """Return own trades in rising id order, from `from_id` on; the newest `limit` where it is None."""
        ...

    async def funding(self, since_ms: int) -> Sequence[FundingView]:
        """Return funding payments from a time on, in rising time order."""
        ...

    async def order_by_id(self, symbol: str, order_id: int) -> Lookup:
        """Look an order up by the exchange's id, to learn its client id."""
        ...

    async def next_event(self) -> UserEvent:
        """Wait for the next event of the user data stream. It reconnects by itself and says so by `Connected`."""
        ...


class OrderPort(ReferencePort, Protocol):
    """Commands, and the lookups that settle what became of them."""

    async def place(self, request: OrderRequest) -> Placing:
        """Send one market order, once."""
        ...

    async def order(self, symbol: str, client_order_id: str) -> Lookup:
        """Look an order up by its client id."""
        ...

    async def place_stop(self, request: StopRequest) -> Commanding:
        """Place a protective stop. A stop whose client id stands already is Done."""
        ...

    async def cancel_stop(self, client_id: str) -> Commanding:
        """Cancel a protective stop. One that does not stand any more is Done."""
        ...

    async def open_stops(self) -> Sequence[StopView]:
        """Return every open conditional order of the account."""
        ...

    async def set_leverage(self, symbol: str, leverage: int) -> Commanding:
        """Set the leverage of a symbol."""
        ...
