"""Tables as every answer shows them, and numbers as people read them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from quantum_common.money import plain

Cell = Text | str


def table(heads: Iterable[str], rows: Iterable[Iterable[Cell]], left: Iterable[str] = ("SYMBOL",)) -> Table:
    """Given heads and rows, return an aligned table: names to the left, numbers to the right."""
    made, to_left = Table.grid(padding=(0, 2)), set(left)
    names = list(heads)
    for name in names:
        made.add_column(justify="left" if name in to_left else "right", overflow="fold")
    made.add_row(*(Text(name, "dim") for name in names))
    for row in rows:
        made.add_row(*row)
    return made


def amount(value: Decimal | None) -> Text:
    """Given a signed quantity, return it as text: green where long, red where short, dim where flat."""
    if value is None:
        return Text("?", "yellow")
    return Text(plain(value) if value else "flat", "dim" if not value else "green" if value > 0 else "red")


def money(value: Decimal | None) -> Text:
    """Given USDT, return them with sign and cents."""
    if value is None:
        return Text("")
    return Text(f"{value:+,.2f}", "green" if value > 0 else "red" if value < 0 else "dim")


def clock(at_ms: int) -> str:
    """Given epoch milliseconds, return the time of day (UTC)."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S")
