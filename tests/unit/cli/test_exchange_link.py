"""The command's own reader of the exchange: signed, paged, patient with limits, plain about failures."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.cli.complaint import Complaint
from services.cli.exchange_link import PAGE, ExchangeAway, ExchangeLink
from tests.served import served

ROWS = PAGE + 2


class Desk(HTTPServer):
    """An exchange with two pages of trades; `limited` answers come first."""

    limited = 0
    body = b""


class Handler(BaseHTTPRequestHandler):
    """Answers from the desk."""

    protocol_version = "HTTP/1.1"
    server: Desk

    def do_GET(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.server.limited:
            self.server.limited -= 1
            self.answer(429, {"code": -1003, "msg": "Too many requests."}, {"Retry-After": "0"})
        elif self.server.body:
            self.answer(200, self.server.body)
        elif parts.path == "/fapi/v1/time":
            self.answer(200, {"serverTime": 5})
        elif parts.path == "/fapi/v1/exchangeInfo":
            symbols = [{"symbol": "BTCUSDT", "status": "TRADING"}, {"symbol": "OLDUSDT", "status": "SETTLING"}]
            self.answer(200, {"symbols": symbols})
        elif not self.signed(parts.query):
            self.answer(400, {"code": -1022, "msg": "Signature for this request is not valid."})
        elif parts.path == "/fapi/v1/userTrades":
            first = int(query["fromId"])
            rows = [{"id": number} for number in range(max(first, 100), 100 + ROWS)]
            self.answer(200, rows[: int(query["limit"])])
        elif parts.path == "/fapi/v1/allOrders":
            self.answer(200, [{"orderId": 9}])
        else:
            self.answer(200, [{"path": parts.path}])

    def signed(self, query: str) -> bool:
        """Whether the last argument is the signature of the others."""
        payload, _, signature = query.rpartition("&signature=")
        wanted = hmac.new(b"secret", payload.encode(), hashlib.sha256).hexdigest()
        return signature == wanted and self.headers["X-MBX-APIKEY"] == "key"

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        """Send JSON, or bytes as they are."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A desk on loopback."""
    server = Desk(("127.0.0.1", 0), Handler)
    with served(server):
        yield server


@pytest.fixture
def link(desk: Desk) -> Iterator[ExchangeLink]:
    """A reader of it."""
    made = ExchangeLink(f"http://127.0.0.1:{desk.server_address[1]}", "key", "secret")
    yield made
    made.close()


def test_clock_and_symbols_are_read(link: ExchangeLink) -> None:
    assert link.server_time_ms() == 5
    assert link.symbols() == ("BTCUSDT",)


def test_every_page_is_read_once(link: ExchangeLink) -> None:
    assert [row["id"] for row in link.trades("BTCUSDT")] == list(range(100, 100 + ROWS))
    assert link.orders("BTCUSDT") == [{"orderId": 9}]
    assert link.positions() == [{"path": "/fapi/v2/positionRisk"}]


def test_a_limit_is_waited_for(desk: Desk, link: ExchangeLink) -> None:
    desk.limited = 2
    assert link.server_time_ms() == 5


def test_a_limit_that_does_not_end_is_said(desk: Desk, link: ExchangeLink) -> None:
    desk.limited = 100
    with pytest.raises(ExchangeAway, match="limiting our rate"):
        link.server_time_ms()


def test_answers_that_are_none_are_said(desk: Desk, link: ExchangeLink) -> None:
    stranger = ExchangeLink(link.url, "key", "wrong")
    with pytest.raises(ExchangeAway, match="-1022"):
        stranger.positions()
    stranger.close()
    desk.body = b"<html>"
    with pytest.raises(ExchangeAway, match="no JSON"):
        link.server_time_ms()


def test_an_exchange_that_is_not_there_is_said() -> None:
    with pytest.raises(ExchangeAway, match="does not answer"):
        ExchangeLink("http://127.0.0.1:1", "key", "secret").server_time_ms()
    with pytest.raises(Complaint, match="not an address"):
        ExchangeLink("nonsense", "key", "secret")
