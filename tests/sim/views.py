"""The engine's rows as the adapter hands them on."""

from collections.abc import Sequence
from decimal import Decimal

from quantum_common.exchange import outcome
from quantum_common.exchange.port import PositionChanged, Traded, TradeView, UserEvent, WalletChanged
from quantum_common.messages import Side
from services.paper_exchange.engine import events
from services.paper_exchange.engine.records import Order, Trade


def order_view(order: Order, *, priced: bool) -> outcome.OrderView:
    """Return an order as the adapter would; an answer to a POST has no price."""
    filled = priced and order.executed_qty > 0
    return outcome.OrderView(
        order.symbol, Side(order.side.value), order.order_id, order.client_order_id, order.status.value, order.orig_qty,
        order.executed_qty, order.avg_price if filled else None, order.cum_quote if filled else None, order.update_ms,
    )  # fmt: skip


def trade_view(row: Trade) -> TradeView:
    """Return a trade as REST shows it: without its order's client id."""
    return TradeView(
        row.symbol, row.trade_id, row.order_id, "", Side(row.side.value), row.qty, row.price, row.commission,
        row.commission_asset, row.realized_pnl, row.time_ms,
    )  # fmt: skip


def user_events(event: events.Event) -> Sequence[UserEvent]:
    """Return an event of the engine as the adapter hands it on."""
    match event:
        case events.OrderUpdate() if event.trade_id:
            order = event.order
            return [
                Traded(
                    TradeView(
                        order.symbol, event.trade_id, order.order_id, order.client_order_id, Side(order.side.value),
                        event.last_qty, event.last_price, event.commission or Decimal(0), "USDT", event.realized_pnl,
                        event.time_ms,
                    )
                )
            ]  # fmt: skip
        case events.AccountUpdate():
            return [
                *(WalletChanged(row.wallet_balance, event.reason.value, event.time_ms) for row in event.balances),
                *(
                    PositionChanged(row.symbol, row.amount, row.entry_price, row.unrealized_pnl, event.time_ms)
                    for row in event.positions
                ),
            ]
        case _:
            return []
