"""One symbol's minute bars in columns of integers.

Sixteen symbols over a month are 700,000 bars: as objects they would take hundreds of megabytes, as
columns of scaled integers under thirty. Prices are counted in units of the last price decimal and
volumes in units of the last quantity decimal, so nothing is rounded anywhere.
"""

from array import array
from dataclasses import dataclass, field
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


def _column() -> "array[int]":
    return array("q")


@dataclass(slots=True)
class MinuteBars:
    """Contiguous minute bars from `first_open_ms` on; index and open time are one and the same."""

    price_decimals: int
    volume_decimals: int
    first_open_ms: int
    open: "array[int]" = field(default_factory=_column)
    high: "array[int]" = field(default_factory=_column)
    low: "array[int]" = field(default_factory=_column)
    close: "array[int]" = field(default_factory=_column)
    volume: "array[int]" = field(default_factory=_column)

    def __len__(self) -> int:
        return len(self.open)

    @property
    def end_ms(self) -> int:
        """The first millisecond after the last bar."""
        return self.first_open_ms + len(self.open) * MINUTE_MS

    def append(self, prices: tuple[int, int, int, int], volume: int) -> None:
        """Given open, high, low, close and volume of the next minute, add it."""
        self.open.append(prices[0])
        self.high.append(prices[1])
        self.low.append(prices[2])
        self.close.append(prices[3])
        self.volume.append(volume)

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
        volume = self.volume[index]
        return make_bar(open_ms, (o, h, low, c), volume)


def make_bar(open_ms: int, prices: tuple[int, int, int, int], volume: int) -> Bar:
    """Given a minute's prices and volume, return its bar.

    Quote volume, trade count and the taker's share are not in every source, so they are derived the
    same way for all: the mean of the four prices, one trade per whole unit up to a bound, and a
    taker share that leans to the bar's direction.
    """
    o, h, low, c = prices
    quote = (o + h + low + c) * volume // 4
    span = max(h - low, 1)
    taker = volume * (50 * span + 40 * (c - o)) // (100 * span)
    trades = min(volume, 1 + volume.bit_length() * 40) if volume else 0
    return Bar(
        open_ms,
        open_ms + MINUTE_MS - 1,
        o,
        h,
        low,
        c,
        volume,
        quote,
        trades,
        taker,
        (o + h + low + c) * taker // 4,
    )


def fold(bars: list[Bar], open_ms: int, close_ms: int) -> Bar:
    """Given the minute bars of one larger interval, return the interval's bar. Raise on none."""
    if not bars:
        raise ValueError("no bars to fold")
    return Bar(
        open_ms,
        close_ms,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
        sum(bar.quote_volume for bar in bars),
        sum(bar.trades for bar in bars),
        sum(bar.taker_volume for bar in bars),
        sum(bar.taker_quote_volume for bar in bars),
    )


def decimal_text(value: int, decimals: int) -> str:
    """Given a scaled integer, return its plain decimal text, with all decimals and no exponent."""
    if decimals == 0:
        return str(value)
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d}"
