"""The texts of the refusals, to the letter, because clients match on them."""

import pytest

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.errors import Refusal, refused

UNRECORDED = " The order will not be recorded in the order history"
TEXTS = [
    (
        -1102,
        "Mandatory parameter 'price' was not sent, was empty/null, or malformed.",
        errors.MANDATORY_MISSING,
        ("price",),
    ),
    (
        -1102,
        "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        errors.EITHER_MISSING,
        ("origClientOrderId", "orderId"),
    ),
    (-1106, "Parameter 'reduceonly' sent when not required.", errors.NOT_REQUIRED, ("reduceonly",)),
    (-1111, "Precision is over the maximum defined for this asset.", errors.BAD_PRECISION, ()),
    (-1112, "No orders on book for symbol.", errors.EMPTY_BOOK, ()),
    (-1115, "Invalid timeInForce.", errors.BAD_TIF, ()),
    (-1116, "Invalid orderType.", errors.BAD_ORDER_TYPE, ()),
    (-1121, "Invalid symbol.", errors.BAD_SYMBOL, ()),
    (-1128, "Combination of optional parameters invalid.", errors.BAD_COMBINATION, ()),
    (-1130, "Data sent for parameter 'limit' is not valid.", errors.BAD_PARAMETER, ("limit",)),
    (-2011, "Unknown order sent.", errors.CANCEL_REJECTED, ()),
    (-2013, "Order does not exist.", errors.NO_SUCH_ORDER, ()),
    (-2018, "Balance is insufficient.", errors.INSUFFICIENT_BALANCE, ()),
    (-2019, "Margin is insufficient.", errors.INSUFFICIENT_MARGIN, ()),
    (-2021, "Order would immediately trigger.", errors.WOULD_TRIGGER, ()),
    (-2022, "ReduceOnly Order is rejected.", errors.REDUCE_ONLY_REJECTED, ()),
    (-2024, "Position is not sufficient.", errors.POSITION_NOT_SUFFICIENT, ()),
    (-2025, "Reach max open order limit.", errors.MAX_OPEN_ORDERS, ()),
    (-2027, "Exceeded the maximum allowable position at current leverage.", errors.MAX_POSITION, ()),
    (-2028, "Leverage is smaller than permitted: insufficient margin balance.", errors.LEVERAGE_TOO_SMALL, ()),
    (-4001, "Price less than 0.", errors.PRICE_BELOW_ZERO, ()),
    (-4002, "Price greater than max price.", errors.PRICE_ABOVE_MAX, ()),
    (-4003, "Quantity less than or equal to zero.", errors.QUANTITY_BELOW_ZERO, ()),
    (-4004, "Quantity less than min quantity.", errors.QUANTITY_BELOW_MIN, ()),
    (-4005, "Quantity greater than max quantity.", errors.QUANTITY_ABOVE_MAX, ()),
    (-4013, "Price less than min price.", errors.PRICE_BELOW_MIN, ()),
    (-4014, "Price not increased by tick size.", errors.PRICE_OFF_TICK, ()),
    (-4015, "Client order id is not valid.", errors.BAD_CLIENT_ID, ()),
    (-4015, "Client order id length should not be more than 36 chars", errors.CLIENT_ID_TOO_LONG, ()),
    (-4016, "Limit price can't be higher than 52500.", errors.PRICE_ABOVE_MULTIPLIER, ("52500",)),
    (-4023, "Qty not increased by step size.", errors.QUANTITY_OFF_STEP, ()),
    (-4024, "Limit price can't be lower than 47500.", errors.PRICE_BELOW_MULTIPLIER, ("47500",)),
    (-4028, "Leverage 126 is not valid", errors.BAD_LEVERAGE, (126,)),
    (-4045, "Reach max stop order limit.", errors.MAX_ALGO_ORDERS, ()),
    (-4046, "No need to change margin type.", errors.SAME_MARGIN_TYPE, ()),
    (-4047, "Margin type cannot be changed if there exists open orders.", errors.MARGIN_TYPE_OPEN_ORDERS, ()),
    (-4048, "Margin type cannot be changed if there exists position.", errors.MARGIN_TYPE_POSITION, ()),
    (-4059, "No need to change position side.", errors.SAME_POSITION_MODE, ()),
    (-4061, "Order's position side does not match user's setting.", errors.BAD_POSITION_SIDE, ()),
    (-4067, "Position side cannot be changed if there exists open orders.", errors.POSITION_MODE_OPEN_ORDERS, ()),
    (-4068, "Position side cannot be changed if there exists position.", errors.POSITION_MODE_POSITION, ()),
    (-4116, "ClientOrderId is duplicated.", errors.DUPLICATE_CLIENT_ID, ()),
    (
        -4120,
        "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
        errors.ALGO_ENDPOINT_NEEDED,
        (),
    ),
    (
        -4131,
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
        errors.BOOK_OUT_OF_BOUNDS,
        (),
    ),
    (-4140, "Invalid symbol status for opening position.", errors.CANNOT_OPEN_NOW, ()),
    (-4141, "Symbol is closed.", errors.SYMBOL_CLOSED, ()),
    (
        -4161,
        "Leverage reduction is not supported in Isolated Margin Mode with open positions",
        errors.ISOLATED_LEVERAGE_REDUCTION,
        (),
    ),
    (
        -4164,
        "Order's notional must be no smaller than 50 (unless you choose reduce only)",
        errors.NOTIONAL_TOO_SMALL,
        ("50",),
    ),
    (
        -5021,
        "Due to the order could not be filled immediately, the FOK order has been rejected." + UNRECORDED,
        errors.FILL_OR_KILL,
        (),
    ),
    (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected." + UNRECORDED,
        errors.POST_ONLY,
        (),
    ),
    (-5047, "The original order is not a reduce-only order", errors.NOT_REDUCE_ONLY, ()),
]


@pytest.mark.parametrize(("code", "text", "refusal", "values"), TEXTS)
def test_a_refusal_has_the_exchange_s_code_and_words(
    code: int, text: str, refusal: Refusal, values: tuple[object, ...]
) -> None:
    error = refused(refusal, *values)
    assert (error.code, error.msg, error.http_status) == (code, text, 400)


def test_every_line_of_the_table_is_a_negative_code_with_a_text() -> None:
    lines = [value for value in vars(errors).values() if isinstance(value, Refusal)]
    assert len(lines) > 60
    assert all(line.code < -1000 and line.text for line in lines)
