"""The websocket API (`/ws-fapi/v1`): the same endpoints, asked for by method names in JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from services.paper_exchange.protocol.gateway import Gateway, Request
from services.paper_exchange.protocol.params import json_text

PATH = "/ws-fapi/v1"
METHODS: Mapping[str, tuple[str, str]] = {
    "ping": ("GET", "/fapi/v1/ping"),
    "time": ("GET", "/fapi/v1/time"),
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.price": ("GET", "/fapi/v2/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "order.place": ("POST", "/fapi/v1/order"),
    "order.modify": ("PUT", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "userDataStream.start": ("POST", "/fapi/v1/listenKey"),
    "userDataStream.ping": ("PUT", "/fapi/v1/listenKey"),
    "userDataStream.stop": ("DELETE", "/fapi/v1/listenKey"),
}
HANDSHAKE_WEIGHT = 5


async def serve(request: web.Request, gateway: Gateway) -> web.WebSocketResponse:
    """Given a request for the websocket API, serve it to its end."""
    socket = web.WebSocketResponse(max_msg_size=1 << 20, compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            break
        reply = await _reply(gateway, message.data)
        if reply is None:
            await socket.close(code=1011)
            break
        await socket.send_frame(orjson.dumps(reply), WSMsgType.TEXT)
    return socket


async def _reply(gateway: Gateway, text: str) -> dict[str, Any] | None:
    """Answer one message; None where a fault has the connection dropped instead."""
    try:
        asked = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _refused(gateway, None, -1135, "Invalid JSON Request.")
    if not isinstance(asked, dict) or not isinstance(asked.get("params", {}), dict):
        return _refused(gateway, None, -1135, "Invalid JSON Request.")
    number = asked.get("id")
    target = METHODS.get(str(asked.get("method")))
    if target is None:
        return _refused(gateway, number, -1000, "Unknown method.")
    answer = await gateway.answer(request_of(target, asked.get("params", {})))
    if answer is None:
        return None
    body = answer.body if isinstance(answer.body, bytes) else b"null"
    outcome = "result" if answer.status == 200 else "error"
    return {
        "id": number,
        "status": answer.status,
        outcome: orjson.Fragment(body),
        "rateLimits": gateway.limiter.usage(gateway.exchange.now_ms()),
    }


def request_of(target: tuple[str, str], params: dict[str, Any]) -> Request:
    """Given an endpoint's method and path and the message's parameters, return the request they stand for.

    The signature is over all parameters sorted by name, the API key among them.
    """
    signature = params.get("signature")
    query = "&".join(f"{name}={json_text(value)}" for name, value in sorted(params.items()) if name != "signature")
    if signature is not None:
        query += f"&signature={signature}"
    return Request(target[0], target[1], query, b"", str(params.get("apiKey", "")))


def _refused(gateway: Gateway, number: Any, code: int, text: str) -> dict[str, Any]:
    return {
        "id": number,
        "status": 400,
        "error": {"code": code, "msg": text},
        "rateLimits": gateway.limiter.usage(gateway.exchange.now_ms()),
    }
