"""Watches the exchange: snapshots of every symbol in one account call, and the portfolio."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from quantum_common.clock import Clock
from quantum_common.exchange.port import (
    AccountPort,
    ConfigurationRefused,
    ExchangeUnavailable,
    PositionChanged,
    PositionView,
    WalletChanged,
)
from quantum_common.log import Log
from quantum_common.money import ZERO
from quantum_common.state import Portfolio, PositionSide, Snapshot, iso
from services.position_state_brain.bookkeeper import Bookkeeper
from services.position_state_brain.drifts import Drifts
from services.position_state_brain.fold import Peak
from services.position_state_brain.portfolio import PortfolioLimits, measure
from services.position_state_brain.ports import Store
from services.position_state_brain.settings import P33Settings


@dataclass
class Watch:
    """Writes what the exchange says, and has the ledger compared with it."""

    store: Store
    exchange: AccountPort
    books: Bookkeeper
    drifts: Drifts
    clock: Clock
    log: Log
    settings: P33Settings
    views: dict[str, PositionView] = field(default_factory=dict)
    wallet: Decimal | None = None
    peak_equity: Decimal = ZERO
    _wallet_read_ms: int = 0

    def __post_init__(self) -> None:
        self._source = self.settings.quantum_env.source
        self.take_up(self.settings)

    def take_up(self, settings: P33Settings) -> None:
        """Measure the portfolio by these settings from now on."""
        self.settings = settings
        self._limits = PortfolioLimits(settings.p33_exposure_cap_usd, settings.p33_unstopped_risk_pct / Decimal(100))

    async def recover(self) -> None:
        """Take up the peak equity and the holds as they stand. Raise ConfigurationRefused where what stands in Redis
        was taken from another exchange: paper positions and real ones must never meet."""
        others = await self.store.sources() - {self._source}
        if others:
            raise ConfigurationRefused(
                f"redis holds snapshots of {', '.join(sorted(others))} and this is {self._source}: "
                "give each environment a Redis of its own"
            )
        portfolio = await self.store.portfolio()
        self.peak_equity = portfolio.peak_equity_usd if portfolio else ZERO
        await self.drifts.recover()

    async def cycle(self) -> None:
        """One snapshot cycle: one account call, whatever the number of symbols."""
        try:
            rows = await self.exchange.positions()
            await self._read_wallet()
        except ExchangeUnavailable as error:
            self.log.warning("no snapshot now; entries wait", error=error.cause)
            await self.clock.sleep_ms(error.retry_after_ms)
            return
        await self.take(rows)
        for symbol in [row.symbol for row in rows]:
            await self.drifts.reconcile(self.views[symbol])

    async def take(self, rows: Sequence[PositionView]) -> None:
        """Write the snapshots of an account call. A row older than a pushed change keeps the change."""
        now_ms = self.clock.now_ms()
        since_ms = await self.exchange.server_time_ms()
        for row in rows:
            known = self.views.get(row.symbol)
            self.views[row.symbol] = row if known is None else newer(known, row)
            if row.symbol not in self.books.books:
                await self.books.begin(row.symbol, since_ms)
                self.drifts.opening[row.symbol] = row.position_amt
        await self._write([row.symbol for row in rows], now_ms)
        await self._raise_peaks()

    async def fresh(self, symbol: str) -> None:
        """Read the exchange for an exit that must not wait for the next cycle. Raise ExchangeUnavailable."""
        await self.take([row for row in await self.exchange.positions() if row.symbol == symbol])
        if symbol not in self.views:
            self.log.warning("the exchange does not list this symbol", symbol=symbol)

    async def position_changed(self, change: PositionChanged) -> None:
        """Take over a pushed change of a position."""
        known = self.views.get(change.symbol)
        if known is None or change.event_ms < known.update_ms:
            return
        self.views[change.symbol] = PositionView(
            symbol=change.symbol,
            position_amt=change.position_amt,
            entry_price=change.entry_price,
            mark_price=known.mark_price,
            unrealized_pnl=change.unrealized_pnl,
            leverage=known.leverage,
            liquidation_price=known.liquidation_price if change.position_amt else ZERO,
            update_ms=change.event_ms,
        )
        await self._write_views([change.symbol], self.clock.now_ms(), None)

    def wallet_changed(self, change: WalletChanged) -> None:
        """Take over a pushed wallet balance."""
        self.wallet = change.balance

    async def _read_wallet(self) -> None:
        now_ms = self.clock.now_ms()
        if self.wallet is None or now_ms - self._wallet_read_ms >= self.settings.p33_wallet_every_ms:
            self.wallet = await self.exchange.wallet_balance()
            self._wallet_read_ms = now_ms

    async def _write(self, symbols: Sequence[str], now_ms: int) -> None:
        """Write snapshots and the portfolio. Taken after the last read, so that a change pushed meanwhile stays."""
        names = [view.symbol for view in self.views.values() if view.position_amt]
        stops = await self.store.stops(names) if names else {}
        portfolio = None
        if self.wallet is not None:
            views = [view for view in self.views.values() if view.position_amt]
            portfolio = measure(self.wallet, views, stops, self.peak_equity, self._limits, now_ms)
            self.peak_equity = portfolio.peak_equity_usd
        await self._write_views(symbols, now_ms, portfolio)

    async def _write_views(self, symbols: Sequence[str], now_ms: int, portfolio: Portfolio | None) -> None:
        """Write what is known of these symbols, and once more what changed meanwhile: of two writes that are under way
        at once, the older may arrive last."""
        left = list(symbols)
        while left:
            written = {symbol: self.views[symbol] for symbol in left}
            snapshots = {symbol: snapshot_of(view, now_ms, self._source) for symbol, view in written.items()}
            await self.store.write_snapshots(snapshots, portfolio)
            left, portfolio = [symbol for symbol, view in written.items() if self.views[symbol] is not view], None
            now_ms = self.clock.now_ms()

    async def note_price(self, symbol: str, mark_price: Decimal) -> None:
        """Note a mark price that was seen between two snapshots, where it is the best one of an open position."""
        peak = self._bettered(symbol, mark_price)
        if peak is not None:
            await self.store.raise_peaks({symbol: peak})

    async def _raise_peaks(self) -> None:
        """Note new best mark prices of open positions."""
        peaks = {}
        for symbol, view in self.views.items():
            peak = self._bettered(symbol, view.mark_price)
            if peak is not None:
                peaks[symbol] = peak
        if peaks:
            await self.store.raise_peaks(peaks)

    def _bettered(self, symbol: str, mark_price: Decimal) -> Peak | None:
        """Given a mark price, return it as the new peak of its symbol's position, None where it is not better."""
        book = self.books.books.get(symbol)
        if book is None or mark_price <= 0:
            return None
        folded = book.folded
        if folded.opened_ms is None or folded.peak_price is None:
            return None
        known = book.peak.price if book.peak and book.peak.opened_ms == folded.opened_ms else folded.peak_price
        if not (mark_price > known if folded.position_amt > 0 else mark_price < known):
            return None
        book.peak = Peak(opened_ms=folded.opened_ms, price=mark_price)
        return book.peak


def newer(known: PositionView, row: PositionView) -> PositionView:
    """Given what is known and a row of an account call, return the row, but keep a change that is younger than it.

    A push bears the time of the event, which is a little after that of the change which the row bears: where both say
    the same quantity there is nothing to keep.
    """
    if row.update_ms >= known.update_ms:
        return row
    if row.position_amt == known.position_amt:
        return replace(row, update_ms=known.update_ms)
    pnl = (row.mark_price - known.entry_price) * known.position_amt
    return PositionView(
        symbol=row.symbol,
        position_amt=known.position_amt,
        entry_price=known.entry_price,
        mark_price=row.mark_price,
        unrealized_pnl=pnl,
        leverage=row.leverage,
        liquidation_price=known.liquidation_price,
        update_ms=known.update_ms,
    )


def snapshot_of(view: PositionView, now_ms: int, source: str) -> Snapshot:
    """Given a position, return the snapshot's record."""
    return Snapshot(
        position_amt=view.position_amt,
        side=PositionSide.of(view.position_amt),
        entry_price=view.entry_price,
        mark_price=view.mark_price,
        unrealized_pnl=view.unrealized_pnl,
        leverage=view.leverage,
        liquidation_price=view.liquidation_price,
        ts_epoch=now_ms // 1000,
        ts_iso=iso(now_ms),
        ts_ms=now_ms,
        source=source,
    )
