"""The market: every symbol's present, moved along one clock, as a stream of events."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, Protocol
from zlib import crc32

from services.paper_exchange.market.bars import MINUTE_MS, Bar, MinuteBars, join
from services.paper_exchange.market.catalogue import Listing
from services.paper_exchange.market.clock import MarketClock
from services.paper_exchange.market.csv_files import FundingRow
from services.paper_exchange.market.funding import FundingSchedule
from services.paper_exchange.market.intervals import DAY_MS, interval_bounds
from services.paper_exchange.market.quote import Quote

TICK_MS = 250  # of wall time between two ticks of a symbol, at least
TICKS_A_SECOND_MAX = 240  # of all symbols together; more symbols tick more seldom
POINTS_MIN, POINTS_MAX = 4, 240  # ticks inside one minute bar


class Source(Protocol):
    """Where bars come from."""

    bars: dict[str, MinuteBars]
    end_ms: int | None

    def extend_to(self, market_ms: int) -> None:
        """Given a market time, make sure that the bars reach it, where that can be."""


class Tick(NamedTuple):
    """A symbol has a new last price."""

    quote: Quote


class BarClosed(NamedTuple):
    """A minute of a symbol is over."""

    symbol: str
    bar: Bar


class FundingDue(NamedTuple):
    """A symbol's funding time has come."""

    symbol: str
    time_ms: int
    rate: Decimal


class MarketEnded(NamedTuple):
    """The files have no further bar; prices stay as they are."""

    market_ms: int


MarketEvent = Tick | BarClosed | FundingDue | MarketEnded


@dataclass(slots=True)
class MarketPosition:
    """What has to be kept for the market to go on where it was."""

    identity: str
    origin_ms: int
    market_ms: int
    paused: bool = False
    offsets: dict[str, int] = field(default_factory=dict)


class Market:
    """Every symbol's present. Times it is given are wall time; bars bear market time."""

    def __init__(
        self,
        source: Source,
        listings: tuple[Listing, ...],
        clock: MarketClock,
        funding: dict[str, list[FundingRow]],
        offsets: dict[str, int] | None = None,
    ) -> None:
        source.extend_to(clock.market_ms)
        self.clock = clock
        self.ended = False
        self._source = source
        self.listings = {listing.symbol: listing for listing in listings}
        self.quotes: dict[str, Quote] = {}
        self.funding: dict[str, FundingSchedule] = {}
        self._next_funding: dict[str, int] = {}
        rate = min(1000 // TICK_MS, TICKS_A_SECOND_MAX // len(listings) or 1)
        points = rate * MINUTE_MS // (1000 * clock.speed)
        self._points = min(max(points, POINTS_MIN), POINTS_MAX)
        self._step_ms = MINUTE_MS // self._points
        self._minute_ms = clock.market_ms // MINUTE_MS * MINUTE_MS
        self._point = min((clock.market_ms - self._minute_ms) // self._step_ms, self._points - 1)
        for symbol in self.listings:
            seed = crc32(symbol.encode())
            quote = Quote(symbol, source.bars[symbol], clock.market_ms, seed)
            if offsets and symbol in offsets:
                quote.offset = offsets[symbol]
                quote.open_bar(quote.index)
            quote.move(self._point, self._points, self._step_ms)
            self.quotes[symbol] = quote
            self.funding[symbol] = FundingSchedule(funding.get(symbol, []), seed)
            self._next_funding[symbol] = self.funding[symbol].next_time_ms(clock.market_ms)

    @property
    def tick_wait_s(self) -> float:
        """How long to wait between two calls of `advance`, in seconds of wall time."""
        return max(min(self._step_ms / self.clock.speed, TICK_MS), 50) / 1000

    def advance(self, wall_ms: int) -> Iterator[MarketEvent]:
        """Given the wall time, play all that happened since the last call, in order of time."""
        market_ms = self.clock.advance(wall_ms)
        while not self.ended:
            if self._point + 1 < self._points:
                if market_ms < self._minute_ms + (self._point + 1) * self._step_ms:
                    return
                self._point += 1
                for quote in self.quotes.values():
                    quote.move(self._point, self._points, self._step_ms)
                    yield Tick(quote)
            else:
                if market_ms < self._minute_ms + MINUTE_MS:
                    return
                yield from self._next_minute()

    def _next_minute(self) -> Iterator[MarketEvent]:
        """Close every symbol's minute, open the next one for all, and only then tell of both."""
        closed = [BarClosed(symbol, quote.close_bar()) for symbol, quote in self.quotes.items()]
        following = self._minute_ms + MINUTE_MS
        if self._source.end_ms is not None and following >= self._source.end_ms:
            self.ended = True
            self.clock.paused = True
            self.clock.market_ms = following
            yield from closed
            yield MarketEnded(following)
            return
        self._source.extend_to(following)
        self._minute_ms, self._point = following, 0
        for quote in self.quotes.values():
            quote.open_bar(quote.bars.index_at(following))
            quote.move(0, self._points, self._step_ms)
        yield from closed
        for symbol, due_ms in self._next_funding.items():
            if due_ms <= following:
                schedule = self.funding[symbol]
                self._next_funding[symbol] = schedule.next_time_ms(following)
                yield FundingDue(symbol, due_ms, schedule.rate(due_ms))
        for quote in self.quotes.values():
            yield Tick(quote)

    def next_funding(self, symbol: str) -> tuple[int, Decimal]:
        """Given a symbol, return when (wall time) and at what rate the next funding is due."""
        due_ms = self._next_funding[symbol]
        return self.clock.wall_of(due_ms), self.funding[symbol].rate(due_ms)

    def position(self, identity: str, origin_ms: int) -> MarketPosition:
        """Given what the market is and where it began, return what has to be kept to go on from here."""
        offsets = {symbol: quote.offset for symbol, quote in self.quotes.items() if quote.offset}
        return MarketPosition(identity, origin_ms, self.clock.market_ms, self.clock.paused and not self.ended, offsets)

    def klines(self, symbol: str, interval: str, span: tuple[int | None, int | None], limit: int) -> list[Bar]:
        """Given a symbol, an interval, a span of market time and a limit, return bars, oldest first.

        Without a start the newest are returned; the last may be the one still open. Raise KeyError on
        an unknown interval.
        """
        quote = self.quotes[symbol]
        start_ms, end_ms = span
        now_ms = self._minute_ms if not self.ended else self._minute_ms + MINUTE_MS - 1
        last_ms = min(now_ms, end_ms) if end_ms is not None else now_ms
        first_ms = quote.bars.first_open_ms
        if last_ms < first_ms or (start_ms is not None and start_ms > last_ms):
            return []
        found: list[Bar] = []
        if start_ms is None:
            open_ms, _ = interval_bounds(interval, last_ms)
            while len(found) < limit and (bar := self._interval_bar(quote, interval, open_ms)) is not None:
                found.append(bar)
                open_ms, _ = interval_bounds(interval, open_ms - 1)
            return found[::-1]
        open_ms, close_ms = interval_bounds(interval, max(start_ms, first_ms))
        if open_ms < start_ms:
            open_ms, close_ms = interval_bounds(interval, close_ms + 1)
        while len(found) < limit and open_ms <= last_ms:
            bar = self._interval_bar(quote, interval, open_ms)
            if bar is not None:
                found.append(bar)
            open_ms = interval_bounds(interval, open_ms)[1] + 1
        return found

    def running(self, symbol: str, interval: str, open_ms: int) -> Bar | None:
        """Given a symbol, an interval and a time, return the interval's bar around it, as far as it is played."""
        return self._interval_bar(self.quotes[symbol], interval, interval_bounds(interval, open_ms)[0])

    def last_day(self, symbol: str) -> Bar:
        """Given a symbol, return the last 24 hours of market time as one bar."""
        quote = self.quotes[symbol]
        running = quote.running_bar()
        first = quote.index - DAY_MS // MINUTE_MS + 1
        whole = quote.bars.between(first, quote.index, (max(running.open_ms - DAY_MS, 0), running.close_ms))
        return join(whole, running) if whole is not None else running

    def _interval_bar(self, quote: Quote, interval: str, open_ms: int) -> Bar | None:
        span = interval_bounds(interval, open_ms)
        bars = quote.bars
        start, stop = bars.index_at(span[0]), bars.index_at(span[1] + 1)
        whole = bars.between(start, min(stop, quote.index + self.ended), span)
        if self.ended or not start <= quote.index < stop:
            return whole
        running = quote.running_bar()
        return join(whole, running) if whole is not None else running._replace(open_ms=span[0], close_ms=span[1])
