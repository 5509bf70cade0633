"""Whether the account can carry an order: margin and bracket of what enlarges, the position behind what reduces."""

from decimal import Decimal
from typing import NamedTuple

from services.paper_exchange.engine import errors, margin
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.digits import ZERO
from services.paper_exchange.engine.enums import PositionSide, ReduceOnlyExcess, Side
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.holding import Holding
from services.paper_exchange.engine.state import State

_LIMIT_SELL_MARKUP = Decimal("1.0015")
_MARKET_BUY_MARKUP = Decimal("1.0005")


class Addition(NamedTuple):
    """What an order would add at its assumed price; `replaced` is its notional before an amendment."""

    side: Side
    quantity: Decimal
    price: Decimal
    replaced: Decimal = ZERO


def assumed_price(desk: Desk, side: Side, price: Decimal | None) -> Decimal:
    """Given a limit price (None: a market order), return the price the exchange assumes the order to fill at.

    LIMIT BUY its own, LIMIT SELL the largest of last + 0.15 %, mark and its own; MARKET BUY best ask + 0.05 %,
    MARKET SELL the larger of best bid and mark.
    """
    book = desk.book
    if price is not None:
        if side is Side.BUY or book.last is None or book.mark is None:
            return price
        return max(book.last * _LIMIT_SELL_MARKUP, book.mark, price)
    level = (book.asks if side is Side.BUY else book.bids).best()
    mark = book.mark if book.mark is not None else ZERO
    if level is None:
        return mark
    return level[0] * _MARKET_BUY_MARKUP if side is Side.BUY else max(level[0], mark)


def check_enlarging(state: State, desk: Desk, holding: Holding, addition: Addition) -> None:
    """Given what an order adds, raise -2027 beyond the bracket of the leverage, -2019 beyond the available balance.

    The part of an order that only takes off the position needs nothing.
    """
    leverage, worth = desk.settings.leverage, holding.worth
    bids, asks = holding.bid_notional, holding.ask_notional
    added = addition.quantity * addition.price
    if addition.side is Side.BUY:
        bids += added - addition.replaced
    else:
        asks += added - addition.replaced
    worst = margin.worst_notional(worth.notional, bids, asks)
    more = margin.initial_margin(worst, leverage) - worth.position_margin - worth.order_margin
    if more <= 0:
        return
    if worst > desk.rules.max_notional(leverage):
        raise refused(errors.MAX_POSITION)
    mark = desk.book.mark
    loss = ZERO
    if mark is not None:
        sign = 1 if addition.side is Side.BUY else -1
        opening = min(addition.quantity, more * leverage / addition.price)
        loss = margin.open_loss(sign, opening, addition.price, mark)
    if more + loss > state.available:
        raise refused(errors.INSUFFICIENT_MARGIN)


class Reduction(NamedTuple):
    """What an order would take off; `price` None is at the market, `own_id` the order that is being amended."""

    side: Side
    position_side: PositionSide
    quantity: Decimal
    price: Decimal | None
    own_id: int = 0


def check_reducing(state: State, desk: Desk, reduction: Reduction) -> None:
    """Given an order that only reduces, raise -2022 where nothing is left for it.

    Open reducing orders with a better price count first. A quantity above what is left is refused in hedge mode, and
    in one-way mode where the engine is set so; otherwise the excess expires at the match.
    """
    left = desk.holdings[reduction.position_side].reducible(reduction.side) - _ahead(desk, reduction)
    hedged = reduction.position_side is not PositionSide.BOTH
    strict = hedged or state.config.reduce_only_excess is ReduceOnlyExcess.REJECT
    if left <= 0 or (strict and reduction.quantity > left):
        raise refused(errors.REDUCE_ONLY_REJECTED)


def _ahead(desk: Desk, reduction: Reduction) -> Decimal:
    """The open quantity of reducing orders that trade before an order at this price."""
    price = reduction.price
    if price is None:
        return ZERO
    ahead = ZERO
    for order_id in desk.reducing:
        order = desk.open[order_id]
        same = order.side is reduction.side and order.position_side is reduction.position_side
        if same and order_id != reduction.own_id:
            better = order.price <= price if order.side is Side.SELL else order.price >= price
            ahead += order.open_qty if better else ZERO
    return ahead
