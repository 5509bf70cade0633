"""The endpoints of algo (conditional) orders."""

from typing import Any

from services.paper_exchange.protocol.endpoint import Call, Endpoint, Symbol, by_symbol
from services.paper_exchange.protocol.order_answers import algo_listed, algo_open, algo_placed
from services.paper_exchange.protocol.order_requests import algo_request
from services.paper_exchange.protocol.rates import OrderCost


def new_algo_order(call: Call) -> dict[str, Any]:
    """POST algoOrder."""
    algo = call.exchange.engine.place_algo(algo_request(call), call.exchange.now_ms())
    return algo_placed(algo, call.rules())


def cancel_algo_order(call: Call) -> dict[str, Any]:
    """DELETE algoOrder."""
    algo_id, client_algo_id = call.order_ids("algoId", "clientAlgoId")
    algo = call.exchange.engine.cancel_algo(call.exchange.now_ms(), algo_id=algo_id, client_algo_id=client_algo_id)
    return {"algoId": algo.algo_id, "clientAlgoId": algo.client_algo_id, "code": "200", "msg": "success"}


def get_algo_order(call: Call) -> dict[str, Any]:
    """GET algoOrder."""
    algo_id, client_algo_id = call.order_ids("algoId", "clientAlgoId")
    algo = call.exchange.engine.algo(algo_id=algo_id, client_algo_id=client_algo_id)
    return algo_listed(algo, call.rules(algo.symbol))


def open_algo_orders(call: Call) -> list[dict[str, Any]]:
    """GET openAlgoOrders."""
    algos = call.exchange.engine.open_algos(call.params.text("symbol"))
    wanted = call.params.integer("algoId")
    return [algo_open(algo, call.rules(algo.symbol)) for algo in algos if wanted in (None, algo.algo_id)]


def all_algo_orders(call: Call) -> list[dict[str, Any]]:
    """GET allAlgoOrders."""
    algos = call.exchange.engine.all_algos(
        call.params.text("symbol"), call.exchange.now_ms(), call.window(500, 1000), call.params.integer("algoId")
    )
    return [algo_listed(algo, call.rules(algo.symbol)) for algo in algos]


def cancel_all_algo_orders(call: Call) -> dict[str, Any]:
    """DELETE algoOpenOrders."""
    call.exchange.engine.cancel_all_algos(call.symbol, call.exchange.now_ms())
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


ENDPOINTS = (
    Endpoint(
        "POST",
        "/fapi/v1/algoOrder",
        new_algo_order,
        0,
        symbol=Symbol.REQUIRED,
        required=("algoType", "symbol", "side", "type"),
        order_cost=OrderCost(1, 1),
        matching=True,
    ),
    Endpoint("DELETE", "/fapi/v1/algoOrder", cancel_algo_order, matching=True),
    Endpoint("GET", "/fapi/v1/algoOrder", get_algo_order),
    Endpoint("GET", "/fapi/v1/openAlgoOrders", open_algo_orders, by_symbol(1, 40), symbol=Symbol.OPTIONAL),
    Endpoint("GET", "/fapi/v1/allAlgoOrders", all_algo_orders, 5, symbol=Symbol.OPTIONAL),
    Endpoint("DELETE", "/fapi/v1/algoOpenOrders", cancel_all_algo_orders, symbol=Symbol.REQUIRED, matching=True),
)
