"""`quantum reconcile`: what differs between the ledgers and the exchange, and what is held; `release` lifts a hold."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from redis import Redis

from quantum_common.acl import P33
from quantum_common.keys import Keys
from quantum_common.messages import Malformed, ReconcileEvent
from quantum_common.money import ZERO, plain
from quantum_common.redis_client import why_gone
from quantum_common.state import Ask, Hold, Ledger, Snapshot, iso
from services.cli.complaint import Complaint
from services.cli.dry_run import only_said
from services.cli.operator_requests import ask, checked_reason, checked_symbol, runs
from services.cli.redis_link import GONE, connect
from services.cli.target import address_of, settings_of

VERB = "reconcile"
EVENTS_SHOWN = 3
EVENTS_READ = 1000
SCAN_COUNT = 1000


@dataclass(frozen=True, slots=True)
class Differing:
    """One symbol that is held or whose ledger is not what the exchange says. None where it is not known."""

    symbol: str
    exchange_amt: Decimal | None
    ledger_amt: Decimal | None
    hold: Hold | None
    events: tuple[ReconcileEvent, ...]

    @property
    def difference(self) -> Decimal:
        """Return ledger less exchange."""
        return (self.ledger_amt or ZERO) - (self.exchange_amt or ZERO)

    @property
    def cause(self) -> str:
        """Return why, as far as P3.3 could tell; empty where it has not judged yet."""
        return self.hold.details if self.hold else ""


def run_reconcile(folder: Path | None, *, as_json: bool) -> int:
    """Show every hold and every difference; return 1 where there is one. Raise Complaint where Redis cannot be read."""
    settings = settings_of(VERB, folder)
    address = address_of(settings)
    redis = connect(address)
    try:
        found = differing_symbols(redis, Keys(settings.quantum_key_prefix))
    except GONE as error:
        raise Complaint(f"{VERB}: redis at {address.url} does not answer: {why_gone(error)}", status=1) from None
    except Malformed as error:
        raise Complaint(f"{VERB}: a hold or an event breaks its contract: {error}", status=1) from None
    finally:
        redis.close()
    if as_json:
        sys.stdout.write(orjson.dumps([_as_row(one) for one in found]).decode() + "\n")
    else:
        sys.stdout.write("\n".join(shown(found)) + "\n")
    return 1 if found else 0


def run_release(symbol: str, reason: str, folder: Path | None, *, dry_run: bool = False) -> int:
    """Lift the hold of a symbol, through P3.3; return 0. Raise Complaint where there is none or nobody answers."""
    verb = f"{VERB} release"
    symbol, reason = checked_symbol(verb, symbol), checked_reason(verb, reason)
    settings = settings_of(verb, folder)
    keys, address = Keys(settings.quantum_key_prefix), address_of(settings)
    redis = connect(address)
    try:
        if not redis.exists(keys.hold(symbol)):
            raise Complaint(f"{verb}: {symbol} is not on hold; quantum reconcile shows what is", status=1)
        if not runs(redis, keys):
            raise Complaint(f"{verb}: {P33} is not running, and only it lifts holds; start it", status=1)
        if dry_run:
            return only_said(f"would be released: {symbol}")
        event = ask(redis, keys, [symbol], Ask.RELEASE, reason).get(symbol)
    except GONE as error:
        raise Complaint(f"{verb}: redis at {address.url} does not answer: {why_gone(error)}", status=1) from None
    finally:
        redis.close()
    sys.stdout.write(f"{symbol}  {event.details}\n" if event else f"{symbol}  was not on hold any more\n")
    return 0


def differing_symbols(redis: Redis, keys: Keys) -> list[Differing]:
    """Given a pipeline's Redis, return the symbols that are held or differ, by name. Raise redis' errors."""
    held = _hashes(redis, keys.hold(""))
    ledgers, snapshots = _hashes(redis, keys.ledger("")), _hashes(redis, keys.snapshot(""))
    found = []
    for symbol in sorted(held.keys() | ledgers.keys() | snapshots.keys()):
        ledger, snapshot = _ledger(ledgers.get(symbol)), _snapshot(snapshots.get(symbol))
        did, says = ledger.position_amt if ledger else None, snapshot.position_amt if snapshot else None
        hold = Hold.from_fields(held[symbol]) if symbol in held else None
        if hold is not None or (did or ZERO) != (says or ZERO):
            found.append(Differing(symbol, says, did, hold, ()))
    events = _events(redis, keys, {one.symbol for one in found}) if found else {}
    return [
        Differing(one.symbol, one.exchange_amt, one.ledger_amt, one.hold, events.get(one.symbol, ())) for one in found
    ]


def shown(found: Iterable[Differing]) -> list[str]:
    """Given what differs, return it as lines for people."""
    lines = []
    for one in found:
        amounts = f"exchange {_amount(one.exchange_amt)}  ledger {_amount(one.ledger_amt)}"
        held = f"{one.hold.reason} since {iso(one.hold.since_ms)}" if one.hold else "not held"
        lines.append(f"{one.symbol}  {amounts}  difference {plain(one.difference)}  {held}")
        if one.cause:
            lines.append(f"  cause: {one.cause}")
        lines += [f"  {iso(event.ts_ms)} {event.kind} ({event.cause}) {event.details}".rstrip() for event in one.events]
    return lines or ["nothing is held, and every ledger is what the exchange says"]


def _as_row(one: Differing) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "exchange_position_amt": None if one.exchange_amt is None else plain(one.exchange_amt),
        "ledger_position_amt": None if one.ledger_amt is None else plain(one.ledger_amt),
        "difference": plain(one.difference),
        "hold": one.hold.reason if one.hold else None,
        "since_ms": one.hold.since_ms if one.hold else None,
        "cause": one.cause,
        "events": [event.to_fields() for event in one.events],
    }


def _amount(amount: Decimal | None) -> str:
    return "unknown" if amount is None else plain(amount)


def _ledger(fields: dict[str, str] | None) -> Ledger | None:
    try:
        return Ledger.from_fields(fields) if fields else None
    except Malformed:
        return None


def _snapshot(fields: dict[str, str] | None) -> Snapshot | None:
    try:
        return Snapshot.from_fields(fields) if fields else None
    except Malformed:
        return None


def _hashes(redis: Redis, prefix: str) -> dict[str, dict[str, str]]:
    names = sorted(set(redis.scan_iter(prefix + "*", count=SCAN_COUNT)))
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hgetall(name)
        found = pipe.execute()
    return {name.removeprefix(prefix): fields for name, fields in zip(names, found, strict=True) if fields}


def _events(redis: Redis, keys: Keys, symbols: set[str]) -> dict[str, tuple[ReconcileEvent, ...]]:
    """Return the newest events of these symbols, the newest first."""
    rows: Any = redis.xrevrange(keys.reconcile_events, count=EVENTS_READ)
    found: dict[str, tuple[ReconcileEvent, ...]] = {}
    for _, fields in rows:
        event = ReconcileEvent.from_fields(fields)
        known = found.get(event.symbol, ())
        if event.symbol in symbols and len(known) < EVENTS_SHOWN:
            found[event.symbol] = (*known, event)
    return found
