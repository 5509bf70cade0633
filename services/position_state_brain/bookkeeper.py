"""Keeps the ledgers: books each fact once, whatever way and in whatever order it comes, and folds anew at start."""

from dataclasses import dataclass, field
from decimal import Decimal

from quantum_common.clock import Clock
from quantum_common.exchange.outcome import Found, Unknown
from quantum_common.exchange.port import AccountPort, ExchangeUnavailable, FundingView, TradeView
from quantum_common.ids import ORDER_PREFIX, STOP_PREFIXES, plan_of
from quantum_common.log import Log
from quantum_common.messages import JournalEntry
from quantum_common.money import ZERO, plain
from quantum_common.state import Ledger
from services.position_state_brain.fold import Book, Checkpoint, Fact, FactKind, fill_side
from services.position_state_brain.ports import Booking, Store

FIRST_SYNC_MAX = 100_000  # trades of a symbol that are read where no trade of it is known yet
_FOREIGN_ORIGINS = (("autoclose-", "liquidation"), ("adl_autoclose", "adl"), ("settlement_autoclose-", "settlement"))


def origin_of(client_order_id: str) -> str:
    """Given an order's client id, return who it came from: plan, stop, liquidation, adl, settlement or foreign."""
    if client_order_id.startswith(ORDER_PREFIX):
        return "plan"
    if client_order_id.startswith(STOP_PREFIXES):
        return "stop"
    return next((name for prefix, name in _FOREIGN_ORIGINS if client_order_id.startswith(prefix)), "foreign")


@dataclass
class Bookkeeper:
    """The only writer of ledgers. All state that matters is in the store; the books are its copy in memory."""

    store: Store
    exchange: AccountPort
    clock: Clock
    log: Log
    facts_kept: int
    books: dict[str, Book] = field(default_factory=dict)
    verified: dict[str, int] = field(default_factory=dict)  # symbol → trade id up to which the exchange's list was read
    moved_ms: dict[str, int] = field(default_factory=dict)  # symbol → when a fact of it was last booked
    client_ids: dict[int, str] = field(default_factory=dict)  # order id → client id, where it was looked up

    async def recover(self) -> None:
        """Fold everything anew from the facts, and fill what a torn write left out of a ledger or the journal."""
        known = set(self.books)  # before the store is asked: what a snapshot begins meanwhile was not forgotten
        books = {symbol: await self._mended(symbol) for symbol in await self.store.symbols()}
        for symbol in known - books.keys():
            books[symbol] = await self._begin_again(symbol)
        begun = {symbol: book for symbol, book in self.books.items() if symbol not in known}
        self.books, self.verified = {**begun, **books}, {}  # a Redis that forgot facts must be told them again

    async def begin(self, symbol: str, since_ms: int) -> Book:
        """Return a symbol's book; one that is seen for the first time begins flat at the exchange's time `since_ms`."""
        book = self.books.get(symbol)
        if book is None:
            await self.store.begin(symbol, Checkpoint.begin(since_ms), Ledger.flat())
            book = self.books[symbol] = (await self.store.book(symbol)).book
        return book

    async def _begin_again(self, symbol: str) -> Book:
        """Redis forgot a symbol that we know: begin it where it began, so that the exchange's list fills it again."""
        self.log.error("redis forgot a ledger; it is told again by the exchange", symbol=symbol)
        since_ms = self.books[symbol].checkpoint.since_ms
        await self.store.begin(symbol, Checkpoint.begin(since_ms), Ledger.flat())
        return (await self.store.book(symbol)).book

    async def book_trade(self, trade: TradeView) -> bool:
        """Book one trade of the exchange. Return False where it is counted already."""
        book = self.books.get(trade.symbol)
        if book is None:
            book = await self.begin(trade.symbol, trade.trade_ms)
        fact_id = str(trade.trade_id)
        if book.knows(fact_id, trade.trade_id, trade.trade_ms):
            return False
        client_id = trade.client_order_id or await self._client_id(trade)
        fact = Fact(
            kind=FactKind.FILL, fact_id=fact_id, trade_id=trade.trade_id, order_id=trade.order_id,
            plan_id=plan_of(client_id) or "", client_order_id=client_id, origin=origin_of(client_id),
            qty=trade.side.sign * trade.qty, price=trade.price, fee=trade.fee, realized_pnl=trade.realized_pnl,
            funding=ZERO, time_ms=trade.trade_ms, seq=0,
        )  # fmt: skip
        return await self.write(trade.symbol, fact, cause=f"trade {trade.trade_id}")

    async def book_funding(self, payment: FundingView) -> bool:
        """Book one funding payment. Return False where it is counted already."""
        book = self.books.get(payment.symbol)
        fact_id = f"f{payment.income_id}"
        if book is None or book.knows(fact_id, 0, payment.time_ms):
            return False
        fact = Fact(
            kind=FactKind.FUNDING, fact_id=fact_id, trade_id=0, order_id=None, plan_id="", client_order_id="",
            origin="funding", qty=ZERO, price=ZERO, fee=ZERO, realized_pnl=ZERO, funding=payment.amount,
            time_ms=payment.time_ms, seq=0,
        )  # fmt: skip
        return await self.write(payment.symbol, fact, cause="funding")

    async def write(self, symbol: str, fact: Fact, cause: str) -> bool:
        """Write a fact and what follows from it. A conflict means that our copy is old: read it anew and try again,
        except with an adjustment, which is the difference to a ledger that is no more. Return whether it was booked."""
        while True:
            book = self.books[symbol]
            if fact.fact_id in book.facts:
                return False
            fact = fact.model_copy(update={"seq": book.seq + 1})
            now_ms = self.clock.now_ms()
            folded = book.with_fact(fact)
            ledger = book.ledger(folded, "", now_ms - fact.time_ms, now_ms)
            entry = journal_entry(symbol, fact, ledger, cause, now_ms)
            booking, journal_id = await self.store.write_fact(symbol, fact, entry, ledger, book.journal_id)
            if booking is Booking.BOOKED:
                book.add(fact, journal_id)
                self.moved_ms[symbol] = now_ms
                self.log.info(
                    "ledger updated", symbol=symbol, kind=fact.kind, order_id=fact.order_id, plan_id=fact.plan_id,
                    origin=fact.origin, position_amt=plain(ledger.position_amt), lag_ms=now_ms - fact.time_ms,
                )  # fmt: skip
                return True
            if booking is Booking.GONE:
                self.books[symbol] = await self._begin_again(symbol)
                self.verified.pop(symbol, None)
            else:
                self.books[symbol] = await self._mended(symbol)
            if booking is Booking.KNOWN or fact.kind is FactKind.ADJUSTMENT:
                return False  # counted already, or measured against a ledger that has moved

    def booked_qty(self, symbol: str, order_id: int) -> Decimal:
        """Return how much of an order was booked so far, in base asset."""
        book = self.books.get(symbol)
        return book.booked_qty(order_id) if book else ZERO

    async def sync(self, symbol: str) -> int:
        """Book the exchange's own list of trades from the last verified id on. Return how many were missing.

        Raise ExchangeUnavailable where the list cannot be read: a list that failed is not an empty one.
        """
        book = self.books.get(symbol)
        if book is None:
            return 0  # nothing is known of it before its first snapshot, which adopts what is there
        verified = self.verified  # a recovery meanwhile makes a new one, and this reading then proves nothing
        last = max(verified.get(symbol, 0), book.checkpoint.high_water)
        trades = await self.exchange.trades(symbol, last + 1 if last else None, FIRST_SYNC_MAX)
        missing = 0
        for trade in trades:
            missing += await self.book_trade(trade)
        if trades:
            verified[symbol] = max(last, trades[-1].trade_id)
        await self._compact(self.books[symbol])
        return missing

    async def _client_id(self, trade: TradeView) -> str:
        """Look up whose order a trade belongs to, where the exchange's list does not say it."""
        known = self.client_ids.get(trade.order_id)
        if known is not None:
            return known
        lookup = await self.exchange.order_by_id(trade.symbol, trade.order_id)
        if isinstance(lookup, Unknown):
            raise ExchangeUnavailable(f"order {trade.order_id}: {lookup.cause}")
        client_id = lookup.order.client_order_id if isinstance(lookup, Found) else ""
        if len(self.client_ids) > 10_000:
            self.client_ids.clear()
        self.client_ids[trade.order_id] = client_id
        return client_id

    async def _compact(self, book: Book) -> None:
        checkpoint = book.compact(self.facts_kept, self.verified.get(book.symbol, 0))
        if checkpoint is None:
            return
        await self.store.compact(
            book.symbol, checkpoint, [fact_id for fact_id, fact in book.facts.items() if checkpoint.covers(fact)]
        )
        self.books[book.symbol] = (await self.store.book(book.symbol)).book

    async def rebuild(self, symbol: str) -> list[str]:
        """Write a ledger anew from its facts, and have the exchange's list read again from the checkpoint on.

        Return the names of the fields that were not the fold.
        """
        self.books[symbol], changed = await self._mend(symbol, anew=True)
        self.verified.pop(symbol, None)
        return changed

    async def _mended(self, symbol: str) -> Book:
        """Read a symbol's book, and make its ledger the fold of its facts where it is not: the facts are right."""
        book, changed = await self._mend(symbol, anew=False)
        if changed:
            self.log.warning("a ledger was not the fold of its facts; written anew", symbol=symbol, changed=changed)
        return book

    async def _mend(self, symbol: str, *, anew: bool) -> tuple[Book, list[str]]:
        """Write a ledger that is not whole or not the fold of its facts, or `anew` any; return its book and what was
        wrong. Only the newest fact can lack its journal entry: a torn write is mended before the next one is booked.
        """
        while True:
            shelf = await self.store.book(symbol)
            book, standing, now_ms = shelf.book, shelf.ledger, self.clock.now_ms()
            lag_ms = standing.lag_ms if standing else None
            folded = book.ledger(book.folded, book.journal_id, lag_ms, standing.updated_ms if standing else now_ms)
            changed = differing(standing, folded) or ([] if shelf.whole else ["booked"])
            if not changed and not anew:
                return book, []
            newest = max(book.facts.values(), key=lambda fact: fact.seq, default=None)
            told = await self.store.journaled(symbol, newest.fact_id) if newest else book.journal_id
            if not told and shelf.whole:
                told = book.journal_id  # so long ago that the search did not reach it
            entry = journal_entry(symbol, newest, folded, "recovered", now_ms) if newest and not told else None
            if await self.store.mend_ledger(shelf, folded, told, entry):
                return (await self.store.book(symbol)).book, changed


def differing(standing: Ledger | None, folded: Ledger) -> list[str]:
    """Given the ledger that stands and the one that should, return the names of the fields that differ."""
    if standing is None:
        return ["ledger"]
    return [name for name in Ledger.model_fields if getattr(standing, name) != getattr(folded, name)]


def journal_entry(symbol: str, fact: Fact, ledger: Ledger, cause: str, now_ms: int) -> JournalEntry:
    """Given a fact and the ledger after it, return what the journal tells."""
    fill = fact.kind is FactKind.FILL
    return JournalEntry(
        kind=fact.kind.value,
        symbol=symbol,
        trade_id=fact.fact_id,
        order_id=fact.order_id,
        plan_id=fact.plan_id,
        client_order_id=fact.client_order_id,
        side=fill_side(fact),
        qty=abs(fact.qty),
        price=fact.price or None,
        fee=fact.fee if fill else None,
        realized_pnl=fact.realized_pnl if fill else None,
        funding=fact.funding if fact.kind is FactKind.FUNDING else None,
        position_amt=ledger.position_amt,
        avg_entry_price=ledger.avg_entry_price,
        origin=fact.origin,
        trade_ms=fact.time_ms,
        lag_ms=now_ms - fact.time_ms,
        cause=cause,
        ts_ms=now_ms,
    )
