"""Identities. Each is a function of what it names, so that a retry, a restart or a rebuild makes the same one."""

import hashlib

ORDER_PREFIX = "qo-"
STOP_PREFIX = "qs-"
GUARD_PREFIX = "qg-"
REPAIR_PREFIX = "qr-"
STOP_PREFIXES = (STOP_PREFIX, GUARD_PREFIX, REPAIR_PREFIX)


def intent_id(symbol: str, action: str, bar_close_ms: int, model_version: str) -> str:
    """Given what a wish is about, return its identity: the same bar never asks twice. 32 hex digits."""
    wish = "|".join((symbol, action, str(bar_close_ms), model_version))
    return hashlib.sha256(wish.encode()).hexdigest()[:32]


def plan_id(intent: str, shard: str) -> str:
    """Given an intent's id and the shard's key prefix, return the first 16 hex digits of their SHA-256.

    Raise ValueError for an empty intent id: an empty identity would make all plans one.
    """
    if not intent:
        raise ValueError("an intent without id has no plan")
    return hashlib.sha256(f"{intent}|{shard}".encode()).hexdigest()[:16]


def client_order_id(plan: str) -> str:
    """Given a plan's id, return the client id of its one order."""
    return ORDER_PREFIX + plan


def client_stop_id(plan: str) -> str:
    """Given a plan's id, return the client id of the stop order that it places."""
    return STOP_PREFIX + plan


def guard_id_of(stop_id: str) -> str:
    """Given a stop's client id, return the id of the order that stands guard while stops change."""
    return GUARD_PREFIX + stop_id.removeprefix(STOP_PREFIX)


def repair_stop_id(symbol: str) -> str:
    """Given a symbol, return the client id of the stop that is placed where a position was found without one."""
    return REPAIR_PREFIX + symbol


def plan_of(client_id: str) -> str | None:
    """Given a client order id, return the plan that it belongs to, or None where it is not one of ours."""
    for prefix in (ORDER_PREFIX, STOP_PREFIX, GUARD_PREFIX):
        if client_id.startswith(prefix):
            return client_id.removeprefix(prefix)
    return None
