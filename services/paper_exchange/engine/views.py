"""Answers computed at the moment of asking: positions at their mark price, and the account's sums."""

from dataclasses import dataclass
from decimal import Decimal

from services.paper_exchange.engine.enums import MarginType, PositionSide


@dataclass(frozen=True, slots=True)
class PositionView:
    """Everything positionRisk and account.positions say of one position. `liquidation_price` is 0 where there is none.

    `isolated_margin` = isolated wallet + unrealized profit; `initial_margin` = position + open order margin.
    Bid and ask notionals count open orders that may open a position; `adl` is 0 (safe) to 4.
    """

    symbol: str
    side: PositionSide
    amount: Decimal
    entry_price: Decimal
    break_even_price: Decimal
    mark_price: Decimal
    unrealized_pnl: Decimal
    liquidation_price: Decimal
    notional: Decimal
    isolated_wallet: Decimal
    isolated_margin: Decimal
    initial_margin: Decimal
    maint_margin: Decimal
    position_initial_margin: Decimal
    open_order_initial_margin: Decimal
    bid_notional: Decimal
    ask_notional: Decimal
    adl: int
    leverage: int
    max_notional: Decimal
    margin_type: MarginType
    update_ms: int


@dataclass(frozen=True, slots=True)
class AccountView:
    """The sums of the USDT account; with one asset the asset's own row says the same."""

    wallet_balance: Decimal
    cross_wallet: Decimal
    unrealized_pnl: Decimal
    cross_unrealized_pnl: Decimal
    margin_balance: Decimal
    initial_margin: Decimal
    maint_margin: Decimal
    position_initial_margin: Decimal
    open_order_initial_margin: Decimal
    available_balance: Decimal
    max_withdraw: Decimal
    dual_side: bool
    multi_assets: bool
    update_ms: int


@dataclass(frozen=True, slots=True)
class MarketView:
    """What the engine knows of a symbol's market since its last tick; prices are None before the first one."""

    symbol: str
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    last: Decimal | None
    mark: Decimal | None
    index_price: Decimal | None
    time_ms: int
