"""Whether an order may enter the market, and on what terms: every check of the exchange, in its order.

Nothing here changes the state: an order is checked whole before anything happens.
"""

from decimal import Decimal
from typing import NamedTuple

from services.paper_exchange.engine import errors, filters, matching, sizing
from services.paper_exchange.engine.desk import Desk, enlarges
from services.paper_exchange.engine.enums import (
    OrderType,
    PositionSide,
    PriceMatch,
    Side,
    SymbolStatus,
    TimeInForce,
)
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.records import ZERO, AlgoOrder
from services.paper_exchange.engine.requests import AlgoRequest, OrderRequest
from services.paper_exchange.engine.state import State

_GOOD_TILL_LEAST_MS = 600_000
_GOOD_TILL_MOST_MS = 253_402_300_799_000
_CLOSED = frozenset({SymbolStatus.CLOSE, SymbolStatus.SETTLING, SymbolStatus.PRE_SETTLE})
_CONDITIONAL = frozenset(OrderType) - {OrderType.LIMIT, OrderType.MARKET, OrderType.LIQUIDATION}


class Terms(NamedTuple):
    """An admitted order: `price` is 0 for a market order, `bound` the worst price it may take."""

    quantity: Decimal
    price: Decimal
    bound: Decimal
    time_in_force: TimeInForce
    good_till_ms: int


def admit(state: State, desk: Desk, request: OrderRequest, algo: AlgoOrder | None = None) -> Terms:
    """Given a new order, return its terms or raise the ExchangeError of the first check that fails.

    `algo` is the triggered algo order that makes it: its goodTillDate was checked when it was placed, and with
    closePosition the quantity is the position's, whatever the lot.
    """
    closing = algo is not None and algo.close_position
    check_status(desk)
    quantity = _check_form(request)
    check_sides(state, request.position_side, request.reduce_only)
    if request.client_order_id is not None:
        filters.check_client_id(request.client_order_id)
    good_till = good_till_ms(state, request) if algo is None else algo.good_till_ms
    market = request.type is OrderType.MARKET
    price = ZERO if market else limit_price(desk, request.side, request.price, request.price_match)
    if not market:
        filters.check_price(desk.rules, price)
    if not closing:
        filters.check_quantity(desk.rules, quantity, market=market)
    _check_value(desk, request, price, quantity, closing=closing)
    _check_count(desk, request.client_order_id)
    bound = _market_bound(desk, request.side) if market else price
    limit = None if market else price
    if enlarges(request.side, request.position_side, reduce_only=bool(request.reduce_only)):
        addition = sizing.Addition(request.side, quantity, sizing.assumed_price(desk, request.side, limit))
        sizing.check_enlarging(state, desk, desk.holdings[request.position_side], addition)
    else:
        sizing.check_reducing(state, desk, sizing.Reduction(request.side, request.position_side, quantity, limit))
    time_in_force = request.time_in_force or TimeInForce.GTC
    _check_book(desk, request, bound, quantity)
    return Terms(quantity, price, bound, time_in_force, good_till)


def check_status(desk: Desk) -> None:
    """Given a contract, raise -4141 where it is closed and -4140 where it does not take new orders."""
    if desk.rules.status in _CLOSED:
        raise refused(errors.SYMBOL_CLOSED)
    if desk.rules.status is not SymbolStatus.TRADING:
        raise refused(errors.CANNOT_OPEN_NOW)


def check_sides(state: State, side: PositionSide, reduce_only: bool | None) -> None:  # noqa: FBT001
    """Given a position side and reduceOnly as sent, raise -4061 or -1106 where the position mode does not know it."""
    if (side is PositionSide.BOTH) == state.dual_side:
        raise refused(errors.BAD_POSITION_SIDE)
    if state.dual_side and reduce_only is not None:
        raise refused(errors.NOT_REQUIRED, "reduceonly")


def good_till_ms(state: State, request: OrderRequest | AlgoRequest) -> int:
    """Given a request, return its goodTillDate cut to the second, 0 without GTD. Raise -1102, -1106 or -5040."""
    asked_ms = request.good_till_ms
    if request.time_in_force is not TimeInForce.GTD:
        if asked_ms:
            raise refused(errors.NOT_REQUIRED, "goodtilldate")
        return 0
    if asked_ms is None:
        raise refused(errors.MANDATORY_MISSING, "goodTillDate")
    if not state.now_ms + _GOOD_TILL_LEAST_MS < asked_ms < _GOOD_TILL_MOST_MS:
        raise refused(errors.BAD_GOOD_TILL_DATE)
    return asked_ms // 1000 * 1000


def limit_price(desk: Desk, side: Side, price: Decimal | None, match: PriceMatch) -> Decimal:
    """Given a price or a priceMatch, return the limit price. Raise -1102, -1106 or -5041."""
    if match is PriceMatch.NONE:
        if price is None:
            raise refused(errors.MANDATORY_MISSING, "price")
        return price
    if price is not None:
        raise refused(errors.NOT_REQUIRED, "price")
    family, _, depth = match.value.partition("_")
    book_side = side if family == PriceMatch.QUEUE.value else matching.other(side)
    matched = matching.level_price(desk, book_side, int(depth or 1))
    if matched is None:
        raise refused(errors.NO_DEPTH_FOR_PRICE_MATCH)
    return matched


def _check_form(request: OrderRequest) -> Decimal:
    """Given a request, raise where its type does not go with what was sent; return the quantity."""
    if request.type in _CONDITIONAL:
        raise refused(errors.ALGO_ENDPOINT_NEEDED)
    if request.type is OrderType.LIQUIDATION:
        raise refused(errors.BAD_ORDER_TYPE)
    if request.type is OrderType.LIMIT:
        if request.time_in_force is None:
            raise refused(errors.MANDATORY_MISSING, "timeInForce")
        if request.time_in_force is TimeInForce.GTE_GTC:
            raise refused(errors.BAD_TIF)
    else:
        if request.price_match is not PriceMatch.NONE:
            raise refused(errors.PRICE_MATCH_TYPE)
        if request.time_in_force is not None:
            raise refused(errors.NOT_REQUIRED, "timeinforce")
        if request.price is not None:
            raise refused(errors.NOT_REQUIRED, "price")
    if request.quantity is None:
        raise refused(errors.MANDATORY_MISSING, "quantity")
    return request.quantity


def _check_value(desk: Desk, request: OrderRequest, price: Decimal, quantity: Decimal, *, closing: bool) -> None:
    """PERCENT_PRICE for limit orders, MIN_NOTIONAL for all but reduce-only ones."""
    mark = desk.book.mark
    if price and mark is not None:
        filters.check_percent_price(desk.rules, request.side, price, mark)
    value_price = price or mark
    reduces = closing or not enlarges(request.side, request.position_side, reduce_only=bool(request.reduce_only))
    if value_price is not None and not reduces:
        filters.check_notional(desk.rules, value_price, quantity)


def _check_count(desk: Desk, client_order_id: str | None) -> None:
    if client_order_id is not None and desk.by_client.get(client_order_id) in desk.open:
        raise refused(errors.DUPLICATE_CLIENT_ID)
    if 0 < desk.rules.max_num_orders <= len(desk.open):
        raise refused(errors.MAX_OPEN_ORDERS)


def _market_bound(desk: Desk, side: Side) -> Decimal:
    """The worst price a market order takes. Raise -1112 where the market has no price yet."""
    mark = desk.book.mark
    if mark is None:
        raise refused(errors.EMPTY_BOOK)
    share = desk.rules.market_take_bound
    return mark * (1 + share) if side is Side.BUY else mark * (1 - share)


def _check_book(desk: Desk, request: OrderRequest, bound: Decimal, quantity: Decimal) -> None:
    """Raise where the book refuses the order as a whole: -4131, -5021 or -5022."""
    if request.type is OrderType.MARKET:
        if matching.best_level(desk, request.side, bound) is None:
            raise refused(errors.BOOK_OUT_OF_BOUNDS)
    elif request.time_in_force is TimeInForce.GTX:
        if matching.crosses(desk, request.side, bound):
            raise refused(errors.POST_ONLY)
    elif request.time_in_force is TimeInForce.FOK and matching.depth(desk, request.side, bound) < quantity:
        raise refused(errors.FILL_OR_KILL)
