"""What one symbol shows at a moment: last price, mark and index, the running bar, the book."""

from services.paper_exchange.market.bars import MINUTE_MS, Bar, MinuteBars, make_bar
from services.paper_exchange.market.prices import Book, make_book, mix, path_price

PRICE_SCALE = 8  # decimals of mark and index prices
_MARK_MS, _INDEX_MS = 10_000, 5_000  # market time over which mark and index follow the last price
_VOLUME_BARS = 60
_ID_MS = 50  # of market time an update number stands for; ticks are never that close


class Quote:
    """The present of one symbol, moved by the market one tick at a time."""

    __slots__ = (
        "_book",
        "_first_id",
        "_mark_scale",
        "_seed",
        "_ticks",
        "bars",
        "close_price",
        "high",
        "index",
        "index_e8",
        "last",
        "low",
        "mark_e8",
        "minute_volume",
        "offset",
        "open",
        "point",
        "points",
        "symbol",
    )

    def __init__(self, symbol: str, bars: MinuteBars, market_ms: int, seed: int) -> None:
        """Given the bars and a market time inside them, stand at the open of that minute."""
        self.symbol = symbol
        self.bars = bars
        self.offset = 0  # what jumps by hand have added to the price, in price units
        self._mark_scale = 10 ** (PRICE_SCALE - bars.price_decimals)
        self._seed = seed
        self._first_id = market_ms // _ID_MS
        self._ticks = 0
        self._book: Book | None = None
        self.points = 4
        self.index = bars.index_at(market_ms)
        self.last = bars.open[self.index]
        self.mark_e8 = self.index_e8 = self.last * self._mark_scale
        self.open_bar(self.index)

    def open_bar(self, index: int) -> None:
        """Given the index of the minute that begins, stand at its open."""
        self.index = index
        self.point = 0
        self.open = self.high = self.low = max(self.bars.open[index] + self.offset, 1)
        first = max(index - _VOLUME_BARS, 0)
        self.minute_volume = sum(self.bars.volume[first : index + 1]) // (index + 1 - first)

    def move(self, point: int, points: int, step_ms: int) -> None:
        """Given which of how many moments of the minute it is, take the path's price as the last price."""
        bars, index = self.bars, self.index
        path = (bars.open[index], bars.high[index], bars.low[index], bars.close[index])
        self.point, self.points = point, points
        self._take(max(path_price(path, point, points) + self.offset, 1))
        scaled = self.last * self._mark_scale
        self.mark_e8 += (scaled - self.mark_e8) // max(_MARK_MS // step_ms, 1)
        self.index_e8 += (scaled - self.index_e8) // max(_INDEX_MS // step_ms, 1)

    def stand_at(self, index: int, point: int, points: int, ticks: int) -> None:
        """Given a minute and a moment of it, stand there as if all `ticks` moments up to it had been played.

        True where the moments lie so far apart that mark and index follow the last price at once, which is at
        six a minute or fewer; and but for the extremes of a minute that was not played from its open.
        """
        if index != self.index:
            self.open_bar(index)
        self._ticks = ticks - 1
        self.move(point, points, MINUTE_MS // points)

    def jump(self, price: int) -> None:
        """Given a price in units, have last, mark and index there now; the path goes on from it."""
        self.offset += price - self.last
        self._take(price)
        self.mark_e8 = self.index_e8 = price * self._mark_scale

    def close_bar(self) -> Bar:
        """End the running minute as it was traded and return its bar."""
        if self.offset:
            self.bars.overwrite(self.index, (self.open, self.high, self.low, self.last))
        return self.bars.at(self.index)

    def running_bar(self) -> Bar:
        """Return the bar of the minute under way, with the share of its volume traded so far."""
        volume = self.bars.volume[self.index] * (self.point + 1) // max(self.points, self.point + 1)
        open_ms = self.bars.first_open_ms + self.index * MINUTE_MS
        return make_bar(open_ms, open_ms + MINUTE_MS - 1, (self.open, self.high, self.low, self.last), volume)

    def tick_volume(self) -> int:
        """Return the volume traded with the last tick."""
        return max(self.bars.volume[self.index] // max(self.points, 1), 1)

    @property
    def update_id(self) -> int:
        """The number of this tick; it rises from tick to tick and over restarts."""
        return self._first_id + self._ticks

    def book(self) -> Book:
        """Return the book of this tick."""
        if self._book is None:
            self._book = make_book(self.last, self.minute_volume, mix(self._seed, self._ticks))
        return self._book

    def _take(self, price: int) -> None:
        self.last = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self._ticks += 1
        self._book = None
