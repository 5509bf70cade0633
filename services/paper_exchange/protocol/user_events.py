"""The engine's events in the field letters of the user data stream."""

from typing import Any, assert_never

from services.paper_exchange.engine.enums import MarginType
from services.paper_exchange.engine.events import (
    AccountUpdate,
    AlgoUpdate,
    ConfigUpdate,
    Event,
    MarginCall,
    OrderUpdate,
    TradeLite,
)
from services.paper_exchange.engine.records import ASSET, ZERO, AlgoOrder
from services.paper_exchange.protocol.numbers import short


def event_message(event: Event, now_ms: int) -> dict[str, Any]:
    """Given an event of the engine and the time of sending, return the message the stream carries."""
    match event:
        case TradeLite():
            return _trade_lite(event, now_ms)
        case OrderUpdate():
            return _order_update(event, now_ms)
        case AccountUpdate():
            return _account_update(event, now_ms)
        case AlgoUpdate():
            return _algo_update(event, now_ms)
        case ConfigUpdate():
            return _config_update(event, now_ms)
        case MarginCall():
            return _margin_call(event, now_ms)
        case _:
            assert_never(event)


def event_symbol(event: Event) -> str | None:
    """Given an event, return the symbol it is about, or None where it is about several or none."""
    match event:
        case TradeLite():
            return event.symbol
        case OrderUpdate():
            return event.order.symbol
        case AlgoUpdate():
            return event.algo.symbol
        case AccountUpdate():
            return event.positions[0].symbol if event.positions else event.symbol or None
        case ConfigUpdate():
            return event.symbol or None
        case MarginCall():
            return None
        case _:
            assert_never(event)


def _trade_lite(event: TradeLite, now_ms: int) -> dict[str, Any]:
    return {
        "e": "TRADE_LITE",
        "E": now_ms,
        "T": event.time_ms,
        "s": event.symbol,
        "q": short(event.orig_qty),
        "p": short(event.price),
        "m": event.maker,
        "c": event.client_order_id,
        "S": event.side,
        "L": short(event.last_price),
        "l": short(event.last_qty),
        "t": event.trade_id,
        "i": event.order_id,
    }


def _order_update(event: OrderUpdate, now_ms: int) -> dict[str, Any]:
    order = event.order
    fields: dict[str, Any] = {
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": short(order.orig_qty),
        "p": short(order.price),
        "ap": short(order.avg_price),
        "sp": short(order.stop_price),
        "x": event.exec_type,
        "X": order.status,
        "i": order.order_id,
        "l": short(event.last_qty),
        "z": short(order.executed_qty),
        "L": short(event.last_price),
    }
    if event.modify_id is not None:
        fields["M"] = event.modify_id
    if event.commission is not None:
        fields["n"], fields["N"] = short(event.commission), ASSET
    fields |= {
        "T": event.time_ms,
        "t": event.trade_id,
        "b": short(event.bid_notional),
        "a": short(event.ask_notional),
        "m": event.maker,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.orig_type,
        "ps": order.position_side,
        "cp": order.close_position,
        "rp": short(event.realized_pnl),
        "pP": order.price_protect,
        "si": 0,
        "ss": 0,
        "V": order.stp_mode,
        "pm": order.price_match,
        "gtd": order.good_till_ms,
        "er": str(int(order.expire_reason)),
    }
    if order.activate_price is not None:
        fields["AP"] = short(order.activate_price)
    if order.callback_rate is not None:
        fields["cr"] = short(order.callback_rate)
    return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": event.time_ms, "o": fields}


def _account_update(event: AccountUpdate, now_ms: int) -> dict[str, Any]:
    account: dict[str, Any] = {
        "m": event.reason,
        "B": [
            {
                "a": balance.asset,
                "wb": short(balance.wallet_balance),
                "cw": short(balance.cross_wallet),
                "bc": short(balance.balance_change),
            }
            for balance in event.balances
        ],
        "P": [
            {
                "s": position.symbol,
                "pa": short(position.amount),
                "ep": short(position.entry_price),
                "bep": short(position.break_even_price),
                "cr": short(position.realized_total),
                "up": short(position.unrealized_pnl),
                "mt": "isolated" if position.margin_type is MarginType.ISOLATED else "cross",
                "iw": short(position.isolated_wallet),
                "ps": position.side,
                "ma": ASSET,
            }
            for position in event.positions
        ],
    }
    if event.symbol:
        account["S"] = event.symbol
    return {"e": "ACCOUNT_UPDATE", "E": now_ms, "T": event.time_ms, "a": account}


def _algo_update(event: AlgoUpdate, now_ms: int) -> dict[str, Any]:
    algo = event.algo
    fields: dict[str, Any] = {
        "caid": algo.client_algo_id,
        "aid": algo.algo_id,
        "at": "CONDITIONAL",
        "o": algo.type,
        "s": algo.symbol,
        "S": algo.side,
        "ps": algo.position_side,
        "f": algo.time_in_force,
        "q": short(algo.quantity or ZERO),
        "X": algo.status,
        "ai": str(algo.actual_order_id) if algo.actual_order_id else "",
        "ap": short(algo.actual_price),
        "aq": short(algo.actual_qty),
        "act": _actual_type(algo),
        "tp": short(algo.trigger_price),
        "p": short(algo.price),
        "V": algo.stp_mode,
        "wt": algo.working_type,
        "pm": algo.price_match,
        "cp": algo.close_position,
        "pP": algo.price_protect,
        "R": algo.reduce_only,
        "tt": algo.trigger_ms,
        "gtd": algo.good_till_ms,
        "ia": algo.activated,
    }
    if algo.reject_reason:
        fields["rm"] = algo.reject_reason
    return {"e": "ALGO_UPDATE", "T": event.time_ms, "E": now_ms, "o": fields}


def _actual_type(algo: AlgoOrder) -> str:
    """The type of the ordinary order a triggered algo order became."""
    if not algo.actual_order_id:
        return "0"
    return "MARKET" if algo.type.endswith("MARKET") else "LIMIT"


def _config_update(event: ConfigUpdate, now_ms: int) -> dict[str, Any]:
    message: dict[str, Any] = {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": event.time_ms}
    if event.symbol:
        message["ac"] = {"s": event.symbol, "l": event.leverage}
    else:
        message["ai"] = {"j": event.multi_assets}
    return message


def _margin_call(event: MarginCall, now_ms: int) -> dict[str, Any]:
    return {
        "e": "MARGIN_CALL",
        "E": now_ms,
        "cw": short(event.cross_wallet),
        "p": [
            {
                "s": position.symbol,
                "ps": position.side,
                "pa": short(position.amount),
                "mt": position.margin_type,
                "iw": short(position.isolated_wallet),
                "mp": short(position.mark_price),
                "up": short(position.unrealized_pnl),
                "mm": short(position.maint_margin),
            }
            for position in event.positions
        ],
    }
