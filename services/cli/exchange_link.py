"""A reader of the paper exchange for `quantum up`: signed GETs over one kept connection, and nothing that changes it.

It shares no code with the daemons' adapter on purpose: what checks their work must not share their mistakes.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

from quantum_common.clock import epoch_ms
from services.cli.complaint import Complaint

TIMEOUT_S = 5.0
PAGE = 1000
RETRIES_MAX = 30


class ExchangeAway(Exception):
    """The exchange did not answer as it should; the text says what it did."""


class ExchangeLink:
    """Reads the account of one paper exchange. Every method raises ExchangeAway where there is no proper answer."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        parts = urlsplit(url)
        if parts.hostname is None:
            raise Complaint(f"{url}: not an address of an exchange")
        self.url = url
        self._key, self._secret = key, secret.encode()
        self._http = HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)

    def server_time_ms(self) -> int:
        """Return the exchange's clock."""
        return int(self._get("/fapi/v1/time")["serverTime"])

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol that is traded."""
        rows = self._get("/fapi/v1/exchangeInfo")["symbols"]
        return tuple(row["symbol"] for row in rows if row["status"] == "TRADING")

    def account(self) -> dict[str, Any]:
        """Return the account's sums."""
        found: dict[str, Any] = self._signed("/fapi/v2/account", {})
        return found

    def positions(self) -> list[dict[str, Any]]:
        """Return every symbol's position, flat ones included."""
        rows: list[dict[str, Any]] = self._signed("/fapi/v2/positionRisk", {})
        return rows

    def orders(self, symbol: str) -> list[dict[str, Any]]:
        """Return every order ever placed on a symbol, in rising order of its id."""
        return self._pages("/fapi/v1/allOrders", symbol, "orderId", "orderId")

    def trades(self, symbol: str) -> list[dict[str, Any]]:
        """Return every trade of the account on a symbol, in rising order of its id."""
        return self._pages("/fapi/v1/userTrades", symbol, "fromId", "id")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _pages(self, path: str, symbol: str, argument: str, name: str) -> list[dict[str, Any]]:
        """Read page after page from id 1 on, until one is not full."""
        found: list[dict[str, Any]] = []
        following = 1
        while True:
            rows = self._signed(path, {"symbol": symbol, argument: following, "limit": PAGE})
            found += [row for row in rows if int(row[name]) >= following]
            if len(rows) < PAGE:
                return found
            following = max(int(row[name]) for row in rows) + 1

    def _signed(self, path: str, arguments: Mapping[str, str | int]) -> Any:
        stamp_ms = epoch_ms()
        query = urlencode({**arguments, "recvWindow": 60_000, "timestamp": stamp_ms})
        signature = hmac.new(self._secret, query.encode(), hashlib.sha256).hexdigest()
        return self._get(f"{path}?{query}&signature={signature}")

    def _get(self, target: str) -> Any:
        """Ask once; where the exchange says that we ask too much, wait as long as it says and ask again."""
        for _ in range(RETRIES_MAX):
            try:
                self._http.request("GET", target, headers={"X-MBX-APIKEY": self._key})
                answer = self._http.getresponse()
                body = answer.read()
            except (OSError, HTTPException) as error:
                self._http.close()
                raise ExchangeAway(f"the exchange does not answer: {error or type(error).__name__}") from None
            if answer.status in (418, 429):
                time.sleep(min(int(answer.headers.get("Retry-After", "1")), 5))
                continue
            try:
                found = json.loads(body, parse_float=Decimal)
            except ValueError:
                raise ExchangeAway(f"the exchange answers with status {answer.status} and no JSON") from None
            if answer.status != 200:
                raise ExchangeAway(f"the exchange answers {answer.status}: {found}")
            return found
        raise ExchangeAway("the exchange goes on limiting our rate")
