"""The order of one symbol's closed bars, whichever way they come: each once, oldest first, none left out.

Pure. Bars that come over the stream are passed on while each follows on the one before. After a gap (a reconnection,
a missing bar) they are held until the history has been read, and then all come in order.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from quantum_common.exchange.port import Bar


@dataclass(slots=True)
class BarSequence:
    """Where a symbol's bars stand. `last_open_ms` is the bar delivered last; None before the first."""

    interval_ms: int
    last_open_ms: int | None = None
    broken: bool = False
    held: dict[int, Bar] = field(default_factory=dict)

    def begin_after(self, open_ms: int) -> None:
        """Given the newest bar that the reader has by another way, go on after it. Once begun, do nothing."""
        if self.last_open_ms is None:
            self.last_open_ms = open_ms

    @property
    def gap_after_ms(self) -> int | None:
        """Return the bar after which the history has to be read; None where nothing is missing."""
        return self.last_open_ms if self.broken else None

    def interrupt(self) -> None:
        """Take note that bars may have been missed since the last one."""
        self.broken = self.last_open_ms is not None

    def offer(self, bar: Bar) -> list[Bar]:
        """Given a bar from the stream, return what can be delivered now."""
        last_open_ms = self.last_open_ms
        if last_open_ms is not None and bar.open_ms <= last_open_ms:
            return []
        if last_open_ms is None or (not self.broken and bar.open_ms == last_open_ms + self.interval_ms):
            self.last_open_ms = bar.open_ms
            return [bar]
        self.broken = True
        self.held[bar.open_ms] = bar
        return []

    def fill(self, closed: Iterable[Bar], seen_to_ms: int) -> list[Bar]:
        """Given closed bars of the history and the open time up to which it was seen, return what can be delivered now.

        A hole that the history shows as well is the exchange's own and is passed over; one behind the history's end
        keeps the sequence broken, to be filled again.
        """
        if self.last_open_ms is None:
            return []
        known = self.held | {bar.open_ms: bar for bar in closed}
        delivered = []
        for open_ms in sorted(open_ms for open_ms in known if open_ms > self.last_open_ms):
            if open_ms > seen_to_ms and open_ms != self.last_open_ms + self.interval_ms:
                break
            self.last_open_ms = open_ms
            delivered.append(known[open_ms])
        self.held = {open_ms: bar for open_ms, bar in self.held.items() if open_ms > self.last_open_ms}
        self.broken = bool(self.held)
        return delivered
