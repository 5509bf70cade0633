"""The way of a request from the raw bytes to the answer.

In the exchange's order: rate limit, API key's shape, mandatory parameters, symbol, known key, signature,
age; then, as matching sees it, the age once more; then the endpoint. The faults of the menu strike
between these steps, before or after execution.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from services.paper_exchange.engine.errors import ExchangeError
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.faults import REQUEST_KINDS, FaultKind, FaultOrder
from services.paper_exchange.protocol import (
    account,
    algo_orders,
    errors,
    listen_key_endpoints,
    market_data,
    orders,
    tickers,
)
from services.paper_exchange.protocol.endpoint import Call, Endpoint, Security, Symbol, checked_symbol
from services.paper_exchange.protocol.fault_answers import DROPPED, EXECUTED, Answerless, fault_error, is_exempt
from services.paper_exchange.protocol.params import Params
from services.paper_exchange.protocol.rates import RateLimiter
from services.paper_exchange.protocol.signature import find_signature, is_signed_by

ENDPOINTS = {
    (endpoint.method, endpoint.path): endpoint
    for family in (market_data, tickers, orders, algo_orders, account, listen_key_endpoints)
    for endpoint in family.ENDPOINTS
}
RECV_WINDOW_DEFAULT_MS, RECV_WINDOW_MAX_MS = 5_000, 60_000
AHEAD_MAX_MS = 1_000
WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"
KEY_LENGTH_MIN, KEY_LENGTH_MAX = 16, 256


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent, as it came over the wire."""

    method: str
    path: str
    query: str
    body: bytes
    api_key: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a signed request was made and how long it holds."""

    timestamp_ms: int
    recv_window_ms: int

    def check(self, now_ms: int) -> None:
        """Given the time at the gateway, raise -1021 where the request is too old or from the future."""
        if self.timestamp_ms >= now_ms + AHEAD_MAX_MS:
            raise errors.ahead_of_server()
        if now_ms - self.timestamp_ms > self.recv_window_ms:
            raise errors.outside_window()

    def check_matching(self, now_ms: int) -> None:
        """Given the time at matching, raise -5028 where the request has become too old."""
        if now_ms - self.timestamp_ms > self.recv_window_ms:
            raise errors.outside_engine_window()


@dataclass(slots=True)
class Gateway:
    """Answers requests on behalf of one exchange."""

    exchange: Exchange
    limiter: RateLimiter
    api_key: str
    api_secret: str
    on_broken: Callable[[Exception], None]

    async def answer(self, request: Request) -> web.Response | None:
        """Given a request, return its answer, or None where the connection is to be dropped instead."""
        headers: dict[str, str] = {}
        try:
            return await self._answer(request, headers)
        except Answerless as lost:
            body = {"timestamp": lost.now_ms, "path": lost.path, "msg": lost.msg}
            return json_answer(body, lost.http_status, headers)
        except ExchangeError as refusal:
            if isinstance(refusal, errors.ApiError):
                headers |= refusal.headers
            if refusal.http_status in (418, 429):
                headers.setdefault(WEIGHT_HEADER, str(self.limiter.used_weight(self.exchange.now_ms())))
            return json_answer(errors.error_body(refusal), refusal.http_status, headers)

    async def _answer(self, request: Request, headers: dict[str, str]) -> web.Response | None:
        exchange = self.exchange
        endpoint = ENDPOINTS.get((request.method, request.path))
        if endpoint is None:
            raise errors.no_such_path(request.path, request.method)
        params = Params.parse(request.query, request.body.decode("utf-8", "replace"))
        now_ms = exchange.now_ms()
        used = self.limiter.take_weight(endpoint.weigh(params), now_ms)
        if endpoint.shows_weight:
            headers[WEIGHT_HEADER] = str(used)
        fault = self._strike(request, params, now_ms)
        if fault is not None and fault.kind not in EXECUTED:
            self._raise(fault, request, now_ms)
            return None
        call = Call(exchange, self.limiter, params, exchange.gateway_ms())
        stamp = self._admit(endpoint, request, call)
        await self._delay(FaultKind.DELAY, request, params)
        if endpoint.matching and stamp is not None:
            stamp.check_matching(exchange.gateway_ms())
        order_headers = None
        if endpoint.order_cost is not None:
            order_headers = self.limiter.take_orders(endpoint.order_cost, exchange.now_ms())
        answer = self._execute(endpoint, call)
        if order_headers is not None:
            headers |= order_headers
        if fault is not None:
            self._raise(fault, request, now_ms)
            return None
        await self._delay(FaultKind.DELAY_ANSWER, request, params)
        return json_answer(answer, 200, headers)

    def _execute(self, endpoint: Endpoint, call: Call) -> Any:
        """Run the endpoint; what it changed is written and told before anyone is answered.

        An error that is no refusal, in a request that changes something, leaves the engine in doubt: the process ends.
        """
        try:
            answer = endpoint.handler(call)
            self.exchange.settle()
        except ExchangeError:
            self.exchange.settle()
            raise
        except Exception as error:
            if endpoint.method != "GET":
                self.on_broken(error)
            raise
        return answer

    def _admit(self, endpoint: Endpoint, request: Request, call: Call) -> Stamp | None:
        """Check all that comes before execution; return the stamp of a signed request."""
        if endpoint.security is not Security.NONE:
            key = request.api_key
            if not KEY_LENGTH_MIN <= len(key) <= KEY_LENGTH_MAX or not key.replace("-", "").isalnum():
                raise errors.malformed_key()
        symbol = ("symbol",) if endpoint.symbol is Symbol.REQUIRED else ()
        signed = ("timestamp", "signature") if endpoint.security is Security.SIGNED else ()
        for name in (*symbol, *endpoint.required, *signed):
            call.params.required(name)
        wanted = call.params.text("symbol") if endpoint.symbol is not Symbol.NONE else None
        if wanted is not None:
            checked_symbol(call.exchange, wanted)
        if endpoint.security is Security.NONE:
            return None
        if request.api_key != self.api_key:
            raise errors.unknown_key()
        return self._verify(request, call) if signed else None

    def _verify(self, request: Request, call: Call) -> Stamp:
        signed = find_signature(request.query.encode(), request.body)
        if signed is None or not is_signed_by(self.api_secret, signed):
            raise errors.wrong_signature()
        return stamp_of(call.params, call.now_ms)

    def _strike(self, request: Request, params: Params, now_ms: int) -> FaultOrder | None:
        kinds = REQUEST_KINDS - {FaultKind.THROTTLED} if is_exempt(params) else REQUEST_KINDS
        return self.exchange.menu.strike_request(kinds, (request.method, request.path, params.text("symbol")), now_ms)

    def _raise(self, fault: FaultOrder, request: Request, now_ms: int) -> None:
        """Raise what the fault answers with; where it answers with nothing, return."""
        if fault.kind not in DROPPED:
            raise fault_error(fault, request.path, now_ms, self.limiter.limits.weight_1m)

    async def _delay(self, kind: FaultKind, request: Request, params: Params) -> None:
        fault = self.exchange.menu.strike_request(
            frozenset({kind}), (request.method, request.path, params.text("symbol")), self.exchange.now_ms()
        )
        if fault is not None:
            await asyncio.sleep(fault.delay_ms / 1000)


def stamp_of(params: Params, now_ms: int) -> Stamp:
    """Given a signed request's parameters and the time, return its stamp. Raise -1021 or -1131 if it is not good."""
    window_ms = params.integer("recvWindow")
    if window_ms is None:
        window_ms = RECV_WINDOW_DEFAULT_MS
    if not 0 < window_ms <= RECV_WINDOW_MAX_MS:
        raise errors.window_too_wide()
    timestamp_ms = params.integer("timestamp")
    if timestamp_ms is None:
        raise errors.missing("timestamp")
    stamp = Stamp(timestamp_ms, window_ms)
    stamp.check(now_ms)
    return stamp


def json_answer(body: Any, status: int, headers: dict[str, str]) -> web.Response:
    """Given a body, a status and headers, return the response."""
    return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type="application/json")
