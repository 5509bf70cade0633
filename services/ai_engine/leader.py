"""The leader's last moves, for the other symbols to read: as of the minute before their own bar closed.

Bars of one minute arrive in any order. What is read is one minute old by design, so that the order never matters: live,
in training and in a backtest the same bar sees the same leader.
"""

from typing import NamedTuple

LEADER = "BTCUSDT"
KEPT = 64


class Leading(NamedTuple):
    """Where the leader stood at a minute's close: its moves in its own sigmas, and those that others are compared with
    as plain log returns; `variance` is the logarithm of its last hour's variance over its last day's."""

    ret_1: float
    ret_5: float
    ret_15: float
    ret_60: float
    move_15: float
    move_60: float
    variance: float


class Leader:
    """What the leader's own features left here, by the time their bar closed."""

    __slots__ = ("_kept", "notes", "symbol")

    def __init__(
        self, symbol: str = LEADER, kept: int | None = KEPT, notes: dict[int, Leading] | None = None
    ) -> None:  # fmt: skip
        """Given the leading symbol, keep its last `kept` notes, or every one of them where it is None (in training);
        `notes` are those of a leader whose bars were read before."""
        self.symbol = symbol
        self.notes = {} if notes is None else notes
        self._kept = kept

    def note(self, close_ms: int, leading: Leading) -> None:
        """Keep what stood at a bar's close; the oldest note is forgotten."""
        self.notes[close_ms] = leading
        if self._kept is not None and len(self.notes) > self._kept:
            del self.notes[next(iter(self.notes))]

    def at(self, close_ms: int) -> Leading | None:
        """Given when a bar closed, return what stood then, or None where it is not known."""
        return self.notes.get(close_ms)
