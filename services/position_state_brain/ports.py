"""What P3.3 awaits: its store and, from the common port, the exchange and the clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from quantum_common.messages import JournalEntry, Permit, Plan, ReconcileEvent, Result
from quantum_common.state import Hold, Ledger, Portfolio, Snapshot
from quantum_common.stream import Message
from services.position_state_brain.decide import PositionView
from services.position_state_brain.fold import Book, Checkpoint, Fact, Peak


class Booking(StrEnum):
    """How the booking of a fact ended."""

    BOOKED = "booked"
    KNOWN = "known"
    CONFLICT = "conflict"
    TORN = "torn"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A symbol's book as it was read, with the number of facts stored. `whole` is false where a torn write left a fact
    that was not booked whole."""

    book: Book
    ledger: Ledger | None
    stored: int
    whole: bool


class Store(Protocol):
    """P3.3's part of Redis."""

    async def position(self, symbol: str) -> PositionView:
        """Return what a permit is decided on, read in one go."""
        ...

    async def permit(self, plan: Plan, permit: Permit, message: Message, reserve_until_ms: int) -> bool:
        """Write a permit and acknowledge the plan; a granted one marks the symbol as under way until booked.

        Return False, with nothing written, where another plan got there first and this one is an entry.
        """
        ...

    async def settle(self, result: Result, message: Message) -> None:
        """The plan of a result is no longer under way: forget it and acknowledge the result."""
        ...

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge an entry that asks for nothing."""
        ...

    async def symbols(self) -> Sequence[str]:
        """Return the symbols that have facts."""
        ...

    async def book(self, symbol: str) -> Shelf:
        """Return one symbol's facts, the ledger that stands beside them, and whether both were written whole."""
        ...

    async def begin(self, symbol: str, checkpoint: Checkpoint, ledger: Ledger) -> None:
        """Write the first checkpoint and the flat ledger of a symbol that is seen for the first time."""
        ...

    async def write_fact(
        self, symbol: str, fact: Fact, entry: JournalEntry, ledger: Ledger, expected: str
    ) -> tuple[Booking, str]:
        """Write a fact, its journal entry and the ledger that follows, if the ledger's journal id is `expected`.

        Return how it ended and the journal id that the ledger has now.
        """
        ...

    async def mend_ledger(self, shelf: Shelf, ledger: Ledger, journal_id: str, entry: JournalEntry | None) -> bool:
        """Write a ledger that was folded anew, with the journal entry that is missing, and count its facts as booked.

        Return False, with nothing written, where the book has moved since the shelf was read.
        """
        ...

    async def journaled(self, symbol: str, fact_id: str) -> str:
        """Return the id of the entry by which the newest part of the journal tells of a fact, or an empty string."""
        ...

    async def compact(self, symbol: str, checkpoint: Checkpoint, folded: Iterable[str]) -> None:
        """Write a checkpoint and drop the facts that are folded into it."""
        ...

    async def raise_peaks(self, peaks: Mapping[str, Peak]) -> None:
        """Write new best prices of open positions, to the facts and to the ledgers."""
        ...

    async def write_snapshots(self, snapshots: Mapping[str, Snapshot], portfolio: Portfolio | None) -> None:
        """Write what the exchange says."""
        ...

    async def sources(self) -> set[str]:
        """Return from which exchanges the snapshots that stand were taken."""
        ...

    async def portfolio(self) -> Portfolio | None:
        """Return the portfolio as it was last written."""
        ...

    async def stops(self, symbols: Iterable[str]) -> Mapping[str, Decimal]:
        """Return the trigger prices of the protective stops that stand."""
        ...

    async def under_way(self, symbol: str, now_ms: int) -> bool:
        """Return whether a permitted plan of a symbol is not booked yet."""
        ...

    async def held(self) -> Mapping[str, Hold]:
        """Return the holds that stand."""
        ...

    async def hold(self, symbol: str, hold: Hold | None, event: ReconcileEvent) -> None:
        """Write or lift a hold, and tell of it."""
        ...

    async def requests(self) -> Mapping[str, str]:
        """Return what operators ask, by symbol, as it was written."""
        ...

    async def answer(self, symbol: str, request: str, event: ReconcileEvent | None, *, lift: bool) -> None:
        """Take a request away, with what is to be told of it, and lift the symbol's hold where `lift` says so."""
        ...

    async def released(self) -> Mapping[str, int]:
        """Return when each symbol's hold was last released by an operator, as far as the events reach back."""
        ...
