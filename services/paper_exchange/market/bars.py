"""One symbol's minute bars in columns of integers.

Sixteen symbols over a month are 700,000 bars: as objects they would take hundreds of megabytes, as
columns of scaled integers under thirty. Prices are counted in units of the last price decimal and
volumes in units of the last quantity decimal, so nothing is rounded anywhere.
"""

from array import array
from dataclasses import dataclass, field
from operator import add, mul
from typing import NamedTuple

MINUTE_MS = 60_000


class Bar(NamedTuple):
    """One bar; prices and volumes are scaled integers, the quote volume is scaled by both."""

    open_ms: int
    close_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    trades: int
    taker_volume: int
    taker_quote_volume: int


_SHORT, _LONG = "i", "q"  # four bytes a price, eight where a price does not fit
_SHORT_MAX = 2**31 - 1


def _prices() -> "array[int]":
    return array(_SHORT)


def _volumes() -> "array[int]":
    return array(_LONG)


@dataclass(slots=True)
class MinuteBars:
    """Contiguous minute bars from `first_open_ms` on; index and open time are one and the same."""

    price_decimals: int
    volume_decimals: int
    first_open_ms: int
    open: "array[int]" = field(default_factory=_prices)
    high: "array[int]" = field(default_factory=_prices)
    low: "array[int]" = field(default_factory=_prices)
    close: "array[int]" = field(default_factory=_prices)
    volume: "array[int]" = field(default_factory=_volumes)

    def __len__(self) -> int:
        return len(self.open)

    @property
    def end_ms(self) -> int:
        """The first millisecond after the last bar."""
        return self.first_open_ms + len(self.open) * MINUTE_MS

    def append(self, prices: tuple[int, int, int, int], volume: int) -> None:
        """Given open, high, low, close and volume of the next minute, add it."""
        self._make_room(prices[1])
        self.open.append(prices[0])
        self.high.append(prices[1])
        self.low.append(prices[2])
        self.close.append(prices[3])
        self.volume.append(volume)

    def overwrite(self, index: int, prices: tuple[int, int, int, int]) -> None:
        """Given an index and its open, high, low and close, have them in place of those before."""
        self._make_room(prices[1])
        self.open[index], self.high[index], self.low[index], self.close[index] = prices

    def _make_room(self, price: int) -> None:
        """Given the highest price to come, see that the columns can hold it."""
        if price > _SHORT_MAX and self.open.typecode == _SHORT:
            self._rescale(1, _LONG)

    def _rescale(self, scale: int, typecode: str) -> None:
        self.open, self.high, self.low, self.close = (
            array(typecode, [value * scale for value in column])
            for column in (self.open, self.high, self.low, self.close)
        )

    def widen(self, price_decimals: int, volume_decimals: int) -> None:
        """Given how many decimals prices and volumes need, rescale what is there where it has fewer."""
        if price_decimals > self.price_decimals:
            scale = 10 ** (price_decimals - self.price_decimals)
            fits = max(self.high, default=0) * scale <= _SHORT_MAX
            self._rescale(scale, _SHORT if fits else _LONG)
            self.price_decimals = price_decimals
        if volume_decimals > self.volume_decimals:
            scale = 10 ** (volume_decimals - self.volume_decimals)
            self.volume = array(_LONG, [value * scale for value in self.volume])
            self.volume_decimals = volume_decimals

    def drop_before(self, index: int) -> None:
        """Forget the bars before an index; the first open time moves on with them."""
        if index <= 0:
            return
        for column in (self.open, self.high, self.low, self.close, self.volume):
            del column[:index]
        self.first_open_ms += index * MINUTE_MS

    def index_at(self, market_ms: int) -> int:
        """Given a market time, return the index of the minute that holds it (may lie outside)."""
        return (market_ms - self.first_open_ms) // MINUTE_MS

    def at(self, index: int) -> Bar:
        """Return one whole bar. Raise IndexError outside the columns."""
        if index < 0:
            raise IndexError(index)
        open_ms = self.first_open_ms + index * MINUTE_MS
        o, h, low, c = self.open[index], self.high[index], self.low[index], self.close[index]
        return make_bar(open_ms, open_ms + MINUTE_MS - 1, (o, h, low, c), self.volume[index])

    def between(self, start: int, stop: int, span: tuple[int, int]) -> Bar | None:
        """Given indexes (the second excluded) and an open and close time, return all those minutes as one bar."""
        start, stop = max(start, 0), min(stop, len(self.open))
        if start >= stop:
            return None
        part = slice(start, stop)
        opens, highs, lows, closes = self.open[part], self.high[part], self.low[part], self.close[part]
        volumes = self.volume[part]
        sums = map(add, map(add, opens, highs), map(add, lows, closes))
        prices = (opens[0], max(highs), min(lows), closes[-1])
        return make_bar(*span, prices, sum(volumes), sum(map(mul, sums, volumes)) // 4)


def make_bar(
    open_ms: int, close_ms: int, prices: tuple[int, int, int, int], volume: int, quote_volume: int | None = None
) -> Bar:
    """Given a span, its prices and its volume, return its bar.

    Quote volume (where it is not known), trade count and the taker's share are not in every source, so they are
    derived the same way for all: the mean of the four prices, one trade per whole unit up to a bound, and a taker
    share that leans to the bar's direction.
    """
    o, h, low, c = prices
    quote = quote_volume if quote_volume is not None else (o + h + low + c) * volume // 4
    span = max(h - low, 1)
    share = 50 * span + 40 * (c - o)
    trades = min(volume, 1 + volume.bit_length() * 40) if volume else 0
    return Bar(
        open_ms,
        close_ms,
        o,
        h,
        low,
        c,
        volume,
        quote,
        trades,
        volume * share // (100 * span),
        quote * share // (100 * span),
    )


def join(first: Bar, second: Bar) -> Bar:
    """Given two bars of one interval, the earlier first, return their sum, with the span of the first."""
    prices = (first.open, max(first.high, second.high), min(first.low, second.low), second.close)
    volume, quote = first.volume + second.volume, first.quote_volume + second.quote_volume
    return make_bar(first.open_ms, first.close_ms, prices, volume, quote)


def decimal_text(value: int, decimals: int) -> str:
    """Given a scaled integer, return its plain decimal text, with all decimals and no exponent."""
    if decimals == 0:
        return str(value)
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d}"
