"""From a request's parameters to the engine's typed requests; the checks that need no state happen here."""

import re
from enum import StrEnum
from typing import TypeVar

from services.paper_exchange.engine import errors as refusals
from services.paper_exchange.engine.enums import OrderType, PriceMatch, SelfTrade, Side, TimeInForce, WorkingType
from services.paper_exchange.engine.errors import ExchangeError, refused
from services.paper_exchange.engine.requests import AlgoRequest, AmendRequest, OrderRequest
from services.paper_exchange.protocol.endpoint import Call, position_side
from services.paper_exchange.protocol.errors import ApiError, malformed, missing
from services.paper_exchange.protocol.params import Params

CLIENT_ID_MAX = 36
_CLIENT_ID = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")
_CONDITIONAL = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
_SENDABLE_TIF = ("GTC", "IOC", "FOK", "GTX", "GTD", "GTE_GTC")
W = TypeVar("W", bound=StrEnum)


def order_request(call: Call) -> OrderRequest:
    """Given a call of POST order, return the order it asks for. Raise the exchange's refusal of a bad parameter."""
    params = call.params
    _check_response_type(params)
    kind = params.required("type")
    if kind in _CONDITIONAL:
        raise refused(refusals.ALGO_ENDPOINT_NEEDED)
    if kind not in ("LIMIT", "MARKET"):
        raise refused(refusals.BAD_ORDER_TYPE)
    if params.flag("closePosition"):
        raise refused(refusals.ALGO_ENDPOINT_NEEDED)
    return OrderRequest(
        symbol=call.symbol,
        side=_side(params),
        type=OrderType(kind),
        quantity=params.number("quantity"),
        price=params.number("price"),
        time_in_force=_time_in_force(params),
        position_side=position_side(params),
        reduce_only=params.flag("reduceOnly"),
        client_order_id=client_id(params, "newClientOrderId"),
        price_match=_word(params, "priceMatch", PriceMatch, PriceMatch.NONE, refused(refusals.BAD_PRICE_MATCH)),
        stp_mode=_self_trade(params),
        good_till_ms=params.integer("goodTillDate"),
    )


def wants_result(params: Params) -> bool:
    """Given the parameters of an order, return whether its answer waits for the result of matching."""
    return params.text("newOrderRespType") == "RESULT"


def amend_request(call: Call) -> AmendRequest:
    """Given a call of PUT order, return the change it asks for. Raise the exchange's refusal of a bad parameter."""
    params = call.params
    order_id, client_order_id = call.order_ids()
    quantity = params.number("quantity")
    if quantity is None:
        raise missing("quantity")
    return AmendRequest(
        symbol=call.symbol,
        side=_side(params),
        quantity=quantity,
        price=params.number("price"),
        order_id=order_id,
        client_order_id=client_order_id,
        price_match=_word(params, "priceMatch", PriceMatch, PriceMatch.NONE, refused(refusals.BAD_PRICE_MATCH)),
        reduce_only=params.flag("reduceOnly"),
        modify_id=params.integer("modifyId"),
    )


def algo_request(call: Call) -> AlgoRequest:
    """Given a call of POST algoOrder, return the order it asks for. Raise the exchange's refusal of a bad parameter."""
    params = call.params
    _check_response_type(params)
    if params.required("algoType") != "CONDITIONAL":
        raise malformed("algoType")
    kind = params.required("type")
    if kind not in _CONDITIONAL:
        raise refused(refusals.BAD_ORDER_TYPE)
    working = _word(params, "workingType", WorkingType, WorkingType.CONTRACT_PRICE, malformed("workingType"))
    return AlgoRequest(
        symbol=call.symbol,
        side=_side(params),
        type=OrderType(kind),
        quantity=params.number("quantity"),
        price=params.number("price"),
        trigger_price=params.number("triggerPrice"),
        time_in_force=_time_in_force(params),
        position_side=position_side(params),
        working_type=working,
        price_match=_word(params, "priceMatch", PriceMatch, PriceMatch.NONE, refused(refusals.BAD_PRICE_MATCH)),
        stp_mode=_self_trade(params),
        price_protect=bool(params.flag("priceProtect")),
        reduce_only=params.flag("reduceOnly"),
        close_position=bool(params.flag("closePosition")),
        activate_price=params.number("activatePrice"),
        callback_rate=params.number("callbackRate"),
        client_algo_id=client_id(params, "clientAlgoId"),
        good_till_ms=params.integer("goodTillDate"),
    )


def client_id(params: Params, name: str) -> str | None:
    """Given the parameters and a name, return the client's own id, or None. Raise -4015 on an unusable one."""
    value = params.text(name)
    if value is None:
        return None
    if len(value) > CLIENT_ID_MAX:
        raise refused(refusals.CLIENT_ID_TOO_LONG)
    if not _CLIENT_ID.match(value):
        raise refused(refusals.BAD_CLIENT_ID)
    return value


def _side(params: Params) -> Side:
    value = params.required("side")
    if value not in Side.__members__:
        raise ApiError(-1117, "Invalid side.")
    return Side(value)


def _time_in_force(params: Params) -> TimeInForce | None:
    value = params.text("timeInForce")
    if value is None:
        return None
    if value not in _SENDABLE_TIF:
        raise refused(refusals.BAD_TIF)
    return TimeInForce(value)


def _self_trade(params: Params) -> SelfTrade:
    return _word(
        params, "selfTradePreventionMode", SelfTrade, SelfTrade.EXPIRE_MAKER, malformed("selfTradePreventionMode")
    )


def _word(params: Params, name: str, words: type[W], default: W, refusal: ExchangeError) -> W:
    value = params.text(name)
    if value is None:
        return default
    if value not in words.__members__:
        raise refusal
    return words(value)


def _check_response_type(params: Params) -> None:
    if params.text("newOrderRespType") not in (None, "ACK", "RESULT"):
        raise ApiError(-1136, "Invalid newOrderRespType.")
