"""Forced closes: liquidation at the maintenance margin, auto-deleveraging, and the insurance fund behind both.

A forced order trades with the book down to the bankruptcy price; the insurance fund takes the rest there, so the
account never owes anything.
"""

from collections.abc import Iterable
from decimal import Decimal

from services.paper_exchange.engine import errors, lifecycle, margin
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.digits import ZERO, ceil_to, floor_to, trunc8
from services.paper_exchange.engine.enums import (
    ExecType,
    ExpireReason,
    IncomeType,
    OrderStatus,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    Side,
    TimeInForce,
    UpdateReason,
)
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.events import MarginCall, MarginCallPosition
from services.paper_exchange.engine.fills import Fill, account_update, apply_fill
from services.paper_exchange.engine.holding import Holding
from services.paper_exchange.engine.matching import best_level
from services.paper_exchange.engine.records import Order
from services.paper_exchange.engine.state import State

WARNING_RATIO = Decimal("0.8")


def liquidate_due(state: State, desk: Desk) -> list[Desk]:
    """Given the contract that moved, liquidate its isolated positions and then cross positions, as far as due.

    Return the desks whose positions were closed.
    """
    touched = []
    if desk.isolated and desk.book.mark is not None:
        for holding in desk.active:
            equity = holding.position.isolated_wallet + holding.worth.unrealized_pnl
            if holding.position.amount and equity <= holding.worth.maint_margin:
                _cancel_orders(state, (desk,))
                _liquidate(state, desk, holding, equity)
                touched.append(desk)
    if not _cross_is_due(state):
        return touched
    _cancel_orders(state, [other for other in state.desks.values() if other.open and not other.isolated])
    while _cross_is_due(state):
        worst = min(_cross_holdings(state), key=lambda holding: holding.worth.unrealized_pnl)
        hit = state.desks[worst.position.symbol]
        _liquidate(state, hit, worst, state.cross_wallet + state.totals.cross_pnl)
        touched.append(hit)
    return touched


def deleverage(state: State, desk: Desk, side: PositionSide, quantity: Decimal) -> Order:
    """Given a quantity, take it off a position at the mark price. Raise -2024 beyond the position."""
    holding = desk.holdings[side]
    mark = desk.book.mark
    if mark is None or not 0 < quantity <= abs(holding.position.amount):
        raise refused(errors.POSITION_NOT_SUFFICIENT)
    order = _forced_order(state, desk, holding, quantity, mark, "adl_autoclose")
    return apply_fill(state, desk, order, Fill(mark, quantity, ZERO, exec_type=ExecType.CALCULATED))


def cover_bankruptcy(state: State) -> None:
    """Given an account without positions that owes, have the insurance fund pay it up to zero."""
    if state.wallet < 0 and not state.live:
        _insure(state, -state.wallet, "")


def warn(state: State) -> None:
    """Say MARGIN_CALL once when the cross maintenance margin passes four fifths of the cross margin balance."""
    maint = state.totals.cross_maint
    risky = maint > 0 and maint >= (state.cross_wallet + state.totals.cross_pnl) * WARNING_RATIO
    if risky and not state.margin_called:
        positions = tuple(_called(state.desks[holding.position.symbol], holding) for holding in _cross_holdings(state))
        state.outbox.events.append(MarginCall(state.now_ms, state.cross_wallet, positions))
    state.margin_called = risky


def _cross_is_due(state: State) -> bool:
    """Whether the cross margin balance is down to the maintenance margin; never while a mark price is not known."""
    totals = state.totals
    if state.cross_wallet + totals.cross_pnl > totals.cross_maint:
        return False
    holdings = _cross_holdings(state)
    return bool(holdings) and all(state.desks[held.position.symbol].book.mark is not None for held in holdings)


def _cross_holdings(state: State) -> list[Holding]:
    return [holding for (symbol, _), holding in state.live.items() if not state.desks[symbol].isolated]


def _cancel_orders(state: State, desks: Iterable[Desk]) -> None:
    for desk in desks:
        for order in list(desk.open.values()):
            lifecycle.end(state, desk, order, OrderStatus.EXPIRED, ExpireReason.LIQUIDATION)


def _liquidate(state: State, desk: Desk, holding: Holding, equity: Decimal) -> None:
    """Given the margin balance behind a position, close it whole and pay the liquidation fee out of what is left."""
    amount = holding.position.amount
    mark = desk.book.mark if desk.book.mark is not None else holding.position.entry_price
    limit = margin.bankruptcy_price(equity, amount, mark)
    tick = desk.rules.tick_size
    limit = max(ceil_to(limit, tick) if amount > 0 else floor_to(limit, tick), tick)
    before = holding.position
    order = _forced_order(state, desk, holding, abs(amount), limit, "autoclose-")
    levels = desk.book.asks if order.side is Side.BUY else desk.book.bids
    while order.is_open:
        level = best_level(desk, order.side, limit)
        price, quantity = (limit, order.open_qty) if level is None else (level[0], min(order.open_qty, level[1]))
        if level is not None:
            levels.take(quantity)
        order = apply_fill(state, desk, order, Fill(price, quantity, ZERO, exec_type=ExecType.CALCULATED))
    fee = trunc8(order.cum_quote * desk.rules.liquidation_fee)
    if not desk.isolated:
        _insure(state, -min(fee, max(ZERO, state.cross_wallet + state.totals.cross_pnl)), order.symbol)
        return
    left = before.isolated_wallet + holding.position.realized_total - before.realized_total
    _insure(state, -left if left < 0 else -min(fee, left), order.symbol)


def _insure(state: State, amount: Decimal, symbol: str) -> None:
    """Given what the fund pays (negative: is paid), move it; nothing for zero."""
    if not amount:
        return
    state.post(IncomeType.INSURANCE_CLEAR, amount, symbol=symbol, info="INSURANCE_CLEAR")
    account_update(state, UpdateReason.INSURANCE_CLEAR, change=amount)


def _forced_order(state: State, desk: Desk, holding: Holding, quantity: Decimal, price: Decimal, name: str) -> Order:
    """Record the exchange's own order against a position; a name that ends in a dash gets the order's number."""
    order_id = state.take_order_id()
    order = Order(
        order_id=order_id,
        client_order_id=f"{name}{order_id}" if name.endswith("-") else name,
        symbol=desk.rules.symbol,
        side=Side.SELL if holding.position.amount > 0 else Side.BUY,
        type=OrderType.LIQUIDATION,
        orig_type=OrderType.LIQUIDATION,
        time_in_force=TimeInForce.IOC,
        orig_qty=quantity,
        price=price,
        position_side=holding.position.side,
        reduce_only=False,
        close_position=False,
        price_match=PriceMatch.NONE,
        stp_mode=SelfTrade.EXPIRE_MAKER,
        good_till_ms=0,
        time_ms=state.now_ms,
        update_ms=state.now_ms,
        queue=order_id,
    )
    desk.by_client[order.client_order_id] = order_id
    lifecycle.publish(state, desk, order, ExecType.NEW)
    return order


def _called(desk: Desk, holding: Holding) -> MarginCallPosition:
    position, worth = holding.position, holding.worth
    return MarginCallPosition(
        position.symbol,
        position.side,
        position.amount,
        desk.settings.margin_type,
        position.isolated_wallet,
        desk.book.mark if desk.book.mark is not None else position.entry_price,
        worth.unrealized_pnl,
        worth.maint_margin,
    )
