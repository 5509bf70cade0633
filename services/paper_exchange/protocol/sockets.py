"""Websockets of streams: which path asks for what, and the requests a client may send on one."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson
from aiohttp import WSMsgType, web

from services.paper_exchange.exchange import Exchange
from services.paper_exchange.listen_keys import KEY_LENGTH
from services.paper_exchange.protocol.broadcast import Broadcast
from services.paper_exchange.protocol.feed import Feed
from services.paper_exchange.protocol.streams import STREAMS_MAX, parse_stream

ROUTES = ("public", "market", "private")
INCOMING_MAX = 10  # messages a second a client may send
_LEGACY = ""  # the route without a name carries everything


@dataclass(frozen=True, slots=True)
class Opening:
    """What a websocket's path and query ask for."""

    route: str
    combined: bool
    names: tuple[str, ...]
    events: frozenset[str]


def parse_opening(path: str, query: str) -> Opening | None:
    """Given the path and query of a websocket, return what they ask for, or None where no stream lives there."""
    parts = [part for part in path.split("/") if part]
    route = parts.pop(0) if parts and parts[0] in ROUTES else _LEGACY
    if not parts or parts[0] not in ("ws", "stream"):
        return None
    asked = parse_qs(query)
    names = list(parts[1:]) + asked.get("listenKey", [])
    for text in asked.get("streams", []):
        names += [name for name in text.split("/") if name]
    events = {name for text in asked.get("events", []) for name in text.split("/") if name}
    return Opening(route, parts[0] == "stream", tuple(names), frozenset(events))


@dataclass(slots=True)
class Sockets:
    """Serves stream websockets."""

    exchange: Exchange
    broadcast: Broadcast
    life_s: int

    async def serve(self, request: web.Request, opening: Opening) -> web.WebSocketResponse:
        """Given a request and what it asks for, serve the websocket to its end."""
        socket = web.WebSocketResponse(autoping=False, max_msg_size=1 << 20, compress=False)
        await socket.prepare(request)
        feed = Feed(socket, request.transport, self.exchange.now_ms, combined=opening.combined)
        feed.events = opening.events
        self.broadcast.feeds.add(feed)
        self._add(feed, opening.route, list(opening.names))
        writer = asyncio.create_task(feed.write(self.life_s))
        try:
            await self._read(feed, opening.route)
        finally:
            self.broadcast.forget(feed)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    async def _read(self, feed: Feed, route: str) -> None:
        loop = asyncio.get_running_loop()
        recent: deque[float] = deque(maxlen=INCOMING_MAX)
        async for message in feed.socket:
            match message.type:
                case WSMsgType.PING:
                    await feed.socket.pong(message.data)
                case WSMsgType.PONG:
                    feed.last_pong_s = loop.time()
                case WSMsgType.TEXT:
                    if len(recent) == INCOMING_MAX and loop.time() - recent[0] < 1:
                        await feed.socket.close(code=1008, message=b"Too many requests")
                        return
                    recent.append(loop.time())
                    feed.push(orjson.dumps(self._reply(feed, route, message.data)))
                case _:
                    return

    def _reply(self, feed: Feed, route: str, text: str) -> dict[str, Any]:
        try:
            asked = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return {"code": 3, "msg": f"Invalid JSON: {error}"}
        if not isinstance(asked, dict):
            return {"code": 2, "msg": "Invalid request: an object is expected"}
        number, names = asked.get("id"), asked.get("params", [])
        match asked.get("method"):
            case "SUBSCRIBE" if _are_names(names):
                if len(feed.streams) + len(names) > STREAMS_MAX:
                    return _refused("Invalid request: too many streams", number)
                self._add(feed, route, names)
                return {"result": None, "id": number}
            case "UNSUBSCRIBE" if _are_names(names):
                self._remove(feed, names)
                return {"result": None, "id": number}
            case "LIST_SUBSCRIPTIONS":
                return {"result": sorted(feed.streams | feed.listen_keys), "id": number}
            case "SET_PROPERTY" if names in (["combined", True], ["combined", False]):
                feed.combined = names[1]
                return {"result": None, "id": number}
            case "GET_PROPERTY":
                return {"result": feed.combined, "id": number}
            case method:
                return _refused(f"Invalid request: method {method!r} with these params is not known", number)

    def _add(self, feed: Feed, route: str, names: list[str]) -> None:
        """Subscribe to names; what the route does not carry is acknowledged and stays silent."""
        for name in names:
            if len(name) == KEY_LENGTH and name.isalnum():
                if route in ("private", _LEGACY) and self.exchange.listen_keys.is_alive(name, self.exchange.now_ms()):
                    feed.listen_keys.add(name)
                continue
            feed.streams.add(name)
            stream = parse_stream(name)
            if stream is not None and route in (stream.route, _LEGACY):
                self.broadcast.subscribe(feed, stream)

    def _remove(self, feed: Feed, names: list[str]) -> None:
        for name in names:
            feed.listen_keys.discard(name)
            feed.streams.discard(name)
            stream = parse_stream(name)
            if stream is not None:
                self.broadcast.unsubscribe(feed, stream)


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _refused(text: str, number: Any) -> dict[str, Any]:
    return {"error": {"code": 2, "msg": text}, "id": number}
