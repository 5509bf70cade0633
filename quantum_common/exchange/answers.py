"""From the exchange's raw answers to outcomes: which answer is a no, which proves that nothing happened, which proves
nothing. The rule stands here once; a doubtful answer to a command is Unknown.
"""

import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from quantum_common.exchange.outcome import NotSent, Refused, Unknown

RETRY_MS = 200
OVERLOADED_RETRY_MS = 500
RATE_RETRY_MS = 1_000

NO_SUCH_ORDER = -2013
UNKNOWN_ORDER_SENT = -2011
DUPLICATE_ID = -4116
TIMESTAMP_OUTSIDE = -1021
TOO_MANY_REQUESTS = -1003
TOO_MANY_ORDERS = -1015
OVERLOADED = -1008
# Malformed key, refused key or address, wrong signature, no authority: an operator must act.
KEY_REFUSED = frozenset({-2014, -2015, -1022, -1002})

_EXECUTION_UNKNOWN = frozenset({None, 0, -1000, -1001, -1006, -1007})
_BANNED_UNTIL = re.compile(r"banned until (\d{13})", re.ASCII)


class MalformedAnswer(ValueError):
    """An answer that lacks what its documentation promises."""


class ApiError(Exception):
    """An answer that is not a success. `code` is None where the exchange gave none."""

    def __init__(self, status: int, code: int | None, text: str, retry_after_ms: int | None = None) -> None:
        super().__init__(status, code, text)
        self.status = status
        self.code = code
        self.text = text
        self.retry_after_ms = retry_after_ms

    def __str__(self) -> str:
        """Return what an operator wants to read."""
        return f"HTTP {self.status}" + (f", code {self.code}" if self.code is not None else "") + f": {self.text}"

    @property
    def rate_limited(self) -> bool:
        """Return whether the exchange refused for the number of requests."""
        return self.status in {418, 429} or self.code in {TOO_MANY_REQUESTS, TOO_MANY_ORDERS}


def parse(status: int, body: bytes, headers: Mapping[str, str], now_ms: int) -> Any:
    """Given an answer, return its JSON. Raise ApiError for anything but a success that can be read.

    A 2xx answer may carry an error code all the same; it is an ApiError too.
    """
    try:
        content = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        text = body[:200].decode("utf-8", "replace").strip()
        raise ApiError(status, None, text, _retry_after_ms(headers, text, now_ms)) from None
    code, text = _code_and_text(content)
    if 200 <= status < 300 and (code is None or code >= 0):
        return content
    raise ApiError(status, code, text, _retry_after_ms(headers, text, now_ms))


def _code_and_text(content: Any) -> tuple[int | None, str]:
    if not isinstance(content, dict):
        return None, orjson.dumps(content)[:200].decode("utf-8", "replace")
    code, text = content.get("code"), content.get("msg")
    return code if isinstance(code, int) else None, text if isinstance(text, str) else ""


def _retry_after_ms(headers: Mapping[str, str], text: str, now_ms: int) -> int | None:
    """Return how long the exchange tells to wait, by its header or by the text of a ban; None where it does not."""
    seconds = headers.get("Retry-After", "")
    if seconds.isdecimal():
        return int(seconds) * 1000
    banned = _BANNED_UNTIL.search(text)
    return max(int(banned[1]) - now_ms, RATE_RETRY_MS) if banned else None


def outcome_of(error: ApiError) -> Refused | NotSent | Unknown:
    """Given an answer to a command that is not a success, return what it proves."""
    if error.rate_limited:
        return NotSent(str(error), error.retry_after_ms or RATE_RETRY_MS, rate_limited=True)
    if error.code == OVERLOADED:
        return NotSent(str(error), OVERLOADED_RETRY_MS)
    if error.status == 503 and _surely_failed(error):
        return NotSent(str(error), RETRY_MS)
    doubtful = error.status == 408 or error.status >= 500 or 300 <= error.status < 400
    if doubtful or error.code is None or error.code in _EXECUTION_UNKNOWN:
        return Unknown(str(error))
    return Refused(error.code, error.text)


def _surely_failed(error: ApiError) -> bool:
    """The two texts of a 503 that the exchange documents as a failure."""
    return error.text == "Service Unavailable." or (
        error.code == -1001 and error.text.startswith("Internal error; unable to process your request")
    )


def outcome_of_transport(error: aiohttp.ClientError | OSError) -> NotSent | Unknown:
    """Given what went wrong on the way, return NotSent where no connection stood, else Unknown.

    A timeout while connecting is NotSent as well: the request is written only after.
    """
    cause = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, aiohttp.ClientConnectorError):
        why = error.os_error
        words = "connection refused" if isinstance(why, ConnectionRefusedError) else why.strerror or str(why)
        cause = f"no connection to {error.host}:{error.port}: {words}"
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return NotSent(cause, RETRY_MS)
    return Unknown(cause)
