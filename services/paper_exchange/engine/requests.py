"""What a client asks for, typed; None is "not sent"."""

from dataclasses import dataclass
from decimal import Decimal

from services.paper_exchange.engine.enums import (
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    Side,
    TimeInForce,
    WorkingType,
)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A new ordinary order. `client_order_id` None has the engine make one; `reduce_only` None is "not sent"."""

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool | None = None
    client_order_id: str | None = None
    price_match: PriceMatch = PriceMatch.NONE
    stp_mode: SelfTrade = SelfTrade.EXPIRE_MAKER
    good_till_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AmendRequest:
    """A new price and quantity for an open limit order, named by one of its two ids."""

    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal | None
    order_id: int | None = None
    client_order_id: str | None = None
    price_match: PriceMatch = PriceMatch.NONE
    reduce_only: bool | None = None
    modify_id: int | None = None


@dataclass(frozen=True, slots=True)
class AlgoRequest:
    """A new conditional order. `callback_rate` is in per cent, as on the wire."""

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    position_side: PositionSide = PositionSide.BOTH
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    price_match: PriceMatch = PriceMatch.NONE
    stp_mode: SelfTrade = SelfTrade.EXPIRE_MAKER
    price_protect: bool = False
    reduce_only: bool | None = None
    close_position: bool = False
    activate_price: Decimal | None = None
    callback_rate: Decimal | None = None
    client_algo_id: str | None = None
    good_till_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The optional bounds of a history query, both ends included. `limit` None is the endpoint's default."""

    start_ms: int | None = None
    end_ms: int | None = None
    limit: int | None = None
