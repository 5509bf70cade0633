"""P3.3's loop bodies: plans in, permits out; results in, trades expected; the exchange's events in, facts booked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from quantum_common.clock import DAY_MS, Clock
from quantum_common.exchange.port import (
    AccountPort,
    Connected,
    ExchangeUnavailable,
    LeverageChanged,
    PositionChanged,
    Traded,
    TradeView,
    WalletChanged,
)
from quantum_common.log import Log
from quantum_common.messages import Action, Decision, Plan, Result
from quantum_common.money import plain
from quantum_common.stream import Message
from services.position_state_brain.bookkeeper import Bookkeeper
from services.position_state_brain.decide import Limits, decide, needs_fresh_position
from services.position_state_brain.drifts import Drifts
from services.position_state_brain.ports import Store
from services.position_state_brain.requests import Requests
from services.position_state_brain.settings import P33Settings
from services.position_state_brain.watch import Watch

RESERVE_MARGIN_MS = 15_000  # how long after its expiry a plan that was sent may still be without its result
EXPECT_FOR_MS = 60_000  # how long the exchange's list may lag behind a result before that is only a warning
EXPECT_PAUSES_MS = (5, 20, 50, 100, 200, 400, 800)  # a fill that the stream is about to bring is not worth a request


@dataclass
class PositionStateBrain:
    """Permits plans and keeps the books."""

    store: Store
    exchange: AccountPort
    clock: Clock
    log: Log
    settings: P33Settings
    unread: dict[str, None] = field(
        default_factory=dict
    )  # symbols whose trades are to be read again, oldest wish first
    active: set[str] = field(default_factory=set)  # symbols that traded since their trades were last read
    _synced_ms: int = 0
    _funding_ms: int = 0

    def __post_init__(self) -> None:
        self.books = Bookkeeper(self.store, self.exchange, self.clock, self.log, self.settings.p33_facts_kept)
        self.drifts = Drifts(self.store, self.exchange, self.books, self.clock, self.log, self.settings)
        self.watch = Watch(self.store, self.exchange, self.books, self.drifts, self.clock, self.log, self.settings)
        self.requests = Requests(self.store, self.books, self.drifts, self.clock, self.log)
        self._allowlist = frozenset(self.settings.p33_allowlist)

    def take_up(self, settings: P33Settings) -> None:
        """Follow new settings from the next plan and the next cycle on."""
        self.settings = self.drifts.settings = settings
        self.books.facts_kept = settings.p33_facts_kept
        self.watch.take_up(settings)
        self._allowlist = frozenset(settings.p33_allowlist)

    async def recover(self) -> None:
        """Fold the ledgers anew; then everything is read from the exchange again, before the first permit."""
        await self.watch.recover()
        await self.books.recover()
        # What was read of the exchange for an earlier Redis proves nothing for this one, not even a reading under way.
        self.watch.drifts.seen.clear()
        self.unread = {}
        self._read_again(self.books.books)

    # --- plans and results -----------------------------------------------------------------------------------------

    async def handle_plan(self, message: Message) -> None:
        """Permit or refuse one plan."""
        plan = message.read(Plan)
        if plan.decision is Decision.BLOCKED:
            await self.store.acknowledge(message)
            return
        seen = await self.store.position(plan.symbol)
        limits = await self._limits(plan.symbol)
        if needs_fresh_position(plan, seen, limits, self.clock.now_ms()) and self.clock.now_ms() < plan.expires_ms:
            await self.watch.fresh(plan.symbol)
            seen = await self.store.position(plan.symbol)
        while True:
            permit = decide(plan, seen, limits, self.clock.now_ms())
            reserve_until_ms = plan.expires_ms + RESERVE_MARGIN_MS if plan.action is not Action.UPDATE_SL else 0
            if await self.store.permit(plan, permit, message, reserve_until_ms):
                return
            seen = await self.store.position(plan.symbol)

    async def handle_result(self, message: Message) -> None:
        """A result says which order to expect and how much of it: have it booked, then the symbol is free again."""
        result = message.read(Result)
        if result.order_id is not None and result.filled_qty > 0:
            self.active.add(result.symbol)
            await self._expect(result, result.order_id)
        await self.store.settle(result, message)

    async def _expect(self, result: Result, order_id: int) -> None:
        """Wait a moment for the stream to bring an order's trades; where it does not, read the exchange's list."""
        symbol, qty = result.symbol, result.filled_qty
        if symbol not in self.books.books:
            return  # Redis forgot the symbol: its first snapshot adopts the position
        for pause_ms in EXPECT_PAUSES_MS:
            if self.books.booked_qty(symbol, order_id) >= qty:
                return
            await self.clock.sleep_ms(pause_ms)
        missing = await self.books.sync(symbol)
        booked = self.books.booked_qty(symbol, order_id)
        if booked >= qty:
            self.log.warning("the stream did not bring a fill; read from the exchange", symbol=symbol, count=missing)
        elif self.clock.now_ms() - result.ts_ms < EXPECT_FOR_MS:
            raise ExchangeUnavailable(f"{symbol}: order {order_id} filled {qty}, its trades show {booked} so far")
        else:  # booked long ago and folded away, or before our time; a real difference shows in the next snapshot
            self.log.warning("no trades of an old result", symbol=symbol, order_id=order_id, booked=plain(booked))

    async def _limits(self, symbol: str) -> Limits:
        rules = (await self.exchange.rules()).get(symbol)
        step = rules.step_size if rules else Decimal("0.00000001")
        return Limits(symbol in self._allowlist, self.settings.p33_stale_after_ms, step)

    # --- the exchange ----------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Take one event of the user data stream."""
        event = await self.exchange.next_event()
        match event:
            case Traded(trade):
                self.active.add(trade.symbol)
                await self._book(trade)
            case PositionChanged():
                await self.watch.position_changed(event)
            case WalletChanged(_, reason):
                self.watch.wallet_changed(event)
                if reason == "FUNDING_FEE":
                    self._funding_ms = 0
            case LeverageChanged():
                pass  # the next snapshot says it
            case Connected():
                self._read_again(sorted(self.active))
                self._read_again(self.books.books)
            case _:
                assert_never(event)

    async def _book(self, trade: TradeView) -> None:
        """Book a trade of the stream; what cannot be booked now is read again from the exchange's list."""
        booked = False
        try:
            await self.books.book_trade(trade)
            booked = True
        except ExchangeUnavailable as error:
            self.log.warning("a trade waits for the exchange's list", symbol=trade.symbol, error=error.cause)
        finally:
            if not booked:
                self._read_again([trade.symbol])

    async def snapshot(self) -> None:
        """One snapshot cycle, and before it what operators ask."""
        self._read_again(await self.requests.answer())
        await self.watch.cycle()

    async def sync(self) -> None:
        """Read the exchange's own lists where something may have been missed, or their time has come: they are the
        truth. One symbol a step, so that a reconnect with many symbols leaves the rate budget to others."""
        now_ms = self.clock.now_ms()
        if now_ms - self._synced_ms >= self.settings.p33_trades_every_ms:
            self._synced_ms = now_ms
            self._read_again(sorted(self.active))
            self.active.clear()
        symbol = next(iter(self.unread), None)
        if symbol is not None:
            await self._read_trades(symbol)
        if now_ms - self._funding_ms >= self.settings.p33_trades_every_ms:
            self._funding_ms = now_ms
            await self._sync_funding(now_ms)

    def _read_again(self, symbols: Iterable[str]) -> None:
        self.unread.update(dict.fromkeys(symbols))

    async def _read_trades(self, symbol: str) -> None:
        """Read one symbol's trades; it leaves the list only once that has worked."""
        unread = self.unread  # a recovery meanwhile makes a new one
        try:
            missing = await self.books.sync(symbol)
        except ExchangeUnavailable as error:
            self.log.warning("trades cannot be read now; trying again", symbol=symbol, error=error.cause)
            await self.clock.sleep_ms(error.retry_after_ms)
            return
        unread.pop(symbol, None)
        if missing:
            self.log.warning("trades that the stream did not bring were booked", symbol=symbol, count=missing)

    async def _sync_funding(self, now_ms: int) -> None:
        """Book the funding payments of the last two days that are not booked yet."""
        since_ms = now_ms - 2 * DAY_MS
        try:
            for payment in await self.exchange.funding(since_ms):
                await self.books.book_funding(payment)
        except ExchangeUnavailable as error:
            self.log.warning("funding cannot be read now", error=error.cause)
