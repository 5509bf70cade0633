"""The paper engine's rows as the exchange's adapter hands them on."""

from collections.abc import Iterator

from quantum_common.exchange.outcome import OrderView
from quantum_common.exchange.port import (
    LeverageChanged,
    PositionChanged,
    PositionView,
    StopView,
    SymbolRules,
    Traded,
    TradeView,
    UserEvent,
    WalletChanged,
)
from quantum_common.messages import Side
from quantum_common.money import ZERO
from services.paper_exchange.engine import rules as engine_rules
from services.paper_exchange.engine import views
from services.paper_exchange.engine.events import AccountUpdate, ConfigUpdate, Event, OrderUpdate
from services.paper_exchange.engine.records import ASSET, AlgoOrder, Order, Trade

_SIDES = {side.value: side for side in Side}


def order_view(order: Order, *, priced: bool) -> OrderView:
    """Given an order, return it as the adapter would; an answer to a POST has no price."""
    filled = priced and order.executed_qty > 0
    return OrderView(
        order.symbol, _SIDES[order.side.value], order.order_id, order.client_order_id, order.status.value,
        order.orig_qty, order.executed_qty, order.avg_price if filled else None, order.cum_quote if filled else None,
        order.update_ms,
    )  # fmt: skip


def trade_view(row: Trade) -> TradeView:
    """Given a trade, return it as REST shows it: without its order's client id."""
    return TradeView(
        row.symbol, row.trade_id, row.order_id, "", _SIDES[row.side.value], row.qty, row.price, row.commission,
        row.commission_asset, row.realized_pnl, row.time_ms,
    )  # fmt: skip


def position_view(view: views.PositionView) -> PositionView:
    """Given a position, return it as the account call reports it."""
    return PositionView(
        view.symbol, view.amount, view.entry_price, view.mark_price, view.unrealized_pnl, view.leverage,
        view.liquidation_price, view.update_ms,
    )  # fmt: skip


def stop_view(algo: AlgoOrder) -> StopView:
    """Given a waiting conditional order, return it as the list of open ones shows it."""
    return StopView(
        algo.symbol, algo.client_algo_id, _SIDES[algo.side.value], algo.trigger_price, algo.close_position,
        algo.quantity or ZERO, algo.create_ms,
    )  # fmt: skip


def symbol_rules(rules: engine_rules.SymbolRules) -> SymbolRules:
    """Given a contract's rules, return the filters that hold for market orders."""
    lot, market = rules.lot, rules.market_lot
    return SymbolRules(
        rules.symbol, rules.status.value, rules.tick_size, market.step or lot.step, max(market.minimum, lot.minimum),
        market.maximum or lot.maximum, rules.min_notional,
    )  # fmt: skip


def user_events(event: Event) -> Iterator[UserEvent]:
    """Given an event of the engine, yield what the user data stream says of it."""
    match event:
        case OrderUpdate() if event.trade_id:
            order = event.order
            yield Traded(
                TradeView(
                    order.symbol, event.trade_id, order.order_id, order.client_order_id, _SIDES[order.side.value],
                    event.last_qty, event.last_price, event.commission or ZERO, ASSET, event.realized_pnl,
                    event.time_ms,
                )
            )  # fmt: skip
        case AccountUpdate():
            for row in event.positions:
                yield PositionChanged(row.symbol, row.amount, row.entry_price, row.unrealized_pnl, event.time_ms)
            for balance in event.balances:
                yield WalletChanged(balance.wallet_balance, event.reason.value, event.time_ms)
        case ConfigUpdate() if event.symbol:
            yield LeverageChanged(event.symbol, event.leverage)
        case _:
            return
