"""The exchange's refusals: one error class, and a table of every code and text the engine can answer with.

Texts are the exchange's own, to the letter, because clients match on them. `raise refused(errors.BAD_SYMBOL)` reads
the same wherever it stands; texts with a `%s` take its value: `refused(errors.BAD_LEVERAGE, 126)`.
"""

from typing import NamedTuple


class ExchangeError(Exception):
    """A request refused with the exchange's code and text; nothing was changed by it."""

    def __init__(self, code: int, msg: str, http_status: int = 400) -> None:
        super().__init__(code, msg)
        self.code = code
        self.msg = msg
        self.http_status = http_status

    def __str__(self) -> str:
        return f"{self.code}: {self.msg}"


class Refusal(NamedTuple):
    """One line of the exchange's error table."""

    code: int
    text: str


def refused(refusal: Refusal, *values: object) -> ExchangeError:
    """Given a line of the table and the values of its `%s`, return the error to raise."""
    return ExchangeError(refusal.code, refusal.text % values if values else refusal.text)


MANDATORY_MISSING = Refusal(-1102, "Mandatory parameter '%s' was not sent, was empty/null, or malformed.")
EITHER_MISSING = Refusal(-1102, "Param '%s' or '%s' must be sent, but both were empty/null!")
NOT_REQUIRED = Refusal(-1106, "Parameter '%s' sent when not required.")
BAD_PRECISION = Refusal(-1111, "Precision is over the maximum defined for this asset.")
EMPTY_BOOK = Refusal(-1112, "No orders on book for symbol.")
BAD_TIF = Refusal(-1115, "Invalid timeInForce.")
BAD_ORDER_TYPE = Refusal(-1116, "Invalid orderType.")
BAD_SYMBOL = Refusal(-1121, "Invalid symbol.")
BAD_COMBINATION = Refusal(-1128, "Combination of optional parameters invalid.")
BAD_PARAMETER = Refusal(-1130, "Data sent for parameter '%s' is not valid.")
BAD_CALLBACK_RATE = Refusal(-2007, "Invalid callBack rate.")
CANCEL_REJECTED = Refusal(-2011, "Unknown order sent.")
NO_SUCH_ORDER = Refusal(-2013, "Order does not exist.")
INSUFFICIENT_BALANCE = Refusal(-2018, "Balance is insufficient.")
INSUFFICIENT_MARGIN = Refusal(-2019, "Margin is insufficient.")
WOULD_TRIGGER = Refusal(-2021, "Order would immediately trigger.")
REDUCE_ONLY_REJECTED = Refusal(-2022, "ReduceOnly Order is rejected.")
POSITION_NOT_SUFFICIENT = Refusal(-2024, "Position is not sufficient.")
MAX_OPEN_ORDERS = Refusal(-2025, "Reach max open order limit.")
MAX_POSITION = Refusal(-2027, "Exceeded the maximum allowable position at current leverage.")
LEVERAGE_TOO_SMALL = Refusal(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
PRICE_BELOW_ZERO = Refusal(-4001, "Price less than 0.")
PRICE_ABOVE_MAX = Refusal(-4002, "Price greater than max price.")
QUANTITY_BELOW_ZERO = Refusal(-4003, "Quantity less than or equal to zero.")
QUANTITY_BELOW_MIN = Refusal(-4004, "Quantity less than min quantity.")
QUANTITY_ABOVE_MAX = Refusal(-4005, "Quantity greater than max quantity.")
PRICE_BELOW_MIN = Refusal(-4013, "Price less than min price.")
PRICE_OFF_TICK = Refusal(-4014, "Price not increased by tick size.")
BAD_CLIENT_ID = Refusal(-4015, "Client order id is not valid.")
CLIENT_ID_TOO_LONG = Refusal(-4015, "Client order id length should not be more than 36 chars")
PRICE_ABOVE_MULTIPLIER = Refusal(-4016, "Limit price can't be higher than %s.")
QUANTITY_OFF_STEP = Refusal(-4023, "Qty not increased by step size.")
PRICE_BELOW_MULTIPLIER = Refusal(-4024, "Limit price can't be lower than %s.")
BAD_LEVERAGE = Refusal(-4028, "Leverage %s is not valid")
MAX_ALGO_ORDERS = Refusal(-4045, "Reach max stop order limit.")
SAME_MARGIN_TYPE = Refusal(-4046, "No need to change margin type.")
MARGIN_TYPE_OPEN_ORDERS = Refusal(-4047, "Margin type cannot be changed if there exists open orders.")
MARGIN_TYPE_POSITION = Refusal(-4048, "Margin type cannot be changed if there exists position.")
MARGIN_NOT_ISOLATED = Refusal(-4049, "Add margin only support for isolated position.")
CROSS_BALANCE_INSUFFICIENT = Refusal(-4050, "Cross balance insufficient.")
ISOLATED_BALANCE_INSUFFICIENT = Refusal(-4051, "Isolated balance insufficient.")
MARGIN_WITHOUT_POSITION = Refusal(-4054, "Cannot add position margin: position is 0.")
AMOUNT_NOT_POSITIVE = Refusal(-4055, "Amount must be positive.")
SAME_POSITION_MODE = Refusal(-4059, "No need to change position side.")
BAD_POSITION_SIDE = Refusal(-4061, "Order's position side does not match user's setting.")
POSITION_MODE_OPEN_ORDERS = Refusal(-4067, "Position side cannot be changed if there exists open orders.")
POSITION_MODE_POSITION = Refusal(-4068, "Position side cannot be changed if there exists position.")
DUPLICATE_CLIENT_ID = Refusal(-4116, "ClientOrderId is duplicated.")
ALGO_ENDPOINT_NEEDED = Refusal(
    -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
)
CLOSE_POSITION_EXISTS = Refusal(
    -4130, "An open stop or take profit order with GTE and closePosition in the direction is existing."
)
BOOK_OUT_OF_BOUNDS = Refusal(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.")
BAD_ACTIVATION_PRICE = Refusal(-4135, "Invalid activation price")
BAD_CLOSE_POSITION_TYPE = Refusal(-4136, "Target strategy invalid for orderType %s,closePosition true")
QUANTITY_WITH_CLOSE_POSITION = Refusal(-4137, "Quantity must be zero with closePosition equals true")
CANNOT_OPEN_NOW = Refusal(-4140, "Invalid symbol status for opening position.")
SYMBOL_CLOSED = Refusal(-4141, "Symbol is closed.")
ISOLATED_LEVERAGE_REDUCTION = Refusal(
    -4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions"
)
NOTIONAL_TOO_SMALL = Refusal(-4164, "Order's notional must be no smaller than %s (unless you choose reduce only)")
WINDOW_TOO_LONG = Refusal(-4165, "Maximum time interval is %s days")
MULTI_ASSETS_ISOLATED = Refusal(
    -4167, "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode."
)
ISOLATED_MULTI_ASSETS = Refusal(-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.")
MULTI_ASSETS_OPEN_ORDERS = Refusal(-4170, "Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures.")
SAME_MULTI_ASSETS = Refusal(-4171, "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.")
GTE_WITHOUT_POSITION = Refusal(
    -4509,
    "Time in Force (TIF) GTE can only be used with open positions. Please ensure that positions are available.",
)
FILL_OR_KILL = Refusal(
    -5021,
    "Due to the order could not be filled immediately, the FOK order has been rejected. "
    "The order will not be recorded in the order history",
)
POST_ONLY = Refusal(
    -5022,
    "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history",
)
AMEND_SYMBOL_STATUS = Refusal(-5024, "Symbol is not in trading status. Order amendment is not permitted.")
SAME_ORDER = Refusal(-5027, "No need to modify the order.")
AMEND_NOTIONAL_TOO_SMALL = Refusal(-5029, "Order's notional must be no smaller than %s")
BAD_PRICE_MATCH = Refusal(-5037, "Invalid price match")
PRICE_MATCH_TYPE = Refusal(-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT")
BAD_GOOD_TILL_DATE = Refusal(
    -5040,
    "The goodTillDate timestamp must be greater than the current time plus 600 seconds "
    "and smaller than 253402300799000 (UTC 9999-12-31 23:59:59)",
)
NO_DEPTH_FOR_PRICE_MATCH = Refusal(-5041, "No depth matches this BBO order")
NOT_REDUCE_ONLY = Refusal(-5047, "The original order is not a reduce-only order")
