"""Asks P3.3, the only writer of ledgers and holds, for what an operator wants, and waits for its answer."""

import getpass
import re
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis

from quantum_common.acl import P33
from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys
from quantum_common.messages import ReconcileEvent
from quantum_common.state import Ask, Request
from services.cli.complaint import Complaint
from services.cli.options import EXIT_USAGE
from services.cli.redis_link import entries

ANSWER_WITHIN_S = 30.0
POLL_S = 0.1
REASON_MAX = 200
_SYMBOL = re.compile(r"[A-Z0-9_]{2,32}")


def checked_symbol(verb: str, text: str) -> str:
    """Given what was typed, return the symbol. Raise Complaint where it is none."""
    symbol = text.strip().upper()
    if not _SYMBOL.fullmatch(symbol):
        raise Complaint(f"{verb}: {text!r} is not a symbol such as BTCUSDT", EXIT_USAGE)
    return symbol


def checked_reason(verb: str, text: str) -> str:
    """Given what was typed, return the reason. Raise Complaint where nobody could learn anything from it."""
    reason = " ".join(text.split())
    if not reason or len(reason) > REASON_MAX:
        raise Complaint(f"{verb}: --reason takes 1 to {REASON_MAX} characters that say why", EXIT_USAGE)
    return reason


def runs(redis: Redis, keys: Keys) -> bool:
    """Return whether P3.3 has a heartbeat."""
    return bool(redis.exists(keys.heartbeat(P33)))


def ask(redis: Redis, keys: Keys, symbols: Sequence[str], what: Ask, reason: str) -> dict[str, ReconcileEvent]:
    """Given what is wanted for some symbols, have P3.3 do it; return the events that tell of it, by symbol. One that
    P3.3 refused has none.

    Raise Complaint where P3.3 does not answer in time: what is left is taken back then. Raise redis' errors.
    """
    newest: Any = redis.xrevrange(keys.reconcile_events, count=1)
    after = newest[0][0] if newest else "0-0"
    now_ms = epoch_ms()
    text = Request(ask=what, by=getpass.getuser(), reason=reason, ts_ms=now_ms).to_json()
    if symbols:
        redis.hset(keys.requests, mapping=dict.fromkeys(symbols, text))
    deadline_s = time.monotonic() + ANSWER_WITHIN_S
    while left := [symbol for symbol in symbols if redis.hget(keys.requests, symbol) == text]:
        if time.monotonic() >= deadline_s:
            redis.hdel(keys.requests, *left)
            raise Complaint(f"{left[0]}: {P33} did not answer within {ANSWER_WITHIN_S:g} s; look at its log", status=1)
        time.sleep(POLL_S)
    wanted = {Ask.RELEASE: "released", Ask.REBUILD: "rebuilt"}[what]
    events = [ReconcileEvent.from_fields(fields) for _, fields in entries(redis, keys.reconcile_events, after)]
    return {event.symbol: event for event in events if event.kind == wanted and event.symbol in symbols}
