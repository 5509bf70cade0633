"""The harness's hand on the paper exchange: its control path, asked directly and never through the proxy."""

import http.client
from typing import Any
from urllib.parse import urlsplit

import orjson

AWAY = (OSError, http.client.HTTPException)
TIMEOUT_S = 0.7
STATE_TIMEOUT_S = 30.0


class Paper:
    """Lays faults, moves the market, and reads the truth. Raise one of AWAY where the exchange does not answer."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port

    def lay(self, kind: str, **particulars: Any) -> None:
        """Given a fault of the exchange's menu, lay it."""
        self._ask("POST", "faults", {"kind": kind, **particulars})

    def clear(self) -> None:
        """Take every fault away."""
        self._ask("DELETE", "faults", {})

    def trade(self, symbol: str, side: str, quantity: str) -> None:
        """Another hand on the account trades."""
        self._ask("POST", "trade", {"symbol": symbol, "side": side, "quantity": quantity})

    def pause(self) -> None:
        """Stop the market's clock, so that nothing moves while things are compared."""
        self._ask("POST", "market", {"paused": True})

    def state(self) -> dict[str, Any]:
        """Return everything that the exchange knows."""
        found: dict[str, Any] = self._ask("GET", "state", {}, STATE_TIMEOUT_S)
        return found

    def _ask(self, method: str, name: str, body: dict[str, Any], timeout_s: float = TIMEOUT_S) -> Any:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        try:
            connection.request(method, f"/paper/{name}", orjson.dumps(body))
            answer = connection.getresponse()
            found = orjson.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise http.client.HTTPException(f"{name}: {found}")
        return found
