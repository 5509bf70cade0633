"""Tables as every answer shows them, and numbers as people read them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from quantum_common.money import plain

Cell = Text | str
FOLDED_MIN = 24


@dataclass(frozen=True)
class Fitted:
    """An aligned table for any width: numbers to the right, `left` to the left. Where it is too narrow, columns of
    `spare` go first to last; those of `folds` are folded. Nothing else is cut or folded."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    left: frozenset[str]
    folds: frozenset[str]
    spare: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Yield the widest table that fits."""
        for gone in range(len(self.spare) + 1):
            names = [name for name in self.heads if name not in self.spare[:gone]]
            for gap in (2, 1):
                if self._width(names, gap) <= options.max_width or (gone, gap) == (len(self.spare), 1):
                    yield self._table(names, gap)
                    return

    def _width(self, names: Sequence[str], gap: int) -> int:
        places = [self.heads.index(name) for name in names]
        widths = [
            max([cell_len(self.heads[place]), *(cell_len(str(row[place])) for row in self.rows)]) for place in places
        ]
        shown = [
            min(width, FOLDED_MIN) if name in self.folds else width for name, width in zip(names, widths, strict=True)
        ]
        return sum(shown) + gap * (len(names) - 1)

    def _table(self, names: Sequence[str], gap: int) -> Table:
        made = Table.grid(padding=(0, gap))
        for name in names:
            made.add_column(
                justify="left" if name in self.left else "right", overflow="fold", no_wrap=name not in self.folds
            )
        made.add_row(*(Text(name, "dim") for name in names))
        places = [self.heads.index(name) for name in names]
        for row in self.rows:
            made.add_row(*(row[place] for place in places))
        return made


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    left: Iterable[str] = ("SYMBOL",),
    *,
    folds: Iterable[str] = (),
    spare: Sequence[str] = (),
) -> Fitted:
    """Given heads and rows, return their table; see Fitted."""
    return Fitted(heads, list(rows), frozenset(left), frozenset(folds), spare)


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
