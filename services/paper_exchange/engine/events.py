"""What the user data stream says, as typed events in the order they happened; the protocol side spells them out.

The order of an `OrderUpdate` and the `AccountUpdate` of the same fill is the engine's choice: the exchange promises
none across types, so the protocol side may shuffle them.
"""

from dataclasses import dataclass
from decimal import Decimal

from services.paper_exchange.engine.enums import ExecType, MarginType, PositionSide, Side, UpdateReason
from services.paper_exchange.engine.records import ZERO, AlgoOrder, Order


@dataclass(frozen=True, slots=True)
class TradeLite:
    """TRADE_LITE: one fill, said before its order update, without commission or profit."""

    time_ms: int
    symbol: str
    order_id: int
    client_order_id: str
    trade_id: int
    side: Side
    orig_qty: Decimal
    price: Decimal
    maker: bool
    last_qty: Decimal
    last_price: Decimal


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """ORDER_TRADE_UPDATE: the order as it stood right after `exec_type` (status, z, ap, er are in `order`).

    `commission` is None and `trade_id` 0 where nothing traded.
    """

    time_ms: int
    order: Order
    exec_type: ExecType
    last_qty: Decimal = ZERO
    last_price: Decimal = ZERO
    commission: Decimal | None = None
    trade_id: int = 0
    maker: bool = False
    realized_pnl: Decimal = ZERO
    bid_notional: Decimal = ZERO
    ask_notional: Decimal = ZERO
    modify_id: int | None = None


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """An element of `B`: wallet, cross wallet, and the change other than profit and commission (`bc`)."""

    asset: str
    wallet_balance: Decimal
    cross_wallet: Decimal
    balance_change: Decimal


@dataclass(frozen=True, slots=True)
class PositionChange:
    """An element of `P`."""

    symbol: str
    side: PositionSide
    amount: Decimal
    entry_price: Decimal
    break_even_price: Decimal
    realized_total: Decimal
    unrealized_pnl: Decimal
    margin_type: MarginType
    isolated_wallet: Decimal


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """ACCOUNT_UPDATE: only the balances and positions that changed. `symbol` is set for FUNDING_FEE."""

    time_ms: int
    reason: UpdateReason
    balances: tuple[BalanceChange, ...]
    positions: tuple[PositionChange, ...]
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class AlgoUpdate:
    """ALGO_UPDATE."""

    time_ms: int
    algo: AlgoOrder


@dataclass(frozen=True, slots=True)
class ConfigUpdate:
    """ACCOUNT_CONFIG_UPDATE: leverage of a symbol, or (symbol empty) the multi-assets mode."""

    time_ms: int
    symbol: str = ""
    leverage: int = 0
    multi_assets: bool = False


@dataclass(frozen=True, slots=True)
class MarginCallPosition:
    """One position at risk: mark price, unrealized profit and the maintenance margin it needs."""

    symbol: str
    side: PositionSide
    amount: Decimal
    margin_type: MarginType
    isolated_wallet: Decimal
    mark_price: Decimal
    unrealized_pnl: Decimal
    maint_margin: Decimal


@dataclass(frozen=True, slots=True)
class MarginCall:
    """MARGIN_CALL: said once when the risk passes the warning line, again only after it fell below."""

    time_ms: int
    cross_wallet: Decimal
    positions: tuple[MarginCallPosition, ...]


Event = TradeLite | OrderUpdate | AccountUpdate | AlgoUpdate | ConfigUpdate | MarginCall
