"""What a client gets when a fault strikes its request."""

from services.paper_exchange.faults import FaultKind, FaultOrder
from services.paper_exchange.protocol.errors import ApiError
from services.paper_exchange.protocol.params import Params
from services.paper_exchange.protocol.rates import too_many_requests

EXECUTED = frozenset({FaultKind.DROP_AFTER, FaultKind.UNKNOWN_AFTER, FaultKind.TIMEOUT_AFTER, FaultKind.BUS_AFTER})
DROPPED = frozenset({FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER})


class Answerless(ApiError):
    """An answer of the exchange's front that bears no code: time, path and text alone."""

    def __init__(self, msg: str, path: str, now_ms: int) -> None:
        super().__init__(0, msg, 503)
        self.path = path
        self.now_ms = now_ms


def fault_error(fault: FaultOrder, path: str, now_ms: int, weight_limit: int) -> ApiError:
    """Given a fault that answers, the request's path, the time and the weight limit, return the answer as an error."""
    match fault.kind:
        case FaultKind.UNKNOWN_BEFORE | FaultKind.UNKNOWN_AFTER:
            return Answerless("Unknown error, please check your request or try again later.", path, now_ms)
        case FaultKind.UNAVAILABLE:
            return Answerless("Service Unavailable.", path, now_ms)
        case FaultKind.TIMEOUT_BEFORE | FaultKind.TIMEOUT_AFTER:
            text = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
            return ApiError(-1007, text)
        case FaultKind.BUS_BEFORE | FaultKind.BUS_AFTER:
            text = "An unexpected response was received from the message bus. Execution status unknown."
            return ApiError(-1006, text)
        case FaultKind.THROTTLED:
            text = (
                "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. "
                "Please try again."
            )
            return ApiError(-1008, text)
        case FaultKind.INTERNAL:
            return ApiError(-1001, "Internal error; unable to process your request. Please try again.")
        case FaultKind.TOO_MANY_REQUESTS:
            return too_many_requests(weight_limit, fault.retry_after_s)
        case FaultKind.BANNED:
            until_ms = now_ms + 1000 * fault.retry_after_s
            text = (
                f"Way too many requests; IP banned until {until_ms}. "
                "Please use the websocket for live updates to avoid bans."
            )
            return ApiError(-1003, text, 418, {"Retry-After": str(fault.retry_after_s)})
        case _:
            raise ValueError(f"{fault.kind} has no answer of its own")


def is_exempt(params: Params) -> bool:
    """Given an order's parameters, return whether system-level protection lets it through: it only closes."""
    if params.text("reduceOnly") in ("true", "True", "TRUE") or params.text("closePosition") in (
        "true",
        "True",
        "TRUE",
    ):
        return True
    return (params.text("positionSide"), params.text("side")) in (("LONG", "SELL"), ("SHORT", "BUY"))
