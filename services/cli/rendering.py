"""A board as a picture for a terminal of any size from 80 by 24 up. Pure: data in, what rich prints out."""

from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from quantum_common.keys import SERVICES
from quantum_common.money import plain
from services.cli.board import Board, PositionRow
from services.cli.health import picture
from services.cli.tally import FLOWS, Outcome

GATE_ROWS = 4
RESULT_ROWS_MAX = 8
FRAME_ROWS = 4 + 3 + 1 + 1 + GATE_ROWS + 1  # header, rules, column heads of both tables, gates, footer
STATE_STYLES = {"ACTIVE": "bold green", "REDUCING": "bold yellow", "HALTED": "bold red"}
IDLE_NOTE = "Ctrl-C stops everything, in order; `quantum redis COMMAND` looks into its Redis"
HOPS = {"order": "intent→order", "ledger": "fill→ledger", "result": "intent→result"}


def render(board: Board, title: str, address: str, note: str, size: tuple[int, int]) -> RenderableType:
    """Given a board, what runs (`title`), how to reach its Redis, the latest note, and the terminal's columns and
    rows, return the picture. It has never more lines than the terminal."""
    _, rows = size
    results = max(min(rows // 6, RESULT_ROWS_MAX, rows - FRAME_ROWS - 3), 0)
    shown = max(rows - FRAME_ROWS - results, 1)
    parts: list[RenderableType] = [
        _line(Text("quantum up ", "bold cyan"), Text(title), _state(board)),
        _line(_money(board), _daemons(board), Text(address, "dim")),
        _line(Text("a minute ", "dim"), *_pairs({flow: str(board.rates.get(flow, 0)) for flow in FLOWS})),
        _line(
            Text("p50/p99 ms ", "dim"), *_pairs({HOPS[name]: _hop(found) for name, found in board.latencies.items()})
        ),
        Rule(style="dim"),
        _positions(board.positions, shown),
        Rule(style="dim"),
        _lower(board),
        Rule(style="dim"),
    ]
    parts += [_result(outcome) for outcome in list(board.results)[-results:] if results]
    parts += [Text("") for _ in range(results - len(board.results))]
    parts.append(Text(note or IDLE_NOTE, "yellow" if note else "dim", no_wrap=True))
    return Group(*parts)


def plain_line(board: Board, uptime: str) -> str:
    """Given a board, return it as one line for a log."""
    rates = "  ".join(f"{flow} {board.totals.get(flow, 0)}" for flow in FLOWS)
    open_now = sum(1 for row in board.positions if row.exchange_amt)
    differing = sum(1 for row in board.positions if row.difference)
    return (
        f"{uptime}  {board.trading_state or 'starting'}  {rates}  open {open_now}  differing {differing}"
        f"  dead {board.dead}  equity {_number(board.equity, 2) or '?'}  daemons {len(board.beating)}/{len(SERVICES)}"
    )


def duration(seconds: float) -> str:
    """Given seconds, return h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def outcome_words(outcome: Outcome) -> tuple[str, str, bool]:
    """Given a result, return its time of day (UTC), what happened in words, and whether an order was placed."""
    fields = outcome.fields
    clock = datetime.fromtimestamp(outcome.written_ms / 1000, UTC).strftime("%H:%M:%S")
    action = fields.get("action", "").lower().replace("_", " ")
    if fields.get("executed") == "True":
        status = fields.get("order_status", "").lower() or "done"
        quantity = fields.get("filled_qty", "0") if fields.get("filled_qty", "0") != "0" else fields.get("qty", "")
        price = f" at {fields['avg_price']}" if fields.get("avg_price") else ""
        return clock, f"{fields.get('symbol', '')} {fields.get('side', '')} {quantity}{price}, {action}: {status}", True
    error = f" ({fields['error']})" if fields.get("error") else ""
    return clock, f"{fields.get('symbol', '')} {action}: {fields.get('gate', '')}{error}", False


def _line(*parts: Text) -> Text:
    return Text("  ", no_wrap=True, overflow="ellipsis").join(parts)


def _state(board: Board) -> Text:
    if not board.trading_state:
        return Text("starting", "dim")
    text = Text(f"● {board.trading_state}", STATE_STYLES.get(board.trading_state, "bold"))
    if board.trading_state != "ACTIVE" and board.trading_reason:
        text.append(f" {board.trading_reason}", "yellow")
    return text


def _money(board: Board) -> Text:
    equity = _number(board.equity, 2)
    text = Text("equity ", "dim")
    text.append(equity or "?", "bold")
    drawdown = _number(100 * Decimal(board.drawdown_pct or "0"), 2)
    if drawdown != "0.00":
        text.append(f" drawdown {drawdown} %", "dim")
    return text


def _daemons(board: Board) -> Text:
    missing = [service for service in SERVICES if service not in board.beating]
    text = Text(f"{len(board.beating)}/{len(SERVICES)} daemons", "green" if not missing else "yellow")
    if missing:
        text.append(f" (no {', '.join(missing)})", "yellow")
    if board.restarts:
        text.append(f" {board.restarts} restarts", "yellow")
    if board.dead:
        text.append(f" {board.dead} dead letters", "red")
    return text


def _pairs(values: dict[str, str]) -> list[Text]:
    return [Text.assemble((f"{name} ", "dim"), (value, "bold")) for name, value in values.items()]


def _hop(found: tuple[int, int] | None) -> str:
    return f"{found[0]}/{found[1]}" if found else "-"


def _positions(rows: tuple[PositionRow, ...], shown: int) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    for name in ("SYMBOL", "LEDGER", "EXCHANGE", "DIFF", "ENTRY", "MARK", "UPNL"):
        table.add_column(name, justify="left" if name == "SYMBOL" else "right", no_wrap=True, overflow="ellipsis")
    table.add_row(*(Text(str(column.header), "dim") for column in table.columns))
    visible = rows if len(rows) <= shown else rows[: shown - 1]
    for row in visible:
        table.add_row(*_cells(row))
    if len(rows) > len(visible):
        table.add_row(Text(f"and {len(rows) - len(visible)} more", "dim"))
    for _ in range(shown - min(len(rows), shown)):
        table.add_row("")
    return table


def _cells(row: PositionRow) -> list[Text]:
    difference = row.difference
    symbol = Text(row.symbol, "bold" if row.exchange_amt else "dim")
    if row.hold:
        symbol.append(f" held: {row.hold}", "red")
    profit = row.unrealized_pnl
    return [
        symbol,
        _amount(row.ledger_amt),
        _amount(row.exchange_amt),
        Text(
            "?" if difference is None else "=" if not difference else plain(difference),
            "red" if difference else "green",
        ),
        Text(_price(row.entry_price)),
        Text(_price(row.mark_price)),
        Text(f"{profit:+.2f}" if profit else "", "green" if profit and profit > 0 else "red"),
    ]


def _amount(amount: Decimal | None) -> Text:
    if amount is None:
        return Text("?", "yellow")
    return Text(plain(amount) if amount else "flat", "dim" if not amount else "green" if amount > 0 else "red")


def _number(value: Decimal | str | None, places: int) -> str:
    """Given a number, return it with thousands apart and at most so many places."""
    if value in (None, ""):
        return ""
    text = f"{Decimal(str(value)):,.{places}f}"
    return text.rstrip("0").removesuffix(".") if places > 2 else text


def _price(price: Decimal | None) -> str:
    """Given a price, return it with about seven digits: more tell nothing at a glance."""
    if not price:
        return ""
    return _number(price, max(2, 6 - max(price.adjusted(), 0)) if price >= 1 else 6)


def _lower(board: Board) -> RenderableType:
    """Gates of the last ten minutes on the left, consumer groups that are behind on the right."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    gates = [_count(code, count) for code, count in board.gates.most_common(GATE_ROWS)] or [Text("none", "dim")]
    behind = sorted(board.groups, key=lambda row: -(row.pending + (row.lag or 0)))
    groups = [_group(row) for row in behind[:GATE_ROWS]]
    table.add_row(Text("gates, last ten minutes", "dim"), Text("streams: unread, unacknowledged", "dim"))
    for index in range(GATE_ROWS):
        table.add_row(
            gates[index] if index < len(gates) else Text(""), groups[index] if index < len(groups) else Text("")
        )
    return table


def _count(code: str, count: int) -> Text:
    return Text.assemble((f"{count:>5} ", "bold"), code)


def _group(row: picture.Group) -> Text:
    waiting = row.pending + (row.lag or 0)
    lag = "?" if row.lag is None else str(row.lag)
    return Text(f"{row.stream} → {row.name}  {lag}, {row.pending}", "yellow" if waiting else "dim")


def _result(outcome: Outcome) -> Text:
    clock, words, placed = outcome_words(outcome)
    return Text.assemble((f"{clock} ", "dim"), (words, "" if placed else "yellow"), no_wrap=True, overflow="ellipsis")
