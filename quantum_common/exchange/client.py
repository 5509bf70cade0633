"""The REST client: python-binance's AsyncClient with the few parts replaced that lose what the pipeline needs.

Its endpoints, addresses and signatures are used as they are. Replaced are: the timestamp and receive window, which it
overwrites; the time, which it takes from the system; and the reading of answers, which loses the text and code of what
is not JSON and lets error codes under status 200 pass.
"""

from types import SimpleNamespace
from typing import Any

import aiohttp
from binance import AsyncClient
from pydantic import SecretStr

from quantum_common.exchange.addresses import Address
from quantum_common.exchange.answers import TIMESTAMP_OUTSIDE, TOO_MANY_ORDERS, ApiError, parse
from quantum_common.exchange.budget import Budget, Kind
from quantum_common.exchange.server_clock import ServerClock

CONNECTIONS_MAX = 100
KEEPALIVE_S = 30
BANNED, BAN_MS_MIN = 418, 120_000  # the shortest ban that the exchange gives
CONNECT_SHARE = 0.5  # of the request timeout; a connection that takes longer is given up before anything is sent


class FuturesClient(AsyncClient):  # type: ignore[misc]  # python-binance is untyped
    """An AsyncClient that signs with the given stamp, and hands every answer to the rate budget."""

    def __init__(
        self,
        credentials: tuple[SecretStr, SecretStr] | None,
        *,
        recv_window_ms: int,
        timeout_ms: int,
        server_clock: ServerClock,
        budget: Budget,
    ) -> None:
        """Given key and secret (None: public calls only), build the client. Sends nothing; needs a running loop."""
        self._recv_window_ms = recv_window_ms
        self._server_clock = server_clock
        self._budget = budget
        key, secret = (item.get_secret_value() for item in credentials) if credentials else (None, None)
        timeout = aiohttp.ClientTimeout(total=timeout_ms / 1000, connect=timeout_ms / 1000 * CONNECT_SHARE)
        super().__init__(
            key,
            secret,
            # A redirect would send a signed order a second time, or elsewhere.
            requests_params={"timeout": timeout, "allow_redirects": False},
            session_params={
                "connector": aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=KEEPALIVE_S),
                "trace_configs": [self._trace()],
            },
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.session.close()

    def _trace(self) -> aiohttp.TraceConfig:
        """Return the trace that reads the rate limits of each answer, beside the time its request was sent."""
        trace = aiohttp.TraceConfig()

        async def started(_: Any, context: SimpleNamespace, __: aiohttp.TraceRequestStartParams) -> None:
            context.sent_ms = self._server_clock.now_ms()

        async def ended(_: Any, context: SimpleNamespace, answer: aiohttp.TraceRequestEndParams) -> None:
            self._budget.told(answer.response.headers, context.sent_ms, self._server_clock.now_ms())

        trace.on_request_start.append(started)
        trace.on_request_end.append(ended)
        return trace

    def _get_request_kwargs(
        self,
        method: str,
        signed: bool,  # noqa: FBT001
        force_params: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Sign here and pass the rest on as unsigned: what signs in the base class overwrites stamp and window.

        A body leaves as the very bytes that were signed; encoding it as a form again would cost a fifth of the whole
        request, and change what is not a letter, digit, dot, hyphen or underscore after the signature was made.
        """
        if signed:
            data = kwargs["data"]
            data.setdefault("timestamp", self._server_clock.now_ms())
            data.setdefault("recvWindow", self._recv_window_ms)
            data["signature"] = self._generate_signature(data)
        prepared: dict[str, Any] = super()._get_request_kwargs(method, False, force_params, **kwargs)  # noqa: FBT003
        if prepared.get("data"):
            prepared["data"] = "&".join(f"{name}={value}" for name, value in prepared["data"]).encode()
        return prepared

    async def _handle_response(self, response: aiohttp.ClientResponse) -> Any:
        """Given an answer, return its JSON. Raise ApiError, having told the budget and the clock what it means."""
        body = await response.read()
        now_ms = self._server_clock.now_ms()
        try:
            return parse(response.status, body, response.headers, now_ms)
        except ApiError as error:
            if error.code == TIMESTAMP_OUTSIDE:
                self._server_clock.doubt()
            if error.rate_limited:
                self._obey(error, now_ms)
            raise

    def _obey(self, error: ApiError, now_ms: int) -> None:
        if error.retry_after_ms is not None or error.status == BANNED:
            wait_ms = BAN_MS_MIN if error.retry_after_ms is None else error.retry_after_ms
            self._budget.close(now_ms + wait_ms)
        else:
            self._budget.exhaust(Kind.ORDERS if error.code == TOO_MANY_ORDERS else Kind.WEIGHT, now_ms)


def client_class(address: Address) -> type[FuturesClient]:
    """Given an address, return the client class that knows this exchange and no other."""
    return type(f"{address.environment.value.title()}Client", (FuturesClient,), address.class_attributes())
