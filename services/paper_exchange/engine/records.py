"""The facts the engine keeps, as immutable rows; what a store writes and a restart reads back.

Quantities in the base asset, prices and money in USDT, times in epoch milliseconds of the exchange clock.
"""

from dataclasses import dataclass
from decimal import Decimal

from services.paper_exchange.engine.enums import (
    AlgoStatus,
    ExpireReason,
    IncomeType,
    MarginType,
    OrderStatus,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    Side,
    TimeInForce,
    WorkingType,
)

ZERO = Decimal(0)
ASSET = "USDT"
OPEN_STATUSES = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})
OPEN_ALGO_STATUSES = frozenset({AlgoStatus.NEW, AlgoStatus.TRIGGERING})


@dataclass(frozen=True, slots=True)
class Order:
    """One ordinary order as it stands; a change makes a new Order with the same `order_id`.

    `queue` is its place in the queue at its price (lower is earlier); `algo_id` is 0 unless an algo order made it.
    """

    order_id: int
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    orig_type: OrderType
    time_in_force: TimeInForce
    orig_qty: Decimal
    price: Decimal
    position_side: PositionSide
    reduce_only: bool
    close_position: bool
    price_match: PriceMatch
    stp_mode: SelfTrade
    good_till_ms: int
    time_ms: int
    update_ms: int
    queue: int
    status: OrderStatus = OrderStatus.NEW
    executed_qty: Decimal = ZERO
    cum_quote: Decimal = ZERO
    expire_reason: ExpireReason = ExpireReason.NONE
    stop_price: Decimal = ZERO
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    price_protect: bool = False
    activate_price: Decimal | None = None
    callback_rate: Decimal | None = None
    algo_id: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the order can still trade."""
        return self.status in OPEN_STATUSES

    @property
    def open_qty(self) -> Decimal:
        """The quantity that has not traded."""
        return self.orig_qty - self.executed_qty

    @property
    def avg_price(self) -> Decimal:
        """Quote over quantity of what has traded; zero before the first trade."""
        return self.cum_quote / self.executed_qty if self.executed_qty else ZERO


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill, as userTrades shows it. `trade_id` ascends within its symbol; `quote_qty` = price * qty."""

    symbol: str
    trade_id: int
    order_id: int
    client_order_id: str
    side: Side
    position_side: PositionSide
    price: Decimal
    qty: Decimal
    quote_qty: Decimal
    realized_pnl: Decimal
    commission: Decimal
    commission_asset: str
    maker: bool
    time_ms: int

    @property
    def buyer(self) -> bool:
        """Whether the account bought."""
        return self.side is Side.BUY


@dataclass(frozen=True, slots=True)
class AlgoOrder:
    """One conditional order. `quantity` is None with `close_position`; `extreme` is the trailing low or high so far."""

    algo_id: int
    client_algo_id: str
    symbol: str
    side: Side
    type: OrderType
    position_side: PositionSide
    time_in_force: TimeInForce
    quantity: Decimal | None
    trigger_price: Decimal
    price: Decimal
    working_type: WorkingType
    price_match: PriceMatch
    stp_mode: SelfTrade
    price_protect: bool
    reduce_only: bool
    close_position: bool
    activate_price: Decimal | None
    callback_rate: Decimal | None
    good_till_ms: int
    create_ms: int
    update_ms: int
    status: AlgoStatus = AlgoStatus.NEW
    activated: bool = False
    extreme: Decimal | None = None
    trigger_ms: int = 0
    actual_order_id: int = 0
    actual_price: Decimal = ZERO
    actual_qty: Decimal = ZERO
    reject_reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the order still waits for its price."""
        return self.status in OPEN_ALGO_STATUSES


@dataclass(frozen=True, slots=True)
class Position:
    """One position; `amount` is signed. Flat positions keep `realized_total` and their update time.

    `carry` = commissions paid less profit realized since the position was last flat (for the break-even price);
    `realized_total` is the accumulated realized profit of the symbol before fees.
    """

    symbol: str
    side: PositionSide
    amount: Decimal = ZERO
    entry_price: Decimal = ZERO
    carry: Decimal = ZERO
    realized_total: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    update_ms: int = 0


@dataclass(frozen=True, slots=True)
class Income:
    """One change of the wallet: the wallet is the sum of all of them. `trade_id` is 0 where no trade made it."""

    tran_id: int
    type: IncomeType
    income: Decimal
    time_ms: int
    symbol: str = ""
    info: str = ""
    trade_id: int = 0
    asset: str = ASSET


@dataclass(frozen=True, slots=True)
class SymbolSettings:
    """What the account chose for one symbol."""

    symbol: str
    leverage: int = 20
    margin_type: MarginType = MarginType.CROSSED


@dataclass(frozen=True, slots=True)
class Account:
    """The account's own row: its USDT wallet (isolated margins included) and its modes."""

    wallet_balance: Decimal = ZERO
    dual_side: bool = False
    multi_assets: bool = False
    update_ms: int = 0


@dataclass(frozen=True, slots=True)
class Countdown:
    """The dead man's switch of one symbol; `deadline_ms` 0 is off."""

    symbol: str
    deadline_ms: int
