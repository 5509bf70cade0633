"""Orders, trades and algo orders as REST answers write them."""

from decimal import Decimal
from typing import Any

from services.paper_exchange.engine.records import ZERO, AlgoOrder, Order, Trade
from services.paper_exchange.engine.rules import SymbolRules
from services.paper_exchange.protocol.numbers import e8, fixed


def placed(order: Order, rules: SymbolRules) -> dict[str, Any]:
    """Given an order, return the answer to placing, changing or cancelling it: without any fill price."""
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_order_id,
        "price": fixed(order.price, rules.price_precision),
        "origQty": fixed(order.orig_qty, rules.quantity_precision),
        "executedQty": fixed(order.executed_qty, rules.quantity_precision),
        "cumQty": fixed(order.executed_qty, rules.quantity_precision),
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": fixed(order.stop_price, rules.price_precision),
        "workingType": order.working_type,
        "priceProtect": order.price_protect,
        "origType": order.orig_type,
        "priceMatch": order.price_match,
        "selfTradePreventionMode": order.stp_mode,
        "goodTillDate": order.good_till_ms,
        "updateTime": order.update_ms,
    }


def acknowledged(order: Order, rules: SymbolRules) -> dict[str, Any]:
    """Given an order just placed with newOrderRespType ACK, return its answer: as it arrived, nothing traded."""
    answer = placed(order, rules)
    answer["status"] = "NEW"
    answer["executedQty"] = answer["cumQty"] = fixed(ZERO, rules.quantity_precision)
    return answer


def queried(order: Order, rules: SymbolRules) -> dict[str, Any]:
    """Given an order, return the answer to asking for it: with average price, quote and both times."""
    answer = placed(order, rules)
    del answer["cumQty"]
    answer["avgPrice"] = e8(order.avg_price)
    answer["cumQuote"] = e8(order.cum_quote)
    answer["time"] = order.time_ms
    if order.activate_price is not None:
        answer["activatePrice"] = fixed(order.activate_price, rules.price_precision)
    if order.callback_rate is not None:
        answer["priceRate"] = fixed(order.callback_rate, 1)
    return answer


def listed(order: Order, rules: SymbolRules) -> dict[str, Any]:
    """Given an order, return its row of allOrders."""
    return queried(order, rules) | {"pair": order.symbol, "cumBase": fixed(ZERO, rules.quantity_precision)}


def trade_row(trade: Trade, rules: SymbolRules) -> dict[str, Any]:
    """Given a trade, return its row of userTrades."""
    return {
        "symbol": trade.symbol,
        "pair": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "side": trade.side,
        "positionSide": trade.position_side,
        "price": fixed(trade.price, rules.price_precision),
        "qty": fixed(trade.qty, rules.quantity_precision),
        "quoteQty": e8(trade.quote_qty),
        "baseQty": fixed(ZERO, rules.quantity_precision),
        "realizedPnl": e8(trade.realized_pnl),
        "commission": e8(trade.commission),
        "commissionAsset": trade.commission_asset,
        "marginAsset": rules.quote_asset,
        "time": trade.time_ms,
        "buyer": trade.buyer,
        "maker": trade.maker,
    }


def algo_placed(algo: AlgoOrder, rules: SymbolRules) -> dict[str, Any]:
    """Given an algo order, return the answer to placing it."""
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_algo_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type,
        "symbol": algo.symbol,
        "side": algo.side,
        "positionSide": algo.position_side,
        "timeInForce": algo.time_in_force,
        "quantity": fixed(algo.quantity or ZERO, rules.quantity_precision),
        "algoStatus": algo.status,
        "triggerPrice": fixed(algo.trigger_price, rules.price_precision),
        "price": fixed(algo.price, rules.price_precision),
        "icebergQuantity": None,
        "selfTradePreventionMode": algo.stp_mode,
        "workingType": algo.working_type,
        "priceMatch": algo.price_match,
        "closePosition": algo.close_position,
        "priceProtect": algo.price_protect,
        "reduceOnly": algo.reduce_only,
        "activatePrice": _or_empty(algo.activate_price, rules.price_precision),
        "callbackRate": _or_empty(algo.callback_rate, 1),
        "createTime": algo.create_ms,
        "updateTime": algo.update_ms,
        "triggerTime": algo.trigger_ms,
        "goodTillDate": algo.good_till_ms,
    }


def algo_open(algo: AlgoOrder, rules: SymbolRules) -> dict[str, Any]:
    """Given an algo order, return its row of openAlgoOrders."""
    return algo_placed(algo, rules) | {
        "actualOrderId": str(algo.actual_order_id) if algo.actual_order_id else "",
        "actualQty": fixed(algo.actual_qty, rules.quantity_precision),
        "isActivated": algo.activated,
    }


def algo_listed(algo: AlgoOrder, rules: SymbolRules) -> dict[str, Any]:
    """Given an algo order, return its row of allAlgoOrders and of its query."""
    return algo_placed(algo, rules) | {
        "actualOrderId": str(algo.actual_order_id) if algo.actual_order_id else "",
        "actualPrice": fixed(algo.actual_price, rules.price_precision),
        "tpOrderType": "",
    }


def _or_empty(value: Decimal | None, decimals: int) -> str:
    return fixed(value, decimals) if value is not None else ""
