"""`quantum halt`, `reduce`, `resume` and `flatten`: the one trading state, set by a person who says why.

State and event are written in one transaction, so that no state stands without its author in `governor.events`. A
flatten asks for closes as any wish is asked for: they go through the bridge, both permits and the executor, and are
journalled like every other trade.
"""

import getpass
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from redis import Redis

from quantum_common.clock import epoch_ms
from quantum_common.ids import intent_id
from quantum_common.keys import Keys
from quantum_common.messages import Action, GovernorEvent, Intent, Malformed
from quantum_common.money import plain
from quantum_common.redis_client import why_gone
from quantum_common.state import GovernorState, PositionSide, Snapshot, TradingState
from services.cli.complaint import Complaint
from services.cli.dry_run import only_said
from services.cli.operator_requests import checked_reason
from services.cli.redis_link import GONE, connect
from services.cli.target import address_of, settings_of

SOURCE = "operator"
ASK_AGAIN_S = 5.0
POLL_S = 0.2
SCAN_COUNT = 1000
MEANING = {
    TradingState.ACTIVE: "entries and exits pass",
    TradingState.REDUCING: "only exits pass",
    TradingState.HALTED: "nothing passes, exits neither",
}


def run_state(verb: str, wanted: TradingState, reason: str, folder: Path | None, *, dry_run: bool = False) -> int:
    """Given a trading state and why, write it and its event. Raise Complaint where Redis or the reason will not do."""
    reason = checked_reason(verb, reason)
    redis, keys = _opened(verb, folder)
    try:
        if dry_run:
            return only_said(_change(_standing(redis, keys), wanted))
        before = write_state(redis, keys, wanted, reason, verb)
    except GONE as error:
        raise Complaint(f"{verb}: redis did not take it: {why_gone(error)}", status=1) from None
    finally:
        redis.close()
    sys.stdout.write(f"{_change(before, wanted)}\n")
    return 0


def _standing(redis: Redis, keys: Keys) -> str:
    return str(redis.hget(keys.governor_state, "trading_state") or "")


def _change(before: str, wanted: TradingState) -> str:
    return f"{before or 'no state'} -> {wanted}: {MEANING[wanted]}"


def write_state(redis: Redis, keys: Keys, wanted: TradingState, reason: str, verb: str) -> str:
    """Given a trading state and why, write it with its event in one transaction; return the state before."""
    now_ms, who = epoch_ms(), getpass.getuser()
    state = GovernorState(trading_state=wanted, reason=reason, by=who, since_ms=now_ms)
    event = GovernorEvent(
        kind="trading_state", trading_state=wanted, reason=reason, by=who, details=f"quantum {verb}",
        timestamp=now_ms // 1000, ts_ms=now_ms,
    )  # fmt: skip
    pipe = redis.pipeline(transaction=True)
    pipe.hget(keys.governor_state, "trading_state")
    pipe.xadd(keys.governor_events, _fields(event.to_fields()))
    pipe.hset(keys.governor_state, mapping=_fields(state.to_fields()))
    before: str | None = pipe.execute()[0]
    return before or ""


def run_flatten(reason: str, wait_s: float, folder: Path | None, *, dry_run: bool = False) -> int:
    """Take the pipeline to REDUCING and ask for a full close of every position, again until all are flat or the time is
    over. Return 1 where something is left. Raise Complaint where Redis or the reason will not do."""
    verb = "flatten"
    reason = checked_reason(verb, reason)
    redis, keys = _opened(verb, folder)
    try:
        if dry_run:
            asked = [f"would be closed: {name} {plain(amount)}" for name, amount in positions(redis, keys).items()]
            return only_said(_change(_standing(redis, keys), TradingState.REDUCING), *(asked or ["everything is flat"]))
        before = write_state(redis, keys, TradingState.REDUCING, reason, verb)
        sys.stdout.write(f"{_change(before, TradingState.REDUCING)}\n")
        left = _close_all(redis, keys, reason, wait_s)
    except GONE as error:
        raise Complaint(f"{verb}: redis did not take it: {why_gone(error)}; ask again", status=1) from None
    except Malformed as error:
        raise Complaint(f"{verb}: a snapshot breaks its contract: {error}", status=1) from None
    finally:
        redis.close()
    for symbol, amount in left.items():
        sys.stdout.write(f"left: {symbol} {plain(amount)}\n")
    sys.stdout.write("not flat yet\n" if left else "flat\n")
    return 1 if left else 0


def closing_intent(symbol: str, amount: Decimal, reason: str, now_ms: int) -> Intent:
    """Given a position that is not flat, return the operator's wish to close all of it."""
    side = PositionSide.of(amount).closing
    if side is None:
        raise ValueError(f"{symbol} is flat")
    action = Action.CLOSE_FULL
    return Intent(
        intent_id=intent_id(symbol, action, now_ms, SOURCE), symbol=symbol, side=side, action=action,
        eval_type=action.eval_type, confidence=None, expected_edge_bps=None, position_size_usd=None,
        fraction=action.close_fraction, leverage=None, entry_price=None, stop_loss=None, take_profit=None,
        atr_value=None, regime="", model="", model_version="", bar_close_ms=None, reason=reason, source=SOURCE,
        timestamp=now_ms // 1000, ts_ms=now_ms,
    )  # fmt: skip


def positions(redis: Redis, keys: Keys) -> dict[str, Decimal]:
    """Return every position that is not flat, signed, by symbol. Raise Malformed for a snapshot that is none."""
    prefix = keys.snapshot("")
    names = sorted(redis.scan_iter(f"{prefix}*", count=SCAN_COUNT))
    pipe = redis.pipeline(transaction=False)
    for name in names:
        pipe.hgetall(name)
    found = {
        name.removeprefix(prefix): Snapshot.from_fields(fields).position_amt
        for name, fields in zip(names, pipe.execute(), strict=True)
        if fields
    }
    return {symbol: amount for symbol, amount in found.items() if amount != 0}


def _close_all(redis: Redis, keys: Keys, reason: str, wait_s: float) -> dict[str, Decimal]:
    """Ask for closes until nothing stands, at first at once and then every few seconds; return what is left."""
    ends_s, asked_s = time.monotonic() + wait_s, float("-inf")
    while left := positions(redis, keys):
        if time.monotonic() - asked_s >= ASK_AGAIN_S:
            for symbol, amount in left.items():
                wish = closing_intent(symbol, amount, reason, epoch_ms())
                redis.xadd(keys.intents, _fields(wish.to_fields()))
                sys.stdout.write(f"asked: {symbol} {plain(amount)}\n")
            asked_s = time.monotonic()
        if time.monotonic() >= ends_s:
            break
        time.sleep(POLL_S)
    return left


def _opened(verb: str, folder: Path | None) -> tuple[Redis, Keys]:
    settings = settings_of(verb, folder)
    return connect(address_of(settings)), Keys(settings.quantum_key_prefix)


def _fields(fields: Mapping[str, str]) -> dict[Any, Any]:
    """Given a record's fields, return them as the client's types want them."""
    return dict(fields)
