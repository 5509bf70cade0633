"""The endpoints of listen keys: the API key alone opens, renews and ends one."""

from typing import Any

from services.paper_exchange.protocol.endpoint import Call, Endpoint, Security
from services.paper_exchange.protocol.errors import unknown_listen_key


def open_listen_key(call: Call) -> dict[str, Any]:
    """POST listenKey."""
    key = call.exchange.listen_keys.open(call.exchange.now_ms())
    call.exchange.save_listen_key()
    return {"listenKey": key}


def renew_listen_key(call: Call) -> dict[str, Any]:
    """PUT listenKey."""
    key = call.exchange.listen_keys.keep_alive(call.exchange.now_ms())
    if key is None:
        raise unknown_listen_key()
    call.exchange.save_listen_key()
    return {"listenKey": key}


def close_listen_key(call: Call) -> dict[str, Any]:
    """DELETE listenKey."""
    key = call.exchange.listen_keys.close()
    if key is not None:
        call.exchange.expire_listen_key(key)
    return {}


ENDPOINTS = (
    Endpoint("POST", "/fapi/v1/listenKey", open_listen_key, security=Security.KEY),
    Endpoint("PUT", "/fapi/v1/listenKey", renew_listen_key, security=Security.KEY),
    Endpoint("DELETE", "/fapi/v1/listenKey", close_listen_key, security=Security.KEY),
)
