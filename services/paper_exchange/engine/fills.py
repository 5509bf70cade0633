"""What one fill does: position, profit, fee, wallet, trade, order, and the three events that tell of it."""

from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from services.paper_exchange.engine import lifecycle, margin
from services.paper_exchange.engine.desk import Desk, enlarges
from services.paper_exchange.engine.digits import ZERO
from services.paper_exchange.engine.enums import ExecType, IncomeType, OrderStatus, Side, UpdateReason
from services.paper_exchange.engine.events import (
    AccountUpdate,
    BalanceChange,
    OrderUpdate,
    PositionChange,
    TradeLite,
)
from services.paper_exchange.engine.folding import fold_fill, isolated_after
from services.paper_exchange.engine.holding import Holding
from services.paper_exchange.engine.records import ASSET, Order, Trade
from services.paper_exchange.engine.state import State


class Fill(NamedTuple):
    """One match. `maker` where the order waited in the queue; `exec_type` is CALCULATED for forced closes."""

    price: Decimal
    qty: Decimal
    fee_rate: Decimal
    maker: bool = False
    exec_type: ExecType = ExecType.TRADE


def apply_fill(state: State, desk: Desk, order: Order, fill: Fill) -> Order:
    """Given an open order and a match of at most its open quantity, carry it out and return the order after it."""
    holding = desk.holdings[order.position_side]
    fee = margin.commission(fill.price, fill.qty, fill.fee_rate)
    realized = _move_position(state, desk, holding, order, fill, fee)
    trade = _record_trade(state, desk, order, fill, realized, fee)
    info = str(trade.trade_id)
    state.post(IncomeType.REALIZED_PNL, realized, symbol=order.symbol, info=info, trade_id=trade.trade_id)
    state.post(IncomeType.COMMISSION, -fee, symbol=order.symbol, info=info, trade_id=trade.trade_id)
    after = _after(order, fill, state.now_ms)
    if fill.maker:
        _release(desk, order, after, fill.qty)
    state.revalue(desk, holding)
    _tell(state, desk, after, trade, fill.exec_type)
    return after


def account_update(
    state: State,
    reason: UpdateReason,
    *,
    holdings: tuple[tuple[Desk, Holding], ...] = (),
    change: Decimal = ZERO,
    wallet: bool = True,
    symbol: str = "",
) -> None:
    """Given what changed, say it: the wallet (`change` excludes profit and commission) and the positions."""
    balances = (BalanceChange(ASSET, state.wallet, state.cross_wallet, change),) if wallet else ()
    positions = tuple(_position_change(desk, holding) for desk, holding in holdings)
    state.outbox.events.append(AccountUpdate(state.now_ms, reason, balances, positions, symbol))


def _move_position(state: State, desk: Desk, holding: Holding, order: Order, fill: Fill, fee: Decimal) -> Decimal:
    before = holding.position
    change = fill.qty if order.side is Side.BUY else -fill.qty
    position, realized = fold_fill(before, change, fill.price, fee, state.now_ms)
    if desk.isolated:
        wallet = isolated_after(before, position, fill.price, desk.settings.leverage)
        position = replace(position, isolated_wallet=wallet)
    state.put_position(holding, position)
    return realized


def _record_trade(state: State, desk: Desk, order: Order, fill: Fill, realized: Decimal, fee: Decimal) -> Trade:
    trade = Trade(
        symbol=order.symbol,
        trade_id=desk.next_trade_id,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        side=order.side,
        position_side=order.position_side,
        price=fill.price,
        qty=fill.qty,
        quote_qty=fill.price * fill.qty,
        realized_pnl=realized,
        commission=fee,
        commission_asset=ASSET,
        maker=fill.maker,
        time_ms=state.now_ms,
    )
    desk.next_trade_id += 1
    desk.trades.append(trade)
    state.outbox.trades.append(trade)
    state.traded.append(order.symbol)
    if 0 < state.config.retained_trades < len(state.traded):
        state.desks[state.traded.popleft()].trades.drop_oldest()
    return trade


def _after(order: Order, fill: Fill, now_ms: int) -> Order:
    executed = order.executed_qty + fill.qty
    return replace(
        order,
        status=OrderStatus.FILLED if executed == order.orig_qty else OrderStatus.PARTIALLY_FILLED,
        executed_qty=executed,
        cum_quote=order.cum_quote + fill.price * fill.qty,
        update_ms=now_ms,
    )


def _release(desk: Desk, order: Order, after: Order, qty: Decimal) -> None:
    """Given a resting order before and after a fill, free the margin of what traded, and its place if it is done."""
    if enlarges(order.side, order.position_side, reduce_only=order.reduce_only):
        desk.holdings[order.position_side].reserve(order.side, -qty * order.price)
    if not after.is_open:
        desk.resting[order.side].remove(order)
        desk.reducing.pop(order.order_id, None)


def _tell(state: State, desk: Desk, order: Order, trade: Trade, exec_type: ExecType) -> None:
    holding = desk.holdings[order.position_side]
    state.outbox.events.append(
        TradeLite(
            state.now_ms,
            order.symbol,
            order.order_id,
            order.client_order_id,
            trade.trade_id,
            order.side,
            order.orig_qty,
            order.price,
            trade.maker,
            trade.qty,
            trade.price,
        )
    )
    update = OrderUpdate(
        state.now_ms,
        order,
        exec_type,
        trade.qty,
        trade.price,
        trade.commission,
        trade.trade_id,
        trade.maker,
        trade.realized_pnl,
        holding.bid_notional,
        holding.ask_notional,
    )
    lifecycle.keep(state, desk, order, update)
    account_update(state, UpdateReason.ORDER, holdings=((desk, holding),))


def _position_change(desk: Desk, holding: Holding) -> PositionChange:
    position = holding.position
    return PositionChange(
        position.symbol,
        position.side,
        position.amount,
        position.entry_price,
        margin.break_even_price(position.amount, position.entry_price, position.carry),
        position.realized_total,
        holding.worth.unrealized_pnl,
        desk.settings.margin_type,
        position.isolated_wallet,
    )
