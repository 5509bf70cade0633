"""The exchange's refusals: code, text and HTTP status, in the words clients compare with."""

from typing import Any

from services.paper_exchange.engine.errors import ExchangeError

_STATUS = {
    -1001: 503,
    -1002: 401,
    -1003: 429,
    -1007: 408,
    -1008: 503,
    -1015: 429,
    -1016: 503,
    -2014: 401,
    -2015: 401,
    -5000: 404,
}


class ApiError(ExchangeError):
    """A request refused before the engine saw it; some refusals come with headers."""

    def __init__(self, code: int, msg: str, status: int | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(code, msg, status if status is not None else _STATUS.get(code, 400))
        self.headers = headers or {}


def error_body(error: ExchangeError) -> dict[str, Any]:
    """Given a refusal, return the JSON object of its answer."""
    return {"code": error.code, "msg": error.msg}


def missing(name: str) -> ApiError:
    """Given a parameter's name, return the refusal of a request without it."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def missing_both(first: str, second: str) -> ApiError:
    """Given two names of which one is needed, return the refusal of a request with neither."""
    return ApiError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def illegal(name: str, legal: str) -> ApiError:
    """Given a parameter's name and its legal range, return the refusal of other characters."""
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def malformed(name: str) -> ApiError:
    """Given a parameter's name, return the refusal of a value that makes no sense for it."""
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def invalid_symbol() -> ApiError:
    """Return the refusal of an unknown symbol."""
    return ApiError(-1121, "Invalid symbol.")


def wrong_signature() -> ApiError:
    """Return the refusal of a wrong signature."""
    return ApiError(-1022, "Signature for this request is not valid.")


def outside_window() -> ApiError:
    """Return the refusal of a request that is too old."""
    return ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def ahead_of_server() -> ApiError:
    """Return the refusal of a request from the future."""
    return ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def outside_engine_window() -> ApiError:
    """Return the refusal of a request that became too old before it reached matching."""
    return ApiError(-5028, "Timestamp for this request is outside of the ME recvWindow.")


def malformed_key() -> ApiError:
    """Return the refusal of a request without a usable API key."""
    return ApiError(-2014, "API-key format invalid.")


def unknown_key() -> ApiError:
    """Return the refusal of an API key nobody has."""
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.")


def no_such_order() -> ApiError:
    """Return the answer to a query for an order that is not there."""
    return ApiError(-2013, "Order does not exist.")


def unknown_listen_key() -> ApiError:
    """Return the answer to a listen key that is not alive."""
    return ApiError(
        -1125, "This listenKey does not exist. Please use `POST /fapi/v1/listenKey` to recreate `listenKey`."
    )


def bad_interval() -> ApiError:
    """Return the refusal of an interval that does not exist."""
    return ApiError(-1120, "Invalid interval.")


def invalid_depth(limit: str) -> ApiError:
    """Return the refusal of a depth limit that does not exist."""
    return ApiError(-4021, f"{limit} is not valid depth limit.")


def no_such_path(path: str, method: str) -> ApiError:
    """Return the answer to a path or method that does not exist."""
    return ApiError(-5000, f"Path {path}, Method {method} is invalid")


def window_too_wide() -> ApiError:
    """Return the refusal of a recvWindow over a minute."""
    return ApiError(-1131, "recvWindow must be less than 60000")
