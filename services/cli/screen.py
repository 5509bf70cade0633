"""Where `quantum up` shows itself: a live table on a terminal, lines elsewhere, standard error where JSON is wanted."""

import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from services.cli.board import Board
from services.cli.rendering import duration, plain_line, render

LINE_EVERY_S = 5.0
NOTES_KEPT = 20


class Screen(Protocol):
    """What a run tells its operator."""

    def say(self, text: str) -> None:
        """Show one line that matters."""
        ...

    def describe(self, title: Callable[[], str], address: str) -> None:
        """Set what runs and how its Redis is reached."""
        ...

    def show(self, board: Board) -> None:
        """Show how things stand."""
        ...

    def close(self) -> None:
        """Give the terminal back."""
        ...


class JsonScreen:
    """Standard output is for the one JSON object alone; what matters goes to standard error."""

    def say(self, text: str) -> None:
        """Write the line to standard error."""
        with contextlib.suppress(OSError):  # nobody reads it; the object on standard output is what counts
            sys.stderr.write(f"quantum up: {text}\n")
            sys.stderr.flush()

    def describe(self, title: Callable[[], str], address: str) -> None:
        """Say nothing of it."""

    def show(self, board: Board) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to give back."""


class LineScreen:
    """One line every few seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began_s = clock()
        self._shown_s = self._began_s

    def say(self, text: str) -> None:
        """Write the line."""
        with _reader_wanted():
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def describe(self, title: Callable[[], str], address: str) -> None:
        """Write both, once."""
        self.say(f"{title()}  {address}")

    def show(self, board: Board) -> None:
        """Write a line where the last one is old enough."""
        if self._clock() - self._shown_s >= LINE_EVERY_S:
            self._shown_s = self._clock()
            self.say(plain_line(board, duration(self._clock() - self._began_s)))

    def close(self) -> None:
        """Nothing to give back."""


class LiveScreen:
    """The live table, on the terminal's other screen; what was said comes back when it closes."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live: Live | None = None
        self._notes: deque[str] = deque(maxlen=NOTES_KEPT)
        self._title: Callable[[], str] = str
        self._address = ""

    def say(self, text: str) -> None:
        """Show the line: in the table's footer while it stands, else as a line."""
        if self._live is None:
            with _reader_wanted():
                self._console.print(Text(text))
        else:
            self._notes.append(f"{time.strftime('%H:%M:%S')} {text}")

    def describe(self, title: Callable[[], str], address: str) -> None:
        """Keep both for the table's head."""
        self._title, self._address = title, address

    def show(self, board: Board) -> None:
        """Draw the table."""
        with _reader_wanted():
            if self._live is None:
                self._live = Live(console=self._console, screen=True, auto_refresh=False, transient=True)
                self._live.start()
            size = self._console.size
            note = self._notes[-1] if self._notes else ""
            picture = render(board, self._title(), self._address, note, (size.width, size.height))
            self._live.update(picture, refresh=True)

    def close(self) -> None:
        """Leave the table and print what was said meanwhile."""
        live, self._live = self._live, None
        if live is not None:
            with contextlib.suppress(OSError):
                live.stop()
                for note in self._notes:
                    self._console.print(Text(note))


@contextlib.contextmanager
def _reader_wanted() -> Iterator[None]:
    """Where nobody reads any more (a closed terminal, a pipe into `head`), stop as for a terminal that hung up."""
    try:
        yield
    except OSError:
        os.kill(os.getpid(), signal.SIGHUP)


def screen_for(*, as_json: bool) -> Screen:
    """Return the screen that fits: none for JSON, the table on a terminal, lines elsewhere."""
    if as_json:
        return JsonScreen()
    return LiveScreen() if sys.stdout.isatty() else LineScreen()
