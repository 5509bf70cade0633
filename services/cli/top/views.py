"""The views of `quantum top`: each is a table of one sample, with values to sort by. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from rich.text import Text

from quantum_common.keys import SERVICES
from services.cli.board import PositionRow
from services.cli.health.check import Level
from services.cli.health.daemons import whole
from services.cli.health.shown import ORDER, verdict_words
from services.cli.health.shown import STYLES as LEVEL_STYLES
from services.cli.questions.tables import amount, money
from services.cli.rendering import STATE_STYLES, outcome_words
from services.cli.spans import span
from services.cli.tally import FLOWS
from services.cli.top.sample import Sample

Value = str | int | Decimal


class Cell(NamedTuple):
    """What a cell sorts by, and how it is shown."""

    value: Value
    text: Text


@dataclass(frozen=True, slots=True)
class View:
    """One table. `words` are the heads of the columns that read from the left; the others are numbers. `reverse` says
    that the largest comes first as long as nobody asks otherwise; `wraps` that the last column is folded to fit."""

    name: str
    key: str
    heads: tuple[str, ...]
    words: tuple[str, ...]
    rows: Callable[[Sample], Sequence[tuple[Cell, ...]]]
    sorted_by: int = 0
    reverse: bool = False
    wraps: bool = False

    def aligned(self, column: int, text: Text) -> Text:
        """Given a column's place and a text of it, return the text as the column is aligned."""
        text.justify = "left" if self.heads[column] in self.words else "right"
        return text


def headlines(sample: Sample) -> Text:
    """Given a sample, return the three lines that stand above every view."""
    board = sample.board
    if board is None:
        return Text(sample.trouble or "reading", "bold red" if sample.trouble else "dim")
    state = board.trading_state or "no trading state"
    line = Text.assemble((f"● {state}", STATE_STYLES.get(state, "bold red")))
    if board.trading_reason and state != "ACTIVE":
        line.append(f" {board.trading_reason}", "yellow")
    line.append(f"  equity {Decimal(board.equity or 0):,.2f}", "bold")
    line.append(f"  drawdown {100 * Decimal(board.drawdown_pct or 0):.2f} %", "dim")
    alive = len(board.beating)
    line.append(f"  {alive}/{len(SERVICES)} services", "green" if alive == len(SERVICES) else "bold red")
    verdict = sample.trouble or (verdict_words(sample.checks) if sample.checks else "judging")
    go = not sample.trouble and verdict.startswith("GO")
    rates = "  ".join(f"{flow} {board.rates.get(flow, 0)}" for flow in FLOWS)
    return Text("\n").join(
        (
            Text(verdict, "bold green" if go else "bold red", no_wrap=True, overflow="ellipsis"),
            line,
            Text.assemble(("a minute ", "dim"), rates),
        )
    )


def ordered(view: View, sample: Sample, column: int, *, reverse: bool) -> list[tuple[Text, ...]]:
    """Given a view, a sample, and what to sort by, return its rows as they are shown. Values of one column are of one
    kind; where they are not, text comes first."""
    rows = sorted(view.rows(sample), key=lambda row: _sortable(row[column].value), reverse=reverse)
    return [tuple(view.aligned(place, cell.text) for place, cell in enumerate(row)) for row in rows]


def _sortable(value: Value) -> tuple[bool, Decimal, str]:
    return (False, Decimal(0), value) if isinstance(value, str) else (True, Decimal(value), "")


def _plain(value: Value, style: str = "") -> Cell:
    return Cell(value, Text(str(value), style))


def _positions(sample: Sample) -> Sequence[tuple[Cell, ...]]:
    """What stands, differs or is held."""
    rows = sample.board.positions if sample.board else ()
    return [_position(row) for row in rows if row.exchange_amt or row.difference or row.hold]


def _position(row: PositionRow) -> tuple[Cell, ...]:
    differs = row.difference
    notes = f"held: {row.hold}" if row.hold else ""
    return (
        _plain(row.symbol, "bold" if row.exchange_amt else "dim"),
        Cell(row.ledger_amt or 0, amount(row.ledger_amt)),
        Cell(row.exchange_amt or 0, amount(row.exchange_amt)),
        Cell(differs or 0, Text("=" if not differs else f"{differs:f}", "bold red" if differs else "green")),
        Cell(row.entry_price or 0, Text(f"{row.entry_price:.8g}" if row.entry_price else "")),
        Cell(row.mark_price or 0, Text(f"{row.mark_price:.8g}" if row.mark_price else "")),
        Cell(row.unrealized_pnl or 0, money(row.unrealized_pnl if row.exchange_amt else None)),
        _plain(notes, "bold red"),
    )


def _gates(sample: Sample) -> Sequence[tuple[Cell, ...]]:
    gates = sample.board.gates if sample.board else {}
    total = sum(gates.values())
    return [
        (_plain(gate), _plain(count), Cell(count, Text(f"{100 * count / total:.1f} %")))
        for gate, count in gates.items()
    ]


def _lag(sample: Sample) -> Sequence[tuple[Cell, ...]]:
    if sample.board is None:
        return []
    groups = [
        (
            _plain(f"{row.stream} → {row.name}", "yellow" if row.pending or row.lag else ""),
            Cell(-1 if row.lag is None else row.lag, Text("?" if row.lag is None else f"{row.lag} unread")),
            Cell(row.pending, Text(f"{row.pending} pending")),
        )
        for row in sample.board.groups
    ]
    hops = [
        (
            _plain(f"hop to {name}"),
            Cell(found[0], Text(f"p50 {found[0]} ms")),
            Cell(found[1], Text(f"p99 {found[1]} ms")),
        )
        for name, found in sample.board.latencies.items()
        if found is not None
    ]
    return groups + hops


def _services(sample: Sample) -> Sequence[tuple[Cell, ...]]:
    rows = []
    for service in SERVICES:
        beat = sample.beats.get(service)
        if beat is None:
            rows.append((_plain(service, "bold red"), _plain("down", "bold red"), *(_plain("") for _ in range(5))))
            continue
        began_ms, status = whole(beat.get("started_ms")) or sample.now_ms, beat.get("status", "")
        up_ms = sample.now_ms - began_ms
        rows.append(
            (
                _plain(service, "bold"),
                _plain(status, "green" if status == "running" else "yellow"),
                Cell(up_ms, Text(span(up_ms))),
                *(_plain(whole(beat.get(name)) or 0) for name in ("handled", "dead", "lost")),
                _plain(beat.get("version", ""), "dim"),
            )
        )
    return rows


def _results(sample: Sample) -> Sequence[tuple[Cell, ...]]:
    rows = []
    for outcome in sample.board.results if sample.board else ():
        clock, words, placed = outcome_words(outcome)
        rows.append((Cell(outcome.written_ms, Text(clock, "dim")), _plain(words, "" if placed else "yellow")))
    return rows


def _alarms(sample: Sample) -> Sequence[tuple[Cell, ...]]:
    """What is not as it should be; where all is, one row says so."""
    rows = [
        (
            Cell(ORDER.index(check.level), Text(check.level, LEVEL_STYLES[check.level])),
            _plain(f"{check.name} {check.subject}".strip(), "bold"),
            _plain(f"{check.figure}: {check.words}"),
        )
        for check in sample.checks
        if check.level is not Level.OK
    ]
    return rows or [(Cell(0, Text("OK", "green")), _plain("all"), _plain(f"{len(sample.checks)} checks are good"))]


POSITIONS = ("SYMBOL", "LEDGER", "EXCHANGE", "DIFF", "ENTRY", "MARK", "PNL", "NOTE")
SERVICES_OF = ("SERVICE", "STATUS", "UP", "HANDLED", "DEAD", "LOST", "BUILD")
GATES = ("GATE, LAST 10 MINUTES", "COUNT", "SHARE")
LAG = ("WHAT", "UNREAD, P50", "PENDING, P99")
VIEWS: Sequence[View] = (
    View("positions", "1", POSITIONS, ("SYMBOL", "NOTE"), _positions, 6),
    View("gates", "2", GATES, GATES[:1], _gates, 1, reverse=True),
    View("lag", "3", LAG, LAG[:1], _lag),
    View("services", "4", SERVICES_OF, ("SERVICE", "STATUS", "BUILD"), _services),
    View("results", "5", ("TIME", "WHAT"), ("TIME", "WHAT"), _results, 0, reverse=True, wraps=True),
    View("alarms", "6", ("LEVEL", "CHECK", "WHAT"), ("LEVEL", "CHECK", "WHAT"), _alarms, wraps=True),
)
