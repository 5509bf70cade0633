"""An exchange of a few lines: answers what a test tells it to, and remembers what it was asked."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
import structlog
from aiohttp import WSMsgType, web
from pydantic import SecretStr

from quantum_common.clock import Clock, SystemClock
from quantum_common.exchange.connect import Exchange, open_exchange
from quantum_common.settings import CommonSettings

KEY, SECRET = "paper-key", "paper-secret"
CREDENTIALS = (SecretStr(KEY), SecretStr(SECRET))

FILTERS = [
    {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "556.80", "maxPrice": "4529764"},
    {"filterType": "LOT_SIZE", "stepSize": "0.001", "maxQty": "1000", "minQty": "0.001"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "stepSize": "0.001", "maxQty": "120"},
    {"filterType": "MIN_NOTIONAL", "notional": "50"},
]
INFO: dict[str, Any] = {
    "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        {"rateLimitType": "CONNECTIONS", "interval": "MINUTE", "intervalNum": 5, "limit": 300},
    ],
    "symbols": [
        {"symbol": "BTCUSDT", "status": "TRADING", "filters": FILTERS},
        {"symbol": "OLDUSDT", "status": "CLOSE", "filters": []},
    ],
}
CONFIG = {"dualSidePosition": False, "canTrade": True}
RIGHTS = {"enableReading": True, "enableFutures": True, "enableWithdrawals": False}


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    path: str
    params: dict[str, str]
    query: str
    body: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer to give; `drop` cuts the connection in its place, before a byte of it is sent."""

    status: int = 200
    body: Any = None
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    drop: bool = False


Script = Reply | Callable[[Asked], Reply | Awaitable[Reply]]


@dataclass
class ScriptedExchange:
    """Scripts by "METHOD path", the path without /fapi; `asked` holds every request, `sockets` every open websocket."""

    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    socket_urls: list[str] = field(default_factory=list)
    greeting: list[Any] = field(default_factory=list)
    url: str = ""

    def requests(self, method: str, path: str) -> list[Asked]:
        return [item for item in self.asked if (item.method, item.path) == (method, path)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        body = await request.text()
        params = dict(parse_qsl(request.query_string) + parse_qsl(body))
        path = request.path.removeprefix("/fapi")
        asked = Asked(request.method, path, params, request.query_string, body, dict(request.headers))
        self.asked.append(asked)
        script = self.scripts.get(f"{request.method} {path}", Reply(404, {"code": -5000, "msg": f"no script: {path}"}))
        reply = script if isinstance(script, Reply) else script(asked)
        if not isinstance(reply, Reply):
            reply = await reply
        if reply.drop:
            assert request.transport is not None
            request.transport.abort()
        text = reply.text if reply.text is not None else orjson.dumps(reply.body).decode()
        return web.Response(status=reply.status, text=text, headers=reply.headers, content_type=reply.content_type)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.socket_urls.append(request.path_qs)
        self.sockets.append(socket)
        for message in self.greeting:
            await socket.send_json(message)
        async for message in socket:
            if message.type in {WSMsgType.CLOSE, WSMsgType.ERROR}:
                break
        self.sockets.remove(socket)
        return socket


class GatedClock:
    """The system's clock, with pauses of a second and more that end when the test says so."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.slept: list[int] = []
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return SystemClock().now_ms() + self.ahead_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.slept.append(duration_ms)
        if duration_ms < 1000:
            await asyncio.sleep(0)
            return
        await self.gate.wait()
        self.gate.clear()
        self.ahead_ms += duration_ms


def ready_scripts() -> dict[str, Script]:
    """Return the scripts that a session needs before it sends anything else."""
    clock = SystemClock()
    return {
        "GET /v1/time": lambda _: Reply(body={"serverTime": clock.now_ms()}),
        "GET /v1/exchangeInfo": Reply(body=INFO),
        "GET /v1/accountConfig": Reply(body=CONFIG),
        "GET /sapi/v1/account/apiRestrictions": Reply(body=RIGHTS),
    }


@contextlib.asynccontextmanager
async def scripted_exchange(**scripts: Script) -> AsyncIterator[ScriptedExchange]:
    """Serve on a free port of loopback until the context ends."""
    exchange = ScriptedExchange(scripts=ready_scripts() | scripts)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", exchange.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    exchange.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield exchange
    finally:
        for socket in list(exchange.sockets):
            await socket.close()
        await runner.cleanup()


def settings_for(url: str, **values: Any) -> CommonSettings:
    return CommonSettings(quantum_paper_url=url, **values)


@contextlib.asynccontextmanager
async def connected(
    server: ScriptedExchange,
    *symbols: str,
    credentials: Any = CREDENTIALS,
    clock: Clock | None = None,
    **values: Any,
) -> AsyncIterator[Exchange]:
    """Open the adapter on a scripted exchange."""
    async with open_exchange(
        settings_for(server.url, **values), credentials, symbols, clock or SystemClock(), structlog.get_logger()
    ) as exchange:
        yield exchange
