"""The lines of the exchange's error table that a client can provoke by one request, or by one more before it."""

import time
from typing import NamedTuple

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
Params = dict[str, object]
Step = tuple[str, str, Params]

LIMIT: Params = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "{low}",
}
MARKET: Params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
STOP: Params = {
    "algoType": "CONDITIONAL",
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "STOP_MARKET",
    "quantity": "0.010",
    "triggerPrice": "{low}",
}
RESTING: Step = ("POST", ORDER, {**LIMIT, "newClientOrderId": "resting"})
LONG: Step = ("POST", ORDER, MARKET)


class Case(NamedTuple):
    """One line: what is done before, what is asked, and how it is refused. `{low}` is a price below the market."""

    name: str
    method: str
    path: str
    params: Params
    code: int
    text: str
    before: tuple[Step, ...] = ()
    status: int = 400


def refusal(name: str, params: Params, code: int, text: str, *before: Step) -> Case:
    """Given an order and its refusal, return the case."""
    return Case(name, "POST", ORDER, params, code, text, before)


def without(params: Params, *names: str) -> Params:
    """Given parameters, return them less some."""
    return {name: value for name, value in params.items() if name not in names}


MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
IDLE = "No need to change"
CASES = (
    refusal("no side", without(LIMIT, "side"), -1102, MISSING.format("side")),
    refusal("no type", without(LIMIT, "type"), -1102, MISSING.format("type")),
    refusal("no symbol", without(LIMIT, "symbol"), -1102, MISSING.format("symbol")),
    refusal("no quantity", without(LIMIT, "quantity"), -1102, MISSING.format("quantity")),
    refusal("no price", without(LIMIT, "price"), -1102, MISSING.format("price")),
    refusal("no time in force", without(LIMIT, "timeInForce"), -1102, MISSING.format("timeInForce")),
    refusal("a symbol nobody lists", {**LIMIT, "symbol": "NOPEUSDT"}, -1121, "Invalid symbol."),
    refusal("letters for a number", {**LIMIT, "quantity": "1e-07"}, -1100, "Illegal characters found in parameter"),
    refusal("too precise a quantity", {**LIMIT, "quantity": "0.0100001"}, -1111, "Precision is over the maximum"),
    refusal("too precise a price", {**LIMIT, "price": "{low}001"}, -1111, "Precision is over the maximum"),
    refusal("a price off the tick", {**LIMIT, "price": "{low_hundred}.05"}, -4014, "Price not increased by tick size."),
    refusal("a market order with a time in force", {**MARKET, "timeInForce": "GTC"}, -1106, "'timeinforce' sent when"),
    refusal("a market order with a price", {**MARKET, "price": "{low}"}, -1106, "Parameter 'price' sent when not"),
    refusal("an unknown time in force", {**LIMIT, "timeInForce": "DAY"}, -1115, "Invalid timeInForce."),
    refusal("an unknown type", {**LIMIT, "type": "ICEBERG"}, -1116, "Invalid orderType."),
    refusal("an unknown side", {**LIMIT, "side": "HOLD"}, -1117, "Invalid side."),
    refusal("an unknown answer type", {**LIMIT, "newOrderRespType": "FULL"}, -1136, "Invalid newOrderRespType."),
    refusal("a boolean that is none", {**LIMIT, "reduceOnly": "maybe"}, -1130, "Data sent for parameter 'reduceOnly'"),
    refusal("a conditional type", {**LIMIT, "type": "STOP_MARKET"}, -4120, "Please use the Algo Order API endpoints"),
    refusal("a long client id", {**LIMIT, "newClientOrderId": "a" * 37}, -4015, "should not be more than 36 chars"),
    refusal("an odd client id", {**LIMIT, "newClientOrderId": "a b"}, -4015, "Client order id is not valid."),
    refusal("an id in use", RESTING[2], -4116, "ClientOrderId is duplicated.", RESTING),
    refusal("no quantity at all", {**LIMIT, "quantity": "0"}, -4003, "Quantity less than or equal to zero."),
    refusal("too large a quantity", {**LIMIT, "quantity": "1001"}, -4005, "Quantity greater than max quantity."),
    refusal("too large a market quantity", {**MARKET, "quantity": "121"}, -4005, "Quantity greater than max quantity."),
    refusal("no price", {**LIMIT, "price": "-1"}, -4001, "Price less than 0."),
    refusal("too low a price", {**LIMIT, "price": "500"}, -4013, "Price less than min price."),
    refusal("too high a price", {**LIMIT, "price": "5000000"}, -4002, "Price greater than max price."),
    refusal("a bid far over the mark", {**LIMIT, "price": "{far_high}"}, -4016, "Limit price can't be higher than "),
    refusal(
        "an offer far under the mark",
        {**LIMIT, "side": "SELL", "price": "{far_low}"},
        -4024,
        "Limit price can't be lower than ",
    ),
    refusal(
        "too small a notional", {**MARKET, "symbol": "ETHUSDT", "quantity": "0.001"}, -4164, "no smaller than 20 ("
    ),
    refusal("more than the margin", {**MARKET, "quantity": "20"}, -2019, "Margin is insufficient."),
    refusal("reduce only when flat", {**MARKET, "reduceOnly": "true"}, -2022, "ReduceOnly Order is rejected."),
    refusal(
        "a hedge side in one-way mode", {**MARKET, "positionSide": "LONG"}, -4061, "does not match user's setting."
    ),
    refusal("an unknown position side", {**MARKET, "positionSide": "UP"}, -4060, "Invalid position side."),
    refusal(
        "a fill or kill far from the market",
        {**LIMIT, "timeInForce": "FOK"},
        -5021,
        "Due to the order could not be filled immediately, the FOK order has been rejected.",
    ),
    refusal(
        "a post-only order that would take",
        {**LIMIT, "timeInForce": "GTX", "price": "{high}"},
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    ),
    refusal("an unknown price match", {**without(LIMIT, "price"), "priceMatch": "BEST"}, -5037, "Invalid price match"),
    refusal("a price match on a market order", {**MARKET, "priceMatch": "QUEUE"}, -5038, "only supports order type"),
    refusal(
        "a good till date too near",
        {**LIMIT, "timeInForce": "GTD", "goodTillDate": int(time.time() * 1000)},
        -5040,
        "The goodTillDate timestamp must be greater than the current time plus 600 seconds",
    ),
    Case("cancel the unknown", "DELETE", ORDER, {"symbol": "BTCUSDT", "orderId": 1}, -2011, "Unknown order sent."),
    Case(
        "cancel without an id",
        "DELETE",
        ORDER,
        {"symbol": "BTCUSDT"},
        -1102,
        "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
    ),
    Case("ask for the unknown", "GET", ORDER, {"symbol": "BTCUSDT", "orderId": 1}, -2013, "Order does not exist."),
    Case(
        "ask for a finished order as an open one",
        "GET",
        "/fapi/v1/openOrder",
        {"symbol": "BTCUSDT", "origClientOrderId": "finished"},
        -2013,
        "Order does not exist.",
        (("POST", ORDER, {**MARKET, "newClientOrderId": "finished"}),),
    ),
    Case(
        "change nothing",
        "PUT",
        ORDER,
        {**without(LIMIT, "type", "timeInForce"), "origClientOrderId": "resting"},
        -5027,
        "No need to modify the order.",
        (RESTING,),
    ),
    Case(
        "make an order reduce-only afterwards",
        "PUT",
        ORDER,
        {**without(LIMIT, "type", "timeInForce"), "origClientOrderId": "resting", "reduceOnly": "true"},
        -5047,
        "The original order is not a reduce-only order",
        (RESTING,),
    ),
    Case("a stop at once", "POST", ALGO, {**STOP, "triggerPrice": "{high}"}, -2021, "Order would immediately trigger."),
    Case("an algo order without its kind", "POST", ALGO, without(STOP, "algoType"), -1102, MISSING.format("algoType")),
    Case(
        "close position with a quantity",
        "POST",
        ALGO,
        {**STOP, "closePosition": "true"},
        -4137,
        "Quantity must be zero with closePosition equals true",
    ),
    Case("cancel an unknown algo order", "DELETE", ALGO, {"algoId": 1}, -2011, "Unknown order sent."),
    Case(
        "leverage out of range",
        "POST",
        "/fapi/v1/leverage",
        {"symbol": "BTCUSDT", "leverage": 126},
        -4028,
        "Leverage 126 is not valid",
    ),
    Case(
        "the margin type there is",
        "POST",
        "/fapi/v1/marginType",
        {"symbol": "BTCUSDT", "marginType": "CROSSED"},
        -4046,
        f"{IDLE} margin type.",
    ),
    Case(
        "another margin type with an order open",
        "POST",
        "/fapi/v1/marginType",
        {"symbol": "BTCUSDT", "marginType": "ISOLATED"},
        -4047,
        "Margin type cannot be changed if there exists open orders.",
        (RESTING,),
    ),
    Case(
        "another margin type with a position",
        "POST",
        "/fapi/v1/marginType",
        {"symbol": "BTCUSDT", "marginType": "ISOLATED"},
        -4048,
        "Margin type cannot be changed if there exists position.",
        (LONG,),
    ),
    Case(
        "the position mode there is",
        "POST",
        "/fapi/v1/positionSide/dual",
        {"dualSidePosition": "false"},
        -4059,
        f"{IDLE} position side.",
    ),
    Case(
        "another position mode with an order open",
        "POST",
        "/fapi/v1/positionSide/dual",
        {"dualSidePosition": "true"},
        -4067,
        "Position side cannot be changed if there exists open orders.",
        (RESTING,),
    ),
    Case(
        "another position mode with a position",
        "POST",
        "/fapi/v1/positionSide/dual",
        {"dualSidePosition": "true"},
        -4068,
        "Position side cannot be changed if there exists position.",
        (LONG,),
    ),
    Case(
        "the asset mode there is",
        "POST",
        "/fapi/v1/multiAssetsMargin",
        {"multiAssetsMargin": "false"},
        -4171,
        "Adjusted asset mode is currently set",
    ),
    Case("a depth nobody serves", "GET", "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 7}, -4021, "not valid depth"),
    Case(
        "an interval nobody serves",
        "GET",
        "/fapi/v1/klines",
        {"symbol": "BTCUSDT", "interval": "1s"},
        -1120,
        "Invalid interval.",
    ),
    Case(
        "too many bars",
        "GET",
        "/fapi/v1/klines",
        {"symbol": "BTCUSDT", "interval": "1m", "limit": 1501},
        -1130,
        "Data sent for parameter 'limit' is not valid.",
    ),
    Case(
        "a window too long",
        "GET",
        "/fapi/v1/userTrades",
        {"symbol": "BTCUSDT", "startTime": 1_700_000_000_000, "endTime": 1_701_000_000_000},
        -4165,
        "Maximum time interval is 7 days",
    ),
    Case(
        "a window too wide for any request",
        "GET",
        "/fapi/v3/balance",
        {"recvWindow": 60_001},
        -1131,
        "recvWindow must be less than 60000",
    ),
    Case("a path that is not", "GET", "/fapi/v1/nothing", {}, -5000, "Path /fapi/v1/nothing, Method GET", (), 404),
    Case("a method that is not", "DELETE", "/fapi/v1/klines", {}, -5000, "Method DELETE is invalid", (), 404),
)
