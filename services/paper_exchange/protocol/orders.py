"""The endpoints of ordinary orders and trades."""

from decimal import Decimal
from typing import Any

from services.paper_exchange.engine.errors import ExchangeError
from services.paper_exchange.engine.records import Order
from services.paper_exchange.engine.rules import SymbolRules
from services.paper_exchange.market.intervals import DAY_MS
from services.paper_exchange.protocol.endpoint import Call, Endpoint, Symbol, answer_each, by_symbol
from services.paper_exchange.protocol.endpoint import checked_symbol as checked
from services.paper_exchange.protocol.errors import malformed, missing, missing_both, no_such_order
from services.paper_exchange.protocol.late_reads import visible_order, visible_orders, visible_trades
from services.paper_exchange.protocol.order_answers import acknowledged, listed, placed, queried, trade_row
from services.paper_exchange.protocol.order_requests import amend_request, order_request, wants_result
from services.paper_exchange.protocol.params import Params
from services.paper_exchange.protocol.rates import OrderCost

FORGET_DAYS, FORGET_UNFILLED_DAYS = 90, 3
BATCH_MAX = 5
BATCH_CANCEL_MAX = 10
_ORDER_REQUIRED = ("symbol", "side", "type")


def new_order(call: Call) -> dict[str, Any]:
    """POST order."""
    order = call.exchange.engine.place_order(order_request(call), call.exchange.now_ms())
    return placed(order, call.rules()) if wants_result(call.params) else acknowledged(order, call.rules())


def test_order(call: Call) -> dict[str, Any]:
    """POST order/test: every check, no order."""
    request = order_request(call)
    call.exchange.engine.test_order(request, call.exchange.now_ms())
    rules = call.rules()
    zero = f"{Decimal(0):.{rules.quantity_precision}f}"
    return {
        "orderId": 0,
        "symbol": request.symbol,
        "status": "NEW",
        "clientOrderId": request.client_order_id or "",
        "price": f"{request.price or Decimal(0):.{rules.price_precision}f}",
        "origQty": f"{request.quantity or Decimal(0):.{rules.quantity_precision}f}",
        "executedQty": zero,
        "cumQty": zero,
        "timeInForce": request.time_in_force or "GTC",
        "type": request.type,
        "reduceOnly": bool(request.reduce_only),
        "closePosition": False,
        "side": request.side,
        "positionSide": request.position_side,
        "stopPrice": f"{Decimal(0):.{rules.price_precision}f}",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": request.type,
        "priceMatch": request.price_match,
        "selfTradePreventionMode": request.stp_mode,
        "goodTillDate": request.good_till_ms or 0,
        "updateTime": call.now_ms,
    }


def amend_order(call: Call) -> dict[str, Any]:
    """PUT order."""
    order = call.exchange.engine.amend_order(amend_request(call), call.exchange.now_ms())
    return placed(order, call.rules())


def cancel_order(call: Call) -> dict[str, Any]:
    """DELETE order."""
    order_id, client_order_id = call.order_ids()
    order = call.exchange.engine.cancel_order(
        call.symbol, call.exchange.now_ms(), order_id=order_id, client_order_id=client_order_id
    )
    return placed(order, call.rules())


def get_order(call: Call) -> dict[str, Any]:
    """GET order: from the engine, or from the store where the engine has let it go."""
    order_id, client_order_id = call.order_ids()
    try:
        order = call.exchange.engine.order(call.symbol, order_id=order_id, client_order_id=client_order_id)
    except ExchangeError:
        kept = call.exchange.store.order(call.symbol, order_id, client_order_id)
        if kept is None:
            raise
        order = kept
    if is_forgotten(order, call.exchange.now_ms()):
        raise no_such_order()
    return queried(visible_order(call, order), call.rules())


def is_forgotten(order: Order, now_ms: int) -> bool:
    """Given an order and the time, return whether the exchange no longer answers for it.

    That is after 90 days, and after 3 where it ended without a fill.
    """
    age_ms = now_ms - order.update_ms
    unfilled = not order.is_open and not order.executed_qty
    return age_ms > FORGET_DAYS * DAY_MS or (unfilled and age_ms > FORGET_UNFILLED_DAYS * DAY_MS)


def get_open_order(call: Call) -> dict[str, Any]:
    """GET openOrder."""
    order_id, client_order_id = call.order_ids()
    order = call.exchange.engine.open_order(call.symbol, order_id=order_id, client_order_id=client_order_id)
    return queried(visible_order(call, order), call.rules())


def open_orders(call: Call) -> list[dict[str, Any]]:
    """GET openOrders."""
    orders = visible_orders(call, call.exchange.engine.open_orders(call.params.text("symbol")))
    return [queried(order, call.rules(order.symbol)) for order in orders]


def all_orders(call: Call) -> list[dict[str, Any]]:
    """GET allOrders."""
    orders = call.exchange.engine.all_orders(
        call.params.text("symbol"), call.exchange.now_ms(), call.window(500, 1000), call.params.integer("orderId")
    )
    return [listed(order, call.rules(order.symbol)) for order in visible_orders(call, orders)]


def user_trades(call: Call) -> list[dict[str, Any]]:
    """GET userTrades: from an id on they come from the store where there is one, which forgets none."""
    window, from_id = call.window(500, 1000), call.params.integer("fromId")
    order_id = call.params.integer("orderId")
    trades = None
    if from_id is not None and (order_id, window.start_ms, window.end_ms) == (None, None, None):
        trades = call.exchange.store.trades_from(call.symbol, from_id, window.limit or 500)
    if trades is None:
        trades = call.exchange.engine.trades(
            call.symbol, call.exchange.now_ms(), window, order_id=order_id, from_id=from_id
        )
    return [trade_row(trade, call.rules()) for trade in visible_trades(call, trades)]


def cancel_all(call: Call) -> dict[str, Any]:
    """DELETE allOpenOrders."""
    call.exchange.engine.cancel_all(call.symbol, call.exchange.now_ms())
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def countdown(call: Call) -> dict[str, Any]:
    """POST countdownCancelAll."""
    wait_ms = call.params.integer("countdownTime")
    if wait_ms is None:
        raise missing("countdownTime")
    if wait_ms < 0:
        raise malformed("countdownTime")
    call.exchange.engine.countdown_cancel_all(call.symbol, wait_ms, call.exchange.now_ms())
    return {"symbol": call.symbol, "countdownTime": str(wait_ms)}


def new_orders(call: Call) -> list[Any]:
    """POST batchOrders."""
    return answer_each(_batch(call), lambda params: new_order(_item(call, params, _ORDER_REQUIRED)))


def amend_orders(call: Call) -> list[Any]:
    """PUT batchOrders."""
    return answer_each(_batch(call), lambda params: amend_order(_item(call, params, ("symbol", "side", "quantity"))))


def cancel_orders(call: Call) -> list[Any]:
    """DELETE batchOrders."""
    rules = call.rules()
    numbers = call.params.items("orderIdList", BATCH_CANCEL_MAX)
    names = call.params.items("origClientOrderIdList", BATCH_CANCEL_MAX)
    if numbers is None and names is None:
        raise missing_both("orderIdList", "origClientOrderIdList")
    wanted = [{"orderId": number} for number in numbers] if numbers else [{"origClientOrderId": n} for n in names or ()]
    return answer_each(wanted, lambda params: _cancel_one(call, params, rules))


def _cancel_one(call: Call, params: Params, rules: SymbolRules) -> dict[str, Any]:
    order = call.exchange.engine.cancel_order(
        rules.symbol,
        call.exchange.now_ms(),
        order_id=params.integer("orderId"),
        client_order_id=params.text("origClientOrderId"),
    )
    return placed(order, rules)


def _batch(call: Call) -> list[Any]:
    items = call.params.items("batchOrders", BATCH_MAX)
    if items is None:
        raise missing("batchOrders")
    return items


def _item(call: Call, params: Params, required: tuple[str, ...]) -> Call:
    for name in required:
        params.required(name)
    checked(call.exchange, params.required("symbol"))
    return Call(call.exchange, call.limiter, params, call.now_ms)


def order_limits(call: Call) -> list[Any]:
    """GET rateLimit/order."""
    return call.limiter.published_orders()


def force_orders(call: Call) -> list[Any]:
    """GET forceOrders: liquidations and auto-deleveragings of the account."""
    kind = call.params.choice("autoCloseType", ("LIQUIDATION", "ADL"), malformed("autoCloseType"))
    starts = {"LIQUIDATION": ("autoclose-",), "ADL": ("adl_autoclose",), None: ("autoclose-", "adl_autoclose")}[kind]
    orders = call.exchange.engine.all_orders(call.params.text("symbol"), call.exchange.now_ms(), call.window(50, 100))
    return [listed(order, call.rules(order.symbol)) for order in orders if order.client_order_id.startswith(starts)]


_BATCH_COST = OrderCost(5, 1)
ENDPOINTS = (
    Endpoint(
        "POST",
        "/fapi/v1/order",
        new_order,
        0,
        symbol=Symbol.REQUIRED,
        required=_ORDER_REQUIRED,
        order_cost=OrderCost(1, 1),
        matching=True,
    ),
    Endpoint("POST", "/fapi/v1/order/test", test_order, symbol=Symbol.REQUIRED, required=_ORDER_REQUIRED),
    Endpoint(
        "PUT",
        "/fapi/v1/order",
        amend_order,
        0,
        symbol=Symbol.REQUIRED,
        required=("symbol", "side", "quantity"),
        order_cost=OrderCost(1, 1),
        matching=True,
    ),
    Endpoint("DELETE", "/fapi/v1/order", cancel_order, symbol=Symbol.REQUIRED, matching=True),
    Endpoint("GET", "/fapi/v1/order", get_order, symbol=Symbol.REQUIRED),
    Endpoint("GET", "/fapi/v1/openOrder", get_open_order, symbol=Symbol.REQUIRED),
    Endpoint("GET", "/fapi/v1/openOrders", open_orders, by_symbol(1, 40), symbol=Symbol.OPTIONAL),
    Endpoint("GET", "/fapi/v1/allOrders", all_orders, 5, symbol=Symbol.OPTIONAL),
    Endpoint("GET", "/fapi/v1/userTrades", user_trades, 5, symbol=Symbol.REQUIRED),
    Endpoint("DELETE", "/fapi/v1/allOpenOrders", cancel_all, symbol=Symbol.REQUIRED, matching=True),
    Endpoint("POST", "/fapi/v1/countdownCancelAll", countdown, 10, symbol=Symbol.REQUIRED, required=("countdownTime",)),
    Endpoint("POST", "/fapi/v1/batchOrders", new_orders, 5, order_cost=_BATCH_COST, matching=True),
    Endpoint("PUT", "/fapi/v1/batchOrders", amend_orders, 5, order_cost=_BATCH_COST, matching=True),
    Endpoint("DELETE", "/fapi/v1/batchOrders", cancel_orders, symbol=Symbol.REQUIRED, matching=True),
    Endpoint("GET", "/fapi/v1/rateLimit/order", order_limits),
    Endpoint("GET", "/fapi/v1/forceOrders", force_orders, by_symbol(20, 50), symbol=Symbol.OPTIONAL),
)
