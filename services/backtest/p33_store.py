"""P3.3's store in memory: the reads and writes of `services.position_state_brain.store`.

Facts are kept until they are folded away, the journal only as far as a search would look back, and the rest by symbol.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from quantum_common.keys import GROUP_P33
from quantum_common.messages import EvalType, JournalEntry, Permit, Plan, ReconcileEvent, Result
from quantum_common.state import Hold, Ledger, Portfolio, Snapshot
from quantum_common.stream import Message
from services.backtest.board import Board, Flights
from services.position_state_brain.decide import PositionView
from services.position_state_brain.fold import Book, Checkpoint, Fact, Peak
from services.position_state_brain.ports import Booking, Shelf

LOOK_BACK = 1_000


@dataclass
class Facts:
    """One symbol's facts beside its checkpoint, and how many of them were booked whole."""

    checkpoint: Checkpoint
    facts: dict[str, Fact] = field(default_factory=dict)
    peak: Peak | None = None
    booked: int = 0


class P33Store:
    """Implements P3.3's `Store`."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._fills: dict[str, Facts] = {}
        self._journal: deque[tuple[str, str, str]] = deque(maxlen=LOOK_BACK)  # entry, symbol, fact; newest last
        self._released: dict[str, int] = {}
        self._requests: dict[str, str] = {}

    # --- permits -----------------------------------------------------------------------------------------------------

    async def position(self, symbol: str) -> PositionView:
        """Return what a permit is decided on."""
        board = self._board
        return PositionView(
            board.snapshots.get(symbol), board.ledgers.get(symbol), board.holds.get(symbol),
            dict(board.under_way(symbol)),
        )  # fmt: skip

    async def permit(self, plan: Plan, permit: Permit, message: Message, reserve_until_ms: int) -> bool:
        """Write a permit and what it marks as under way, and acknowledge the plan. Return False, with nothing written,
        where another plan got there first and this one is an entry."""
        board, flights = self._board, self._board.under_way(plan.symbol)
        if not board.is_pending(GROUP_P33, message):
            return True
        if permit.allow and plan.eval_type is EvalType.ENTRY:
            others = (until_ms for other, until_ms in flights.items() if other != plan.plan_id)
            if any(until_ms > permit.ts_ms for until_ms in others):
                return False
        board.send(board.keys.permits, permit)
        board.permits.put((permit.issuer, plan.plan_id), permit)
        if permit.allow and reserve_until_ms:
            mine = board.flights.setdefault(plan.symbol, Flights())
            mine.plans[plan.plan_id] = reserve_until_ms
            mine.until_ms = max(mine.until_ms, reserve_until_ms)
        board.acknowledge(GROUP_P33, message)
        return True

    async def settle(self, result: Result, message: Message) -> None:
        """The plan of a result is no longer under way."""
        flights = self._board.flights.get(result.symbol)
        if flights is not None:
            flights.plans.pop(result.plan_id, None)
            if not flights.plans:
                del self._board.flights[result.symbol]
        self._board.acknowledge(GROUP_P33, message)

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge an entry that asks for nothing."""
        self._board.acknowledge(GROUP_P33, message)

    async def under_way(self, symbol: str, now_ms: int) -> bool:
        """Return whether a permitted plan of a symbol is not booked yet."""
        return any(until_ms > now_ms for until_ms in self._board.under_way(symbol).values())

    # --- facts and ledgers -------------------------------------------------------------------------------------------

    async def symbols(self) -> Sequence[str]:
        """Return the symbols that have facts."""
        return sorted(self._fills)

    async def book(self, symbol: str) -> Shelf:
        """Return one symbol's facts and the ledger beside them."""
        fills, ledger = self._fills[symbol], self._board.ledgers.get(symbol)
        facts = {fact_id: fact for fact_id, fact in fills.facts.items() if not fills.checkpoint.covers(fact)}
        book = Book(symbol, fills.checkpoint, facts, fills.peak)
        book.journal_id = ledger.journal_id if ledger is not None else ""
        stored = len(fills.facts)
        return Shelf(book, ledger, stored, whole=stored == fills.booked)

    async def begin(self, symbol: str, checkpoint: Checkpoint, ledger: Ledger) -> None:
        """Write the first checkpoint and the flat ledger of a symbol; one that exists is left alone."""
        if symbol not in self._fills:
            self._fills[symbol] = Facts(checkpoint)
            self._board.ledgers[symbol] = ledger

    async def write_fact(
        self, symbol: str, fact: Fact, entry: JournalEntry, ledger: Ledger, expected: str
    ) -> tuple[Booking, str]:
        """Write a fact, its journal entry and the ledger that follows, if the ledger's journal id is `expected`."""
        board, fills = self._board, self._fills.get(symbol)
        if fills is None:
            return Booking.GONE, ""
        standing = board.ledgers.get(symbol)
        current = standing.journal_id if standing is not None else ""
        if len(fills.facts) != fills.booked:
            return Booking.TORN, current
        if fact.fact_id in fills.facts:
            return Booking.KNOWN, current
        if current != expected:
            return Booking.CONFLICT, current
        fills.facts[fact.fact_id] = fact
        told = self._tell(symbol, entry)
        board.ledgers[symbol] = ledger.model_copy(update={"journal_id": told})
        fills.booked += 1
        return Booking.BOOKED, told

    async def mend_ledger(self, shelf: Shelf, ledger: Ledger, journal_id: str, entry: JournalEntry | None) -> bool:
        """Write a ledger that was folded anew. Return False where the book has moved since the shelf was read."""
        board, symbol = self._board, shelf.book.symbol
        fills, standing = self._fills.get(symbol), board.ledgers.get(symbol)
        current = standing.journal_id if standing is not None else ""
        if fills is None or len(fills.facts) != shelf.stored or current != shelf.book.journal_id:
            return False
        told = self._tell(symbol, entry) if entry is not None else journal_id
        board.ledgers[symbol] = ledger.model_copy(update={"journal_id": told})
        fills.booked = shelf.stored
        return True

    def _tell(self, symbol: str, entry: JournalEntry) -> str:
        told = self._board.tell(self._board.keys.journal, entry)
        self._journal.append((told, symbol, entry.trade_id))
        return told

    async def journaled(self, symbol: str, fact_id: str) -> str:
        """Return the id of the newest journal entry that tells of a fact, or an empty string."""
        return next((told for told, *what in reversed(self._journal) if what == [symbol, fact_id]), "")

    async def compact(self, symbol: str, checkpoint: Checkpoint, folded: Iterable[str]) -> None:
        """Write a checkpoint and drop the facts that are folded into it."""
        fills = self._fills.get(symbol)
        if fills is None:
            return
        fills.checkpoint = checkpoint
        fills.booked -= sum(fills.facts.pop(fact_id, None) is not None for fact_id in folded)

    async def raise_peaks(self, peaks: Mapping[str, Peak]) -> None:
        """Write new best prices of open positions, while they are the same positions."""
        for symbol, peak in peaks.items():
            ledger = self._board.ledgers.get(symbol)
            if ledger is not None and ledger.opened_ms == peak.opened_ms:
                self._fills[symbol].peak = peak
                self._board.ledgers[symbol] = ledger.model_copy(update={"peak_price": peak.price})

    # --- snapshots and holds -----------------------------------------------------------------------------------------

    async def write_snapshots(self, snapshots: Mapping[str, Snapshot], portfolio: Portfolio | None) -> None:
        """Write what the exchange says."""
        self._board.snapshots.update(snapshots)
        if portfolio is not None:
            self._board.portfolio = portfolio

    async def sources(self) -> set[str]:
        """Return from which exchanges the snapshots that stand were taken."""
        return {snapshot.source for snapshot in self._board.snapshots.values()}

    async def portfolio(self) -> Portfolio | None:
        """Return the portfolio as it was last written."""
        return self._board.portfolio

    async def stops(self, symbols: Iterable[str]) -> Mapping[str, Decimal]:
        """Return the trigger prices of the protective stops that stand."""
        stops = self._board.stops
        return {symbol: stops[symbol].trigger_price for symbol in symbols if symbol in stops}

    async def held(self) -> Mapping[str, Hold]:
        """Return the holds that stand."""
        return dict(self._board.holds)

    async def hold(self, symbol: str, hold: Hold | None, event: ReconcileEvent) -> None:
        """Write or lift a hold, and tell of it."""
        self._report(event)
        self._board.holds.pop(symbol, None)
        if hold is not None:
            self._board.holds[symbol] = hold

    # --- operators ---------------------------------------------------------------------------------------------------

    async def requests(self) -> Mapping[str, str]:
        """Return what operators ask."""
        return dict(self._requests)

    async def answer(self, symbol: str, request: str, event: ReconcileEvent | None, *, lift: bool) -> None:
        """Take a request away, with what is to be told of it, and lift the symbol's hold where `lift` says so."""
        if event is not None:
            self._report(event)
        if lift:
            self._board.holds.pop(symbol, None)
        if self._requests.get(symbol) == request:
            del self._requests[symbol]

    async def released(self) -> Mapping[str, int]:
        """Return when each symbol's hold was last released."""
        return dict(self._released)

    def _report(self, event: ReconcileEvent) -> None:
        self._board.tell(self._board.keys.reconcile_events, event)
        if event.kind == "released":
            self._released[event.symbol] = event.ts_ms
