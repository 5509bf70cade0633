"""The paper exchange in process: its engine, moved along the bars exactly as far as the account can notice.

A minute has four moments, as in a fast replay of the paper exchange: open, one extreme, the other, close. At so few
the mark price is the last price. A symbol is ticked moment by moment only in minutes in which that could do something
(`Engine.restless`). Before anything is asked of a symbol it is brought to the present, with the very book that the
replay would show.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from zlib import crc32

from quantum_common.exchange.port import FundingTerms
from services.paper_exchange.engine.book import Tick
from services.paper_exchange.engine.config import EngineConfig
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine_feed import engine_tick, rules_of
from services.paper_exchange.market.bars import MINUTE_MS
from services.paper_exchange.market.funding import FundingSchedule
from services.paper_exchange.market.intervals import HOUR_MS
from services.paper_exchange.market.quote import Quote
from services.paper_exchange.market.replay import ReplaySource

POINTS = 4
STEP_MS = MINUTE_MS // POINTS
KEPT = 500  # orders, trades and income rows, and a few for each symbol: all is read within minutes, funding at once


class Venue:
    """The market and the account. `now_ms` is the exchange's clock."""

    def __init__(
        self,
        source: ReplaySource,
        start_ms: int,
        balance: Decimal,
        now_ms: Callable[[], int],
        taker_fee: Decimal | None = None,
    ) -> None:
        """Given the files, where the market begins, the deposit and a taker's fee as a rate (None: the exchange's),
        stand at the first moment of that minute."""
        self._start_ms = self._minute_ms = start_ms
        self._point = 0
        self._now_ms = now_ms
        self.quotes = {
            listing.symbol: Quote(listing.symbol, source.bars[listing.symbol], start_ms, crc32(listing.symbol.encode()))
            for listing in source.listings
        }
        self._prices = {symbol: -quote.bars.price_decimals for symbol, quote in self.quotes.items()}
        rules = [rules_of(one, self.quotes[one.symbol]) for one in source.listings]
        if taker_fee is not None:
            rules = [replace(one, taker_fee=taker_fee) for one in rules]
        kept = KEPT + 8 * len(rules)
        self.engine = Engine(
            rules,
            EngineConfig(retained_orders=kept, retained_trades=kept, retained_income=kept, retained_algos=kept),
        )
        self._funding = {
            symbol: FundingSchedule(source.funding.get(symbol, []), crc32(symbol.encode())) for symbol in self.quotes
        }
        self._next_funding = {symbol: one.next_time_ms(start_ms) for symbol, one in self._funding.items()}
        self._funding_ms = min(self._next_funding.values())
        self.funding_terms = {symbol: self._terms(symbol) for symbol in self.quotes}
        self._booked: dict[str, int] = {}  # symbol → the moment whose book the engine has
        self._marked: dict[str, int] = {}  # and whose prices
        self._calm = False  # nothing was restless in this minute, and nobody came since
        if balance > 0:
            self.engine.transfer(balance, now_ms())

    # --- the present -------------------------------------------------------------------------------------------------

    @property
    def _moment(self) -> int:
        """Return how many moments have passed since the market began."""
        return (self._minute_ms - self._start_ms) // MINUTE_MS * POINTS + self._point

    def come(self, symbol: str) -> None:
        """Given a symbol that is about to be asked for something, bring its book and its prices to the present."""
        self._calm = False
        moment = self._moment
        if self._booked.get(symbol) == moment:
            return
        quote = self.quotes[symbol]
        quote.stand_at(quote.bars.index_at(self._minute_ms), self._point, POINTS, moment + 1)
        self.engine.on_tick(symbol, engine_tick(quote), self._now_ms())
        self._booked[symbol] = self._marked[symbol] = moment

    def mark(self) -> None:
        """Bring the prices of what is exposed to the present, without books: what this moment could do is done, or the
        stretch is calm."""
        moment, now_ms = self._moment, self._now_ms()
        for symbol in self.exposed():
            if self._marked.get(symbol) != moment:
                price = self.price(symbol)
                self.engine.on_tick(symbol, Tick((), (), price, price, price, price, price), now_ms)
                self._marked[symbol] = moment
                self._booked.pop(symbol, None)

    def price(self, symbol: str) -> Decimal:
        """Given a symbol, return its price at the present moment, last and mark alike."""
        bars = self.quotes[symbol].bars
        index = bars.index_at(self._minute_ms)
        opened, closed = bars.open[index], bars.close[index]
        rises = closed >= opened
        first, second = (bars.low[index], bars.high[index]) if rises else (bars.high[index], bars.low[index])
        return Decimal((opened, first, second, closed)[self._point]).scaleb(self._prices[symbol])

    def best(self, symbol: str, sign: int) -> Decimal:
        """Given a symbol and the sign of a position, return the best price of this minute for it."""
        low, high = self._range(symbol)
        return high if sign > 0 else low

    def exposed(self) -> list[str]:
        """Return the symbols on which the account has something."""
        return self.engine.exposed()

    # --- time --------------------------------------------------------------------------------------------------------

    def open_minute(self, minute_ms: int) -> bool:
        """Given the minute that follows, pay the funding that is due, and let its opening prices do what they do.
        Return whether a funding time has passed."""
        self._minute_ms, self._point, self._calm = minute_ms, 0, False
        funds = minute_ms >= self._funding_ms
        if funds:
            self._fund(minute_ms)
        for symbol in self.restless():
            self.come(symbol)
        return funds

    def stand(self, point: int, restless: Iterable[str]) -> None:
        """Given a later moment of the minute and the symbols on which it may do something, let it do that."""
        self._point = point
        for symbol in restless:
            self.come(symbol)

    @property
    def point(self) -> int:
        """Return which moment of the minute it is."""
        return self._point

    def restless(self) -> list[str]:
        """Return the symbols on which the prices of this minute may do something to the account but move its marks."""
        if self._calm:
            return []
        found = self.engine.restless({symbol: self._range(symbol) for symbol in self.exposed()})
        self._calm = not found
        return found

    def worth(self) -> tuple[float, float]:
        """Return equity and gross exposure at the prices of this moment, as statistics: the engine knows them exactly
        once its marks are brought here."""
        equity, gross = float(self.engine.account_row().wallet_balance), 0.0
        for symbol, amount, entry in self.engine.open_positions():
            price = float(self.price(symbol))
            equity += float(amount) * (price - float(entry))
            gross += abs(float(amount)) * price
        return equity, gross

    def _range(self, symbol: str) -> tuple[Decimal, Decimal]:
        bars, places = self.quotes[symbol].bars, self._prices[symbol]
        index = bars.index_at(self._minute_ms)
        return Decimal(bars.low[index]).scaleb(places), Decimal(bars.high[index]).scaleb(places)

    def _fund(self, minute_ms: int) -> None:
        for symbol, due_ms in self._next_funding.items():
            if due_ms <= minute_ms:
                schedule = self._funding[symbol]
                self._next_funding[symbol] = schedule.next_time_ms(minute_ms)
                self.engine.apply_funding(symbol, schedule.rate(due_ms), self.price(symbol), self._now_ms())
                self.funding_terms[symbol] = self._terms(symbol)
        self._funding_ms = min(self._next_funding.values())

    def _terms(self, symbol: str) -> FundingTerms:
        """Return what the exchange says of a symbol's next funding."""
        schedule = self._funding[symbol]
        rate = schedule.rate(self._next_funding[symbol])
        return FundingTerms(symbol, rate, schedule.interval_hours() * HOUR_MS)
