"""Whether a conditional order may wait: every check of its form, in the exchange's order.

Margin is not checked before the trigger.
"""

from decimal import Decimal

from services.paper_exchange.engine import admission, errors, filters
from services.paper_exchange.engine.desk import Desk, enlarges
from services.paper_exchange.engine.enums import OrderType, PriceMatch, Side, TimeInForce, WorkingType
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.requests import AlgoRequest
from services.paper_exchange.engine.state import State
from services.paper_exchange.engine.triggers import PROFITS, STOPS, rises

ALGO_ORDERS_MAX = 200
_CALLBACK_LEAST, _CALLBACK_MOST = Decimal("0.1"), Decimal(20)
_LIMIT_TYPES = frozenset({OrderType.STOP, OrderType.TAKE_PROFIT})
_CLOSING_TYPES = frozenset({OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET})


def admit_algo(state: State, desk: Desk, request: AlgoRequest) -> int:
    """Given a new conditional order, return its goodTillDate (0 for none) or raise the first check that fails."""
    admission.check_status(desk)
    if request.type not in STOPS | PROFITS | {OrderType.TRAILING_STOP_MARKET}:
        raise refused(errors.BAD_ORDER_TYPE)
    admission.check_sides(state, request.position_side, request.reduce_only)
    if request.client_algo_id is not None:
        filters.check_client_id(request.client_algo_id)
    good_till = admission.good_till_ms(state, request)
    _check_form(request)
    _check_numbers(desk, request)
    if request.client_algo_id is not None and state.algo_by_client.get(request.client_algo_id) in state.open_algos:
        raise refused(errors.DUPLICATE_CLIENT_ID)
    if len(state.open_algos) >= ALGO_ORDERS_MAX:
        raise refused(errors.MAX_ALGO_ORDERS)
    _check_closing(state, desk, request)
    _check_not_due(desk, request)
    return good_till


def _check_form(request: AlgoRequest) -> None:
    """Raise where the type does not go with what was sent."""
    if request.close_position:
        _check_closing_form(request)
    elif request.quantity is None:
        raise refused(errors.MANDATORY_MISSING, "quantity")
    if request.type in _LIMIT_TYPES:
        if (request.price is None) == (request.price_match is PriceMatch.NONE):
            raise refused(errors.MANDATORY_MISSING if request.price is None else errors.NOT_REQUIRED, "price")
    else:
        if request.price_match is not PriceMatch.NONE:
            raise refused(errors.PRICE_MATCH_TYPE)
        if request.price is not None:
            raise refused(errors.NOT_REQUIRED, "price")
    if request.type is OrderType.TRAILING_STOP_MARKET:
        if request.callback_rate is None:
            raise refused(errors.MANDATORY_MISSING, "callbackRate")
    elif request.trigger_price is None:
        raise refused(errors.MANDATORY_MISSING, "triggerPrice")


def _check_closing_form(request: AlgoRequest) -> None:
    """Raise where closePosition came with what it excludes."""
    if request.type not in _CLOSING_TYPES:
        raise refused(errors.BAD_CLOSE_POSITION_TYPE, request.type.value)
    if request.quantity:
        raise refused(errors.QUANTITY_WITH_CLOSE_POSITION)
    if request.reduce_only is not None:
        raise refused(errors.NOT_REQUIRED, "reduceonly")


def _check_numbers(desk: Desk, request: AlgoRequest) -> None:
    """Raise where a price or the quantity does not pass the contract's filters."""
    if request.trigger_price is not None:
        filters.check_price(desk.rules, request.trigger_price)
    if request.price is not None:
        filters.check_price(desk.rules, request.price)
    rate = request.callback_rate
    if rate is not None and not (rate.is_finite() and _CALLBACK_LEAST <= rate <= _CALLBACK_MOST):
        raise refused(errors.BAD_CALLBACK_RATE)
    if request.activate_price is not None:
        if not request.activate_price.is_finite() or request.activate_price <= 0:
            raise refused(errors.BAD_ACTIVATION_PRICE)
        filters.check_price(desk.rules, request.activate_price)
    if request.quantity is None or request.close_position:
        return
    filters.check_quantity(desk.rules, request.quantity, market=request.type not in _LIMIT_TYPES)
    price = request.price or request.trigger_price or desk.book.mark
    if price is not None and enlarges(request.side, request.position_side, reduce_only=bool(request.reduce_only)):
        filters.check_notional(desk.rules, price, request.quantity)


def _check_closing(state: State, desk: Desk, request: AlgoRequest) -> None:
    """Raise -4509 for GTE without a position, -4130 for a second closePosition order of one kind and direction."""
    if request.time_in_force is TimeInForce.GTE_GTC:
        if not desk.holdings[request.position_side].reducible(request.side):
            raise refused(errors.GTE_WITHOUT_POSITION)
    elif request.time_in_force is TimeInForce.GTX and request.type not in _LIMIT_TYPES:
        raise refused(errors.BAD_TIF)
    if not request.close_position:
        return
    for algo_id in desk.algos:
        algo = state.open_algos[algo_id]
        same = (algo.side, algo.position_side, algo.type) == (request.side, request.position_side, request.type)
        if algo.close_position and same:
            raise refused(errors.CLOSE_POSITION_EXISTS)


def _check_not_due(desk: Desk, request: AlgoRequest) -> None:
    """Raise -2021 where the price to wait for has come already."""
    price = desk.book.last if request.working_type is WorkingType.CONTRACT_PRICE else desk.book.mark
    if price is None:
        raise refused(errors.EMPTY_BOOK)
    if request.type is OrderType.TRAILING_STOP_MARKET:
        activate = request.activate_price
        if activate is not None and (activate >= price if request.side is Side.BUY else activate <= price):
            raise refused(errors.WOULD_TRIGGER)
        return
    trigger = request.trigger_price
    if trigger is not None and (price >= trigger if rises(request.type, request.side) else price <= trigger):
        raise refused(errors.WOULD_TRIGGER)
