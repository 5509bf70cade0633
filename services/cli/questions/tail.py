"""`quantum tail STREAM`: the entries of a stream as people read them, as they come."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from redis import Redis
from rich.text import Text

from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys, short
from services.cli.complaint import Complaint
from services.cli.health.picture import Fields
from services.cli.options import EXIT_USAGE
from services.cli.questions.answer import Manner, console, opened, quiet_pipe
from services.cli.questions.tables import clock
from services.cli.questions.threads import failed
from services.cli.redis_link import PAGE, Entry, entries, written_ms

VERB = "tail"
BLOCK_MS = 1_000
FILTERED_PER_SHOWN = 50  # entries that are looked at for each that is to be shown before those that come
NAMES = ("intent", "plan", "permit", "result", "journal", "governor", "reconcile")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of which symbol, gate and decision (None: any), and from where on: an age, or the last few."""

    symbol: str | None = None
    gate: str | None = None
    decision: str | None = None
    since_s: float | None = None
    last: int = 10

    def takes(self, fields: Fields) -> bool:
        """Return whether an entry is wanted. A permit's reason is its gate, and allow or refuse its decision."""
        if self.symbol and fields.get("symbol") != self.symbol.upper():
            return False
        if self.gate and self.gate not in {fields.get("gate"), fields.get("reason"), fields.get("dead_reason")}:
            return False
        return not self.decision or self.decision.upper() == _decision(fields)


def stream_of(keys: Keys, name: str) -> str:
    """Given what was typed (`plan`, `apply.plan`, `plan.dead` or the key), return the stream. Raise Complaint."""
    bare = name.removesuffix(".dead")
    called = dict(zip(NAMES, keys.streams, strict=True)) | {short(one): one for one in keys.streams}
    called |= {one: one for one in keys.streams} | {"bars": keys.dead_bars.removesuffix(".dead")}
    if bare not in called:
        raise Complaint(f"{VERB}: {name}: give one of {', '.join(NAMES)}, or one of them with .dead", EXIT_USAGE)
    return Keys.dead(called[bare]) if name.endswith(".dead") or bare == "bars" else called[bare]


def run_tail(name: str, wanted: Wanted, manner: Manner, *, follow: bool) -> int:
    """Show a stream's entries, and those that come until Ctrl-C; return 0. Raise Complaint."""
    with opened(VERB, manner.folder) as (redis, keys), quiet_pipe():
        stream = stream_of(keys, name)
        write = _json if manner.as_json else _line()
        try:
            after, rows = _standing(redis, stream, wanted)
            for row in rows:
                after = row[0]
                if wanted.takes(row[1]) and (wanted.last or wanted.since_s is not None):
                    write(row)
            if follow:
                for row in _coming(redis, stream, after):
                    if wanted.takes(row[1]):
                        write(row)
        except KeyboardInterrupt:
            return 0
    return 0


def _standing(redis: Redis, stream: str, wanted: Wanted) -> tuple[str, Iterable[Entry]]:
    """Return what stands already, the oldest first, and the id before it: all from a time on, or what holds the last
    few that are wanted. The newest entry is always among it: nothing is missed between what stands and what comes."""
    if wanted.since_s is not None:
        since_ms = epoch_ms() - int(wanted.since_s * 1000)
        return f"{since_ms}-0", entries(redis, stream, f"{since_ms}-0")
    rows: Any = redis.xrevrange(stream, count=max(wanted.last * FILTERED_PER_SHOWN, 1))
    fitting = [number for number, row in enumerate(rows) if wanted.takes(row[1])][: wanted.last]
    return "0-0", [row for number, row in enumerate(rows) if number in {0, *fitting}][::-1]


def _coming(redis: Redis, stream: str, after: str) -> Iterator[Entry]:
    """Yield what comes after an entry, for ever."""
    while True:
        reply: Any = redis.xread({stream: after}, count=PAGE, block=BLOCK_MS)
        for entry in reply[0][1] if reply else ():
            after = entry[0]
            yield entry


def _json(entry: Entry) -> None:
    sys.stdout.write(orjson.dumps({"id": entry[0], **entry[1]}).decode() + "\n")
    sys.stdout.flush()


def _line() -> Callable[[Entry], None]:
    out = console()

    def write(entry: Entry) -> None:
        out.print(readable(entry), soft_wrap=True)

    return write


def readable(entry: Entry) -> Text:
    """Given an entry of any stream, return it as one line: when, of what, what it says."""
    said = entry[1]
    line = Text.assemble((f"{clock(written_ms(entry[0]))} ", "dim"), (f"{said.get('symbol', ''):<10} ", "bold"))
    decision = _decision(said)
    style = {"EXECUTE": "green", "ALLOW": "green", "EXECUTED": "green", "": ""}.get(decision, "yellow")
    if said.get("dead_reason"):
        return line.append(f"{said.get('dead_field')}: {said['dead_reason']}", "red").append(f"  of {said}", "dim")
    line.append(f"{_what(said)} ")
    line.append(f"{decision} " if decision else "", style)
    gate = said.get("gate") or (said.get("reason") if said.get("issuer") else "")
    if gate:
        line.append(f"{failed(entry, gate).words()} {said.get('error', '')}".rstrip() + " ", "yellow")
    name = next((said[one] for one in ("plan_id", "intent_id") if said.get(one)), "")
    return line.append(name, "dim")


def _decision(fields: Fields) -> str:
    if "allow" in fields:
        return "ALLOW" if fields["allow"] == "True" else "REFUSE"
    if "executed" in fields:
        return "EXECUTED" if fields["executed"] == "True" else "NOT EXECUTED"
    return fields.get("decision", "")


def _what(said: Fields) -> str:
    """Return what an entry is about, by the fields that its stream has."""
    if "issuer" in said:
        return f"{said['issuer']} {said.get('eval_type', '')} {said.get('safe_qty', '')}".rstrip()
    if "trade_id" in said:
        at = f" at {said['price']}" if said.get("price") else ""
        qty = said.get("qty") or said.get("funding") or ""
        return f"{said.get('kind')} {said.get('side', '')} {qty}{at}, position {said.get('position_amt')}".replace(
            "  ", " "
        )
    if "trading_state" in said:
        details = f" ({said['details']})" if said.get("details") else ""
        return f"{said['trading_state']} by {said.get('by')}: {said.get('reason')}{details}"
    if "exchange_position_amt" in said:
        amounts = f"exchange {said['exchange_position_amt']}, ledger {said.get('ledger_position_amt')}"
        return f"{said.get('kind')} {amounts}, {said.get('cause')} {said.get('details')}".rstrip()
    qty = said.get("filled_qty") or said.get("qty") or ""
    size = f"{said['position_size_usd']} USDT" if said.get("position_size_usd") else qty
    reason = f": {said['reason']}" if said.get("reason") else ""
    return f"{said.get('action', '')} {said.get('side', '')} {size}{reason}".rstrip()
