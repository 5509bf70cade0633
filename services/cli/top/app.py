"""The screen of `quantum top`: three lines above, one view below, keys at the bottom."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Static
from textual.worker import get_current_worker

from services.cli.top.sample import Sample
from services.cli.top.views import VIEWS, View, headlines, ordered

BESIDE, FOLDED_MIN = 20, 30  # columns of the terminal that a column beside a folded one takes, and its least width
STYLE = """
Screen { layout: vertical; }
#head { height: 3; }
#title { height: 1; text-style: reverse; }
DataTable { height: 1fr; }
"""


class Top(App[None]):
    """Shows samples. `read` is called in a thread of its own, never twice at once."""

    CSS = STYLE
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(view.key, f"show('{view.name}')", view.name) for view in VIEWS),
        Binding("tab", "next", "next", show=False, priority=True),
        Binding("s", "sort", "sort"),
        Binding("r", "reverse", "reverse"),
        Binding("q", "quit", "quit"),
        Binding("ctrl+c", "quit", "quit", show=False, priority=True),
    ]

    def __init__(self, read: Callable[[], Sample], every_s: float) -> None:
        super().__init__()
        self._read, self._every_s = read, every_s
        self._sample: Sample | None = None
        self._reading = False
        self.view = VIEWS[0]
        self.sorted_by, self.reversed = self.view.sorted_by, self.view.reverse

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Static("reading", id="head")
        yield Static("", id="title")
        yield DataTable(cursor_type="row", zebra_stripes=False)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin to read."""
        self._columns()
        self.set_interval(self._every_s, self.look)
        self.look()

    def on_resize(self) -> None:
        """Fold anew."""
        self._columns()

    def look(self) -> None:
        """Have the next sample read, unless the last one is still being read."""
        if not self._reading:
            self._reading = True
            self.run_worker(self._look, thread=True)

    def _look(self) -> None:
        sample = self._read()
        if not get_current_worker().is_cancelled:
            self.call_from_thread(self.take, sample)

    def take(self, sample: Sample) -> None:
        """Given a sample, show it."""
        self._reading, self._sample = False, sample
        self.query_one("#head", Static).update(headlines(sample))
        self._rows()

    def action_show(self, name: str) -> None:
        """Show the view of this name."""
        self._turn(next(view for view in VIEWS if view.name == name))

    def action_next(self) -> None:
        """Show the next view."""
        self._turn(VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)])

    def action_sort(self) -> None:
        """Sort by the next column."""
        self.sorted_by = (self.sorted_by + 1) % len(self.view.heads)
        self._columns()

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self.reversed = not self.reversed
        self._columns()

    def _turn(self, view: View) -> None:
        self.view, self.sorted_by, self.reversed = view, view.sorted_by, view.reverse
        self._columns()

    def _columns(self) -> None:
        """Draw the heads anew, with the one that is sorted by marked."""
        table = self.query_one(DataTable)
        table.clear(columns=True)
        arrow = "▼" if self.reversed else "▲"
        last = len(self.view.heads) - 1
        for place, head in enumerate(self.view.heads):
            label = self.view.aligned(place, Text(f"{head} {arrow}" if place == self.sorted_by else head))
            folded = self.view.wraps and place == last
            table.add_column(label, width=max(self.size.width - BESIDE * last, FOLDED_MIN) if folded else None)
        self._rows()

    def _rows(self) -> None:
        """Draw the rows anew, where the operator has scrolled to."""
        table, view = self.query_one(DataTable), self.view
        rows = [] if self._sample is None else ordered(view, self._sample, self.sorted_by, reverse=self.reversed)
        row, offset = table.cursor_row, table.scroll_offset
        table.clear()
        for cells in rows:
            table.add_row(*cells, height=None if view.wraps else 1)
        table.move_cursor(row=min(row, max(len(rows) - 1, 0)), animate=False, scroll=False)
        table.scroll_to(offset.x, offset.y, animate=False)
        self.query_one("#title", Static).update(f" {view.name} ({len(rows)})")
