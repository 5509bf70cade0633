"""Makes the ledger follow the exchange where they differ, in bounded steps: named, held, adopted, healed, or halted."""

from dataclasses import dataclass, field
from decimal import Decimal

from quantum_common.clock import HOUR_MS, Clock
from quantum_common.exchange.port import AccountPort, ExchangeUnavailable, PositionView
from quantum_common.log import Log
from quantum_common.messages import ReconcileEvent
from quantum_common.money import ZERO, plain
from quantum_common.state import Hold
from services.position_state_brain.bookkeeper import Bookkeeper
from services.position_state_brain.fold import Book, Fact, FactKind
from services.position_state_brain.ports import Store
from services.position_state_brain.reconcile import Cause, Drift, Step, cause_of, judge
from services.position_state_brain.settings import P33Settings

DRIFT = "ledger_drift"
REPEATS = "drift_repeats"
_MEANINGS = {
    Cause.BEFORE_US: "the position stood when the ledger began",
    Cause.UNKNOWN: "no trade of the exchange explains the difference",
}


@dataclass
class Drifts:
    """Compares, and takes the next step. `opening` is what stood on the exchange when a ledger began in our time."""

    store: Store
    exchange: AccountPort
    books: Bookkeeper
    clock: Clock
    log: Log
    settings: P33Settings
    seen: dict[str, Drift] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    opening: dict[str, Decimal] = field(default_factory=dict)
    released_ms: dict[str, int] = field(default_factory=dict)

    async def recover(self) -> None:
        """Take up the holds as they stand, and when operators last released some."""
        self.holds = dict(await self.store.held())
        self.released_ms = dict(await self.store.released())

    async def reconcile(self, view: PositionView) -> None:
        """Compare one symbol and take the next step, if any."""
        symbol, book = view.symbol, self.books.books.get(view.symbol)
        if book is None:
            return  # Redis was read anew meanwhile, and does not know the symbol: the next cycle begins it
        exchange_amt, ledger_amt = view.position_amt, book.folded.position_amt
        hold = self.holds.get(symbol)
        if exchange_amt == ledger_amt and hold is None:
            self.seen.pop(symbol, None)
            return
        now_ms = self.clock.now_ms()
        judgement = judge(
            exchange_amt, ledger_amt, self.seen.get(symbol), held=hold is not None,
            quiet=await self._is_quiet(view, now_ms), adopt_after=self.settings.p33_adopt_after, now_ms=now_ms,
            may_adopt=await self._may_adopt(book), halted=hold is not None and hold.reason == REPEATS,
        )  # fmt: skip
        if judgement.drift is None:
            self.seen.pop(symbol, None)
        else:
            self.seen[symbol] = judgement.drift
        match judgement.step:
            case Step.NOTHING:
                return
            case Step.FETCH_TRADES:
                await self._fetch(symbol)
            case Step.HOLD:
                await self._hold(view, book, now_ms)
            case Step.ADOPT:
                await self._adopt(view, book, ledger_amt, now_ms)
            case Step.HALT:
                await self._halt(view, ledger_amt, now_ms)
            case Step.HEAL:
                await self._heal(symbol, exchange_amt, now_ms)

    def released(self, symbol: str, now_ms: int) -> None:
        """An operator has lifted a hold: the symbol is watched anew, and its earlier adoptions do not count."""
        self.holds.pop(symbol, None)
        self.seen.pop(symbol, None)
        self.released_ms[symbol] = now_ms

    async def _is_quiet(self, view: PositionView, now_ms: int) -> bool:
        """Return whether neither side moved of late, and nothing is under way. The exchange's clock is near ours."""
        moved_ms = max(self.books.moved_ms.get(view.symbol, 0), min(view.update_ms, now_ms))
        if now_ms - moved_ms < self.settings.p33_quiet_ms:
            return False
        return not await self.store.under_way(view.symbol, now_ms)

    async def _may_adopt(self, book: Book) -> bool:
        """Return whether the symbol was not adopted too often in the last hour, or since it was released."""
        since_ms = max(await self.exchange.server_time_ms() - HOUR_MS, self.released_ms.get(book.symbol, 0))
        return len([one for one in _adjustments(book) if one.time_ms > since_ms]) < self.settings.p33_adoptions_hour_max

    async def _fetch(self, symbol: str) -> None:
        """Book the trades that the exchange knows and we do not. Where they cannot be read, the drift starts anew."""
        try:
            await self.books.sync(symbol)
        except ExchangeUnavailable as error:
            self.seen.pop(symbol, None)
            self.log.warning("trades cannot be read now", symbol=symbol, error=error.cause)

    def _cause(self, view: PositionView, book: Book) -> Cause:
        return cause_of(
            view.position_amt - book.folded.position_amt, opening=self.opening.get(view.symbol),
            changed_ms=view.update_ms, since_ms=book.checkpoint.since_ms, adjusted=bool(_adjustments(book)),
        )  # fmt: skip

    async def _hold(self, view: PositionView, book: Book, now_ms: int) -> None:
        ledger_amt, cause = book.folded.position_amt, self._cause(view, book)
        await self._keep(view, ledger_amt, DRIFT, cause, _MEANINGS[cause], now_ms)
        self.log.error(
            "ledger drift", symbol=view.symbol, exchange=plain(view.position_amt), ledger=plain(ledger_amt), cause=cause
        )

    async def _halt(self, view: PositionView, ledger_amt: Decimal, now_ms: int) -> None:
        """Stop adopting: what differs again and again is for a person to look at."""
        often = self.settings.p33_adoptions_hour_max
        details = f"adopted {often} times within an hour; quantum reconcile release {view.symbol} goes on"
        await self._keep(view, ledger_amt, REPEATS, Cause.REPEATS, details, now_ms)
        self.log.error(
            "drift repeats: the symbol is halted until it is released", alarm=REPEATS, symbol=view.symbol,
            exchange=plain(view.position_amt), ledger=plain(ledger_amt), adoptions=often,
        )  # fmt: skip

    async def _keep(
        self, view: PositionView, ledger_amt: Decimal, reason: str, cause: Cause, details: str, now_ms: int
    ) -> None:
        symbol = view.symbol
        hold = Hold(
            reason=reason, exchange_position_amt=view.position_amt, ledger_position_amt=ledger_amt, since_ms=now_ms,
            details=f"{cause}: {details}",
        )  # fmt: skip
        self.holds[symbol] = hold
        event = event_of("held", symbol, view.position_amt, ledger_amt, cause, now_ms, details)
        await self.store.hold(symbol, hold, event)

    async def _adopt(self, view: PositionView, book: Book, ledger_amt: Decimal, now_ms: int) -> None:
        """Make the ledger agree with the exchange by a journalled adjustment that names its cause."""
        symbol, cause = view.symbol, self._cause(view, book)
        time_ms = await self.exchange.server_time_ms()
        if self.books.books.get(symbol) is not book or book.folded.position_amt != ledger_amt:
            return  # facts came while this was judged: the next snapshot compares anew
        adjustment = Fact(
            kind=FactKind.ADJUSTMENT, fact_id=f"a{time_ms}-{book.seq + 1}", trade_id=0, order_id=None, plan_id="",
            client_order_id="", origin="adopted", qty=view.position_amt - ledger_amt, price=view.entry_price, fee=ZERO,
            realized_pnl=ZERO, funding=ZERO, time_ms=time_ms, seq=0,
        )  # fmt: skip
        if await self.books.write(symbol, adjustment, cause=cause):
            event = event_of("adopted", symbol, view.position_amt, ledger_amt, cause, now_ms, _MEANINGS[cause])
            await self.store.hold(symbol, self.holds.get(symbol), event)

    async def _heal(self, symbol: str, amt: Decimal, now_ms: int) -> None:
        del self.holds[symbol]
        await self.store.hold(symbol, None, event_of("healed", symbol, amt, amt, Cause.AGREEMENT, now_ms))
        self.log.info("ledger and exchange agree again", symbol=symbol, position_amt=plain(amt))


def _adjustments(book: Book) -> list[Fact]:
    return [fact for fact in book.facts.values() if fact.kind is FactKind.ADJUSTMENT]


def event_of(
    kind: str, symbol: str, exchange_amt: Decimal, ledger_amt: Decimal, cause: Cause, now_ms: int, details: str = ""
) -> ReconcileEvent:
    """Return one entry of reconcile.events."""
    return ReconcileEvent(
        kind=kind, symbol=symbol, exchange_position_amt=exchange_amt, ledger_position_amt=ledger_amt,
        cause=cause, details=details, ts_ms=now_ms,
    )  # fmt: skip
