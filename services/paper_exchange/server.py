"""The process: one HTTP server, one loop that plays the market, one beat a second, and a clean end."""

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import uvloop
from aiohttp import web

from quantum_common.notify import Notifier
from services.paper_exchange.assembly import open_exchange
from services.paper_exchange.control import PREFIX as CONTROL_PREFIX
from services.paper_exchange.control import Control
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.market.csv_files import FileFault
from services.paper_exchange.options import EXIT_CONFIG, BadOption, Options, parse_options
from services.paper_exchange.protocol import ws_api
from services.paper_exchange.protocol.broadcast import Broadcast
from services.paper_exchange.protocol.errors import ApiError, error_body
from services.paper_exchange.protocol.gateway import Gateway, Request, json_answer
from services.paper_exchange.protocol.rates import Limits, RateLimiter
from services.paper_exchange.protocol.sockets import Sockets, parse_opening
from services.paper_exchange.store import StateInUse

TICKS_BEFORE_PAUSE = 4  # ticks played in a row before requests get their turn
BODY_MAX = 1 << 20
CLOSE_WITHIN_S = 1.0
KEEP_ALIVE_S = 3600.0  # an idle connection that is closed costs the next order its answer


def main() -> None:
    """Given the command line, run the paper exchange; exit with 0 when asked to stop, 78 on bad options or files."""
    try:
        options = parse_options(sys.argv[1:])
        uvloop.run(run(options))
    except (BadOption, FileFault, StateInUse) as error:
        print(f"quantum-paper-exchange: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIG)


async def run(options: Options) -> None:
    """Given options, serve until SIGTERM or SIGINT. Raise what breaks the market's loop or the engine."""
    loop = asyncio.get_running_loop()
    stopped, notifier = asyncio.Event(), Notifier()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    broken: asyncio.Queue[Exception] = asyncio.Queue()
    exchange, broadcast = open_exchange(options, wall_ms, later, announce_end)
    settle_memory()
    app = application(options, exchange, broadcast, broken.put_nowait)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_WITHIN_S, keepalive_timeout=KEEP_ALIVE_S)
    try:
        await listen(runner, options)
        symbols = len(exchange.market.listings)
        tell(f"ready on http://{options.host}:{port_of(runner)} with {symbols} symbols, {options.market}")
        notifier.status(f"{options.market} at {options.speed} times the wall's pace, {symbols} symbols")
        notifier.ready()
        await first_of(play(exchange), beat(exchange, broadcast, notifier), stopped.wait(), raise_from(broken))
        await asyncio.gather(*(feed.socket.close(code=1001) for feed in broadcast.feeds), return_exceptions=True)
    finally:
        await runner.cleanup()
        exchange.save_position()
        exchange.store.close()


async def listen(runner: web.AppRunner, options: Options) -> None:
    """Given the runner and options, listen and say where in the port file. Raise BadOption where that cannot be."""
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port).start()
    except OSError as error:
        raise BadOption(f"--host {options.host} --port {options.port}: cannot listen: {error.strerror}") from None
    if options.port_file is not None:
        options.port_file.write_text(f"{port_of(runner)}\n")


def port_of(runner: web.AppRunner) -> int:
    """Given a runner that listens, return its port."""
    port: int = runner.addresses[0][1]
    return port


async def first_of(*works: Coroutine[Any, Any, Any]) -> None:
    """Given works of which each may end the process, run them until one ends and raise what it raised."""
    tasks = [asyncio.create_task(work) for work in works]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    for task in done:
        task.result()


async def raise_from(broken: asyncio.Queue[Exception]) -> None:
    """Given where broken invariants are reported, raise the first."""
    raise await broken.get()


async def play(exchange: Exchange) -> None:
    """Given the exchange, play its market for ever, letting requests in between ticks."""
    while True:
        for count, _ in enumerate(exchange.play(), start=1):
            if count % TICKS_BEFORE_PAUSE == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(exchange.market.tick_wait_s)


async def beat(exchange: Exchange, broadcast: Broadcast, notifier: Notifier) -> None:
    """Given the exchange, send once a second what goes by the clock, and feed the watchdog."""
    while True:
        await asyncio.sleep(1)
        notifier.progress()
        broadcast.beat(exchange.now_ms())


@dataclass(slots=True)
class Front:
    """Sorts requests: control path, websockets, REST."""

    gateway: Gateway
    sockets: Sockets
    control: Control

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Given any request, answer it."""
        path, _, query = request.raw_path.partition("?")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request, path, query)
        body = await request.read() if request.body_exists else b""
        if path.startswith(CONTROL_PREFIX):
            return self.control.answer(request.remote, request.method, path, body)
        key = request.headers.get("X-MBX-APIKEY", "")
        answer = await self.gateway.answer(Request(request.method, path, query, body, key))
        if answer is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return answer

    async def _websocket(self, request: web.Request, path: str, query: str) -> web.StreamResponse:
        if path == ws_api.PATH:
            try:
                self.gateway.limiter.take_weight(ws_api.HANDSHAKE_WEIGHT, self.gateway.exchange.now_ms())
            except ApiError as refusal:
                return json_answer(error_body(refusal), refusal.http_status, refusal.headers)
            return await ws_api.serve(request, self.gateway)
        opening = parse_opening(path, query)
        if opening is None:
            return web.Response(status=404)
        return await self.sockets.serve(request, opening)


def application(
    options: Options, exchange: Exchange, broadcast: Broadcast, on_broken: Callable[[Exception], None]
) -> web.Application:
    """Given options, the exchange and what to do on a broken invariant, return the web application in front of it."""
    limits = Limits(options.weight_limit, options.order_limit_10s, options.order_limit_1m)
    gateway = Gateway(exchange, RateLimiter(limits), options.api_key, options.api_secret, on_broken)
    front = Front(gateway, Sockets(exchange, broadcast, options.websocket_life_s), Control(exchange, broadcast))
    app = web.Application(client_max_size=BODY_MAX)
    app.router.add_route("*", "/{tail:.*}", front.handle)
    return app


def settle_memory() -> None:
    """Leave what is loaded out of garbage collection and collect the rest seldom: a full pass takes 30 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def wall_ms() -> int:
    """Return the wall clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def later(wait_ms: int, call: Callable[[], None]) -> None:
    """Given a time and a call, make the call after it."""
    asyncio.get_running_loop().call_later(wait_ms / 1000, call)


def announce_end(market_ms: int) -> None:
    """Given where the market ended, say so: prices stay as they are."""
    tell(f"the market has ended at {market_ms}: no further bars; orders still work at the last prices")


def tell(text: str) -> None:
    """Given a line, print it at once."""
    print(f"quantum-paper-exchange: {text}", flush=True)
