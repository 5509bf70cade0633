"""What is read out of an answer besides its meaning: text, code, and how long to wait."""

from errno import ECONNREFUSED

import pytest
from aiohttp import ClientConnectorDNSError, ClientConnectorError, ConnectionTimeoutError, ServerDisconnectedError
from aiohttp.client_reqrep import ConnectionKey

from quantum_common.exchange.answers import RATE_RETRY_MS, ApiError, outcome_of, outcome_of_transport, parse
from quantum_common.exchange.outcome import NotSent, Unknown

NOW_MS = 1_700_000_000_000
PEER = ConnectionKey("x", 1, False, True, None, None, None)


def refused(status: int, body: bytes, **headers: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        parse(status, body, {name.replace("_", "-"): value for name, value in headers.items()}, NOW_MS)
    return caught.value


@pytest.mark.parametrize(
    ("body", "content"),
    [(b"", {}), (b"{}", {}), (b"[1]", [1]), (b'{"code":200,"msg":"success"}', {"code": 200, "msg": "success"}),
     (b'{"orderId":8389765500000000123}', {"orderId": 8389765500000000123}),
     (b'{"code":"200","msg":"success"}', {"code": "200", "msg": "success"})],
)  # fmt: skip
def test_a_success_is_its_content(body: bytes, content: object) -> None:
    assert parse(200, body, {}, NOW_MS) == content


def test_an_error_shows_status_code_and_text() -> None:
    assert str(refused(400, b'{"code":-2019,"msg":"Margin is insufficient."}')) == (
        "HTTP 400, code -2019: Margin is insufficient."
    )
    assert str(refused(502, b"<html>bad</html>")) == "HTTP 502: <html>bad</html>"
    assert refused(503, b'{"timestamp":1,"path":"/x","msg":7}').text == ""


@pytest.mark.parametrize(
    ("headers", "text", "retry_after_ms"),
    [
        ({"Retry_After": "7"}, "", 7_000),
        ({"Retry_After": "soon"}, "", None),
        ({}, "Way too many requests; IP banned until 1700000120000. Please use the websocket.", 120_000),
        ({}, "Way too many requests; IP banned until 1600000000000.", RATE_RETRY_MS),
        ({}, "Too many requests.", None),
    ],
)
def test_the_wait_is_read_from_the_header_or_from_the_ban(
    headers: dict[str, str], text: str, retry_after_ms: int | None
) -> None:
    assert refused(418, b'{"code":-1003,"msg":"' + text.encode() + b'"}', **headers).retry_after_ms == retry_after_ms


def test_a_rate_limit_without_a_wait_has_a_short_one() -> None:
    assert outcome_of(ApiError(429, -1003, "Too many requests.")) == NotSent(
        "HTTP 429, code -1003: Too many requests.", RATE_RETRY_MS, rate_limited=True
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionTimeoutError("connecting"), NotSent),
        (ServerDisconnectedError(), Unknown),
        (TimeoutError(), Unknown),
        (ConnectionResetError("reset"), Unknown),
    ],
)
def test_only_a_connection_that_never_stood_proves_anything(error: OSError, kind: type) -> None:
    outcome = outcome_of_transport(error)
    assert isinstance(outcome, kind)
    assert type(error).__name__ in outcome.cause


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            ClientConnectorError(PEER, OSError(ECONNREFUSED, "Connect call failed ('x', 1)")),
            "connection refused",
        ),
        (ClientConnectorDNSError(PEER, OSError(-2, "Name or service not known")), "Name or service not known"),
        (ClientConnectorDNSError(PEER, OSError("no name")), "no name"),
    ],
)
def test_a_connection_that_never_stood_names_the_address_and_the_cause(error: OSError, why: str) -> None:
    outcome = outcome_of_transport(error)
    assert isinstance(outcome, NotSent)
    assert outcome.cause == f"no connection to x:1: {why}"
