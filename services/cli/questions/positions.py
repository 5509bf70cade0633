"""`quantum positions`: what we did beside what the exchange says, with age, profit and stop."""

import time
from decimal import Decimal
from typing import Any

from redis import Redis
from rich.console import Group, RenderableType
from rich.text import Text

from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys
from quantum_common.money import ZERO, plain
from services.cli.health.books import difference, position
from services.cli.health.collect import collect
from services.cli.health.limits import limits_of
from services.cli.health.picture import Picture, Symbol
from services.cli.questions.answer import Answer, Manner, answer
from services.cli.questions.tables import Cell, amount, money, table
from services.cli.spans import span

VERB = "positions"
TRIES = 3
PAUSE_S = 0.3
HEADS = ("SYMBOL", "LEDGER", "EXCHANGE", "DIFF", "ENTRY", "MARK", "PNL", "REALISED", "AGE", "STOP", "NOTE")
SPARE = ("REALISED", "ENTRY", "AGE")  # what a narrow terminal can do without, first to last


def run_positions(manner: Manner) -> int:
    """Show every position; return 1 where ledger and exchange differ, a hold stands or a stop is missing. Raise
    Complaint."""
    limits = limits_of(VERB, manner.folder)

    def read(redis: Redis, keys: Keys) -> Answer:
        for _ in range(TRIES - 1):  # what is under way between two writes looks like a difference for a moment
            found = look(redis, keys)
            if found.good:
                return found
            time.sleep(PAUSE_S)
        return look(redis, keys)

    def look(redis: Redis, keys: Keys) -> Answer:
        now_ms = epoch_ms()
        return shown(collect(redis, keys, limits.symbols, now_ms, entries_max=1), now_ms)

    return answer(VERB, manner, read)


def shown(picture: Picture, now_ms: int) -> Answer:
    """Given one look at a pipeline, return every symbol that stands, differs or is held."""
    rows = [one for one in picture.symbols.values() if position(one) or difference(one) or one.hold]
    rows.sort(key=lambda one: (one.hold is None, not difference(one), one.name))
    good = not any(difference(one) or one.hold or _bare(one) for one in rows)
    pnl = sum((one.snapshot.unrealized_pnl for one in rows if one.snapshot), ZERO)
    realised = sum((one.ledger.realized_pnl for one in picture.symbols.values() if one.ledger), ZERO)
    fees = sum((one.ledger.fees for one in picture.symbols.values() if one.ledger), ZERO)
    standing = sum(1 for one in rows if position(one))
    headline = Text(
        f"{standing} positions" + ("" if good else ": look at the marked ones"), "bold" if good else "bold red"
    )
    headline.append(f"  unrealised {pnl:+.2f}, realised {realised:+.2f}, fees {fees:.2f} USDT", "dim")
    parts: list[RenderableType] = [headline]
    if rows:
        parts.append(table(HEADS, (_cells(one, now_ms) for one in rows), ("SYMBOL", "NOTE"), spare=SPARE))
    data = {"positions": [_as_row(one, now_ms) for one in rows], "unrealized_pnl": plain(pnl), "agree": good}
    return Answer(Group(*parts), data, good)


def _bare(symbol: Symbol) -> bool:
    return bool(position(symbol)) and not symbol.stop.get("client_id")


def _cells(one: Symbol, now_ms: int) -> tuple[Cell, ...]:
    ledger, snapshot, differs = one.ledger, one.snapshot, difference(one)
    notes = [f"held: {one.hold.reason}"] if one.hold else []
    notes += ["differs"] if differs else []
    notes += ["no stop"] if _bare(one) else []
    return (
        Text(one.name, "bold"),
        amount(ledger.position_amt if ledger else None),
        amount(snapshot.position_amt if snapshot else None),
        Text(plain(differs) if differs else "=", "bold red" if differs else "green"),
        _price(ledger.avg_entry_price if ledger else None),
        _price(snapshot.mark_price if snapshot else None),
        money(snapshot.unrealized_pnl if snapshot else None),
        money(ledger.realized_pnl if ledger else None),
        span(now_ms - ledger.opened_ms) if ledger and ledger.opened_ms and ledger.position_amt else "",
        one.stop.get("trigger_price", "") if position(one) else "",
        Text(", ".join(notes), "bold red"),
    )


def _price(price: Decimal | None) -> str:
    return f"{price:.10g}" if price else ""


def _as_row(one: Symbol, now_ms: int) -> dict[str, Any]:
    ledger, snapshot = one.ledger, one.snapshot
    return {
        "symbol": one.name,
        "ledger_position_amt": plain(ledger.position_amt) if ledger else None,
        "exchange_position_amt": plain(snapshot.position_amt) if snapshot else None,
        "difference": plain(difference(one)),
        "avg_entry_price": plain(ledger.avg_entry_price) if ledger else None,
        "mark_price": plain(snapshot.mark_price) if snapshot else None,
        "unrealized_pnl": plain(snapshot.unrealized_pnl) if snapshot else None,
        "realized_pnl": plain(ledger.realized_pnl) if ledger else None,
        "opened_ms": ledger.opened_ms if ledger else None,
        "age_ms": now_ms - ledger.opened_ms if ledger and ledger.opened_ms else None,
        "stop_price": one.stop.get("trigger_price") or None,
        "hold": one.hold.reason if one.hold else None,
    }
