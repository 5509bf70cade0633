"""The answers about positions and the account, computed from what the holdings are worth now."""

from decimal import Decimal

from services.paper_exchange.engine import margin, wallet
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.digits import ZERO
from services.paper_exchange.engine.holding import Holding
from services.paper_exchange.engine.state import State
from services.paper_exchange.engine.views import AccountView, MarketView, PositionView

_ADL_MOST = 4


def positions(state: State, symbol: str | None, *, all_symbols: bool) -> list[PositionView]:
    """Return positions with an amount or open orders; with `all_symbols` also those with neither."""
    desks = [state.desk(symbol)] if symbol is not None else state.desks.values()
    return [
        _view(state, desk, holding)
        for desk in desks
        for holding in desk.active
        if all_symbols or holding.position.amount or _has_orders(desk, holding)
    ]


def account(state: State) -> AccountView:
    """Return the account's sums."""
    totals = state.totals
    return AccountView(
        wallet_balance=state.wallet,
        cross_wallet=state.cross_wallet,
        unrealized_pnl=totals.unrealized_pnl,
        cross_unrealized_pnl=totals.cross_pnl,
        margin_balance=state.wallet + totals.unrealized_pnl,
        initial_margin=totals.position_margin + totals.order_margin,
        maint_margin=totals.maint_margin,
        position_initial_margin=totals.position_margin,
        open_order_initial_margin=totals.order_margin,
        available_balance=state.available,
        max_withdraw=wallet.max_withdraw(state),
        dual_side=state.dual_side,
        multi_assets=state.multi_assets,
        update_ms=state.account_ms,
    )


def market(desk: Desk) -> MarketView:
    """Return a contract's prices and what is left of its book."""
    book = desk.book
    return MarketView(
        desk.rules.symbol,
        book.bids.levels(),
        book.asks.levels(),
        book.last,
        book.mark,
        book.index_price,
        book.time_ms,
    )


def liquidation_price(state: State, desk: Desk, holding: Holding) -> Decimal:
    """Return the mark price at which a position is liquidated, zero where there is none."""
    position = holding.position
    if not position.amount:
        return ZERO
    if desk.isolated:
        leg = margin.Leg(position.amount, position.entry_price)
        return margin.liquidation_price(position.isolated_wallet, ZERO, (leg,), desk.rules)
    held = [other for other in desk.active if other.position.amount]
    legs = tuple(margin.Leg(other.position.amount, other.position.entry_price) for other in held)
    own_pnl = sum((other.worth.unrealized_pnl for other in held), ZERO)
    own_maint = sum((other.worth.maint_margin for other in held), ZERO)
    others = (state.totals.cross_pnl - own_pnl) - (state.totals.cross_maint - own_maint)
    return margin.liquidation_price(state.cross_wallet, others, legs, desk.rules)


def _view(state: State, desk: Desk, holding: Holding) -> PositionView:
    position, worth, settings = holding.position, holding.worth, desk.settings
    isolated = position.isolated_wallet + worth.unrealized_pnl if desk.isolated and position.amount else ZERO
    return PositionView(
        symbol=position.symbol,
        side=position.side,
        amount=position.amount,
        entry_price=position.entry_price,
        break_even_price=margin.break_even_price(position.amount, position.entry_price, position.carry),
        mark_price=desk.book.mark if desk.book.mark is not None else position.entry_price,
        unrealized_pnl=worth.unrealized_pnl,
        liquidation_price=liquidation_price(state, desk, holding),
        notional=worth.notional,
        isolated_wallet=position.isolated_wallet,
        isolated_margin=isolated,
        initial_margin=worth.position_margin + worth.order_margin,
        maint_margin=worth.maint_margin,
        position_initial_margin=worth.position_margin,
        open_order_initial_margin=worth.order_margin,
        bid_notional=holding.bid_notional,
        ask_notional=holding.ask_notional,
        adl=_adl_quantile(holding),
        leverage=settings.leverage,
        max_notional=desk.rules.max_notional(settings.leverage),
        margin_type=settings.margin_type,
        update_ms=position.update_ms,
    )


def _has_orders(desk: Desk, holding: Holding) -> bool:
    return any(order.position_side is holding.position.side for order in desk.open.values())


def _adl_quantile(holding: Holding) -> int:
    """Profit over margin in quarters, 0 to 4: with one account there is nobody to be ranked against."""
    worth = holding.worth
    if worth.unrealized_pnl <= 0 or not worth.position_margin:
        return 0
    return min(_ADL_MOST, int(worth.unrealized_pnl * _ADL_MOST / worth.position_margin))
