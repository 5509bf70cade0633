"""Who trades with whom: a new order with the book, and resting orders with the market that comes to them."""

from decimal import Decimal

from services.paper_exchange.engine import lifecycle
from services.paper_exchange.engine.book import Level, Tick
from services.paper_exchange.engine.desk import Desk, enlarges
from services.paper_exchange.engine.enums import ExpireReason, OrderStatus, SelfTrade, Side, TimeInForce
from services.paper_exchange.engine.fills import Fill, apply_fill
from services.paper_exchange.engine.records import Order
from services.paper_exchange.engine.state import State

_NO_SELF_TRADE_CHECK = frozenset({TimeInForce.FOK, TimeInForce.GTX})


def other(side: Side) -> Side:
    """Return the counterparty's side."""
    return Side.SELL if side is Side.BUY else Side.BUY


def reaches(side: Side, bound: Decimal, price: Decimal) -> bool:
    """Given a taker's side and the worst price it takes, return whether it takes this one."""
    return price <= bound if side is Side.BUY else price >= bound


def best_level(desk: Desk, taker: Side, bound: Decimal) -> Level | None:
    """Return the best level a taker of this side can have within its bound."""
    level = (desk.book.asks if taker is Side.BUY else desk.book.bids).best()
    return level if level is not None and reaches(taker, bound, level[0]) else None


def depth(desk: Desk, taker: Side, bound: Decimal) -> Decimal:
    """Return the quantity the book holds for a taker within its bound."""
    return desk.book.asks.depth_below(bound) if taker is Side.BUY else desk.book.bids.depth_above(bound)


def tradable(desk: Desk, order: Order) -> Decimal:
    """Given an open order, return the quantity it may still trade: what only reduces stops at the position."""
    if enlarges(order.side, order.position_side, reduce_only=order.reduce_only):
        return order.open_qty
    return min(order.open_qty, desk.holdings[order.position_side].reducible(order.side))


def match_taker(state: State, desk: Desk, order: Order, bound: Decimal) -> Order:
    """Given a new order and the worst price it takes, trade level by level; return it as it then stands."""
    levels = desk.book.asks if order.side is Side.BUY else desk.book.bids
    guarded = order.time_in_force not in _NO_SELF_TRADE_CHECK
    while order.is_open:
        quantity = tradable(desk, order)
        if not quantity:
            return lifecycle.end(state, desk, order, OrderStatus.EXPIRED, ExpireReason.REDUCE_ONLY)
        level = best_level(desk, order.side, bound)
        if guarded and _own_order_first(desk, order.side, bound, level):
            order = _prevent_self_trade(state, desk, order)
        elif level is None:
            return order
        else:
            quantity = min(quantity, level[1])
            levels.take(quantity)
            order = apply_fill(state, desk, order, Fill(level[0], quantity, desk.rules.taker_fee))
    return order


def match_resting(state: State, desk: Desk, tick: Tick, *, buys_first: bool) -> None:
    """Given a tick, fill the resting orders whose price the market passed (in full) or crosses (as far as it goes)."""
    for side in (Side.BUY, Side.SELL) if buys_first else (Side.SELL, Side.BUY):
        _match_side(state, desk, tick, side)


def _match_side(state: State, desk: Desk, tick: Tick, side: Side) -> None:
    queue = desk.resting[side]
    levels = desk.book.asks if side is Side.BUY else desk.book.bids
    while (price := queue.best_price()) is not None:
        order = desk.orders[queue.best_id()]
        passed = tick.low < price if side is Side.BUY else tick.high > price
        level = best_level(desk, side, price)
        if not passed and level is None:
            return
        quantity = tradable(desk, order)
        if not quantity:
            lifecycle.end(state, desk, order, OrderStatus.EXPIRED, ExpireReason.REDUCE_ONLY)
            continue
        if not passed and level is not None:
            quantity = min(quantity, level[1])
            levels.take(quantity)
        apply_fill(state, desk, order, Fill(price, quantity, desk.rules.maker_fee, maker=True))


def _own_order_first(desk: Desk, taker: Side, bound: Decimal, level: Level | None) -> bool:
    """Whether an own resting order would be the counterparty: better than the book, and within the bound."""
    own = desk.resting[other(taker)].best_price()
    if own is None or not reaches(taker, bound, own):
        return False
    return level is None or (own < level[0] if taker is Side.BUY else own > level[0])


def _prevent_self_trade(state: State, desk: Desk, order: Order) -> Order:
    """Given a taker about to meet an own order, expire what the taker's mode says; return the taker."""
    if order.stp_mode is not SelfTrade.EXPIRE_TAKER:
        maker = desk.orders[desk.resting[other(order.side)].best_id()]
        lifecycle.end(state, desk, maker, OrderStatus.EXPIRED_IN_MATCH, ExpireReason.SELF_TRADE)
    if order.stp_mode is SelfTrade.EXPIRE_MAKER:
        return order
    immediate = order.time_in_force is TimeInForce.IOC
    reason = ExpireReason.IOC_SELF_TRADE if immediate else ExpireReason.SELF_TRADE
    return lifecycle.end(state, desk, order, OrderStatus.EXPIRED_IN_MATCH, reason)


def level_price(desk: Desk, side: Side, depth_index: int) -> Decimal | None:
    """Given the side of the book and a depth (1 is best), return that level's price, or None where it ends before."""
    levels = (desk.book.bids if side is Side.BUY else desk.book.asks).levels()
    return levels[depth_index - 1][0] if depth_index <= len(levels) else None


def crosses(desk: Desk, side: Side, price: Decimal) -> bool:
    """Given a limit price, return whether it would trade at once, with the book or with an own order."""
    own = desk.resting[other(side)].best_price()
    return best_level(desk, side, price) is not None or (own is not None and reaches(side, price, own))
