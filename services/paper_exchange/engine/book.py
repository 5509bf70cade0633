"""The market as the engine sees it: the last tick's prices, and its levels as far as nobody has taken them."""

from decimal import Decimal
from typing import NamedTuple

from services.paper_exchange.engine.digits import ZERO

Level = tuple[Decimal, Decimal]


class Tick(NamedTuple):
    """The market now, and where it has been since the tick before.

    `bids` descend and `asks` ascend, as (price, quantity); `high` and `low` include `last`. They decide whether a
    price was passed; what then fills at the market fills from the levels given here. A replay that wants stops to
    fill at the extremes sends the extremes as ticks of their own.
    """

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    last: Decimal
    high: Decimal
    low: Decimal
    mark: Decimal
    index_price: Decimal


class BookSide:
    """One side of the book, best level first; taking from it never touches the tick it came from."""

    __slots__ = ("_at", "_left", "_levels")

    def __init__(self) -> None:
        self._levels: tuple[Level, ...] = ()
        self._at = 0
        self._left: Decimal | None = None

    def replace(self, levels: tuple[Level, ...]) -> None:
        """Given the levels of a new tick, forget what was taken from the old ones."""
        self._levels = levels
        self._at = 0
        self._left = None

    def best(self) -> Level | None:
        """Return the best level that still holds something, or None."""
        levels = self._levels
        while self._at < len(levels):
            price, quantity = levels[self._at]
            if self._left is not None:
                quantity = self._left
            if quantity > 0:
                return price, quantity
            self._at += 1
            self._left = None
        return None

    def take(self, quantity: Decimal) -> None:
        """Given a quantity no larger than the best level's, take it from there."""
        level = self.best()
        if level is None or quantity > level[1]:
            raise ValueError("more taken from the book than its best level holds")
        self._left = level[1] - quantity

    def levels(self) -> tuple[Level, ...]:
        """Return what is left, best first."""
        first = self.best()
        return (first, *self._levels[self._at + 1 :]) if first is not None else ()

    def depth_below(self, price: Decimal) -> Decimal:
        """Return the quantity offered at or below a price (of the asks)."""
        return sum((level[1] for level in self.levels() if level[0] <= price), ZERO)

    def depth_above(self, price: Decimal) -> Decimal:
        """Return the quantity wanted at or above a price (of the bids)."""
        return sum((level[1] for level in self.levels() if level[0] >= price), ZERO)


class Book:
    """A symbol's market since its last tick; prices are None before the first one."""

    __slots__ = ("asks", "bids", "index_price", "last", "mark", "time_ms")

    def __init__(self) -> None:
        self.bids = BookSide()
        self.asks = BookSide()
        self.last: Decimal | None = None
        self.mark: Decimal | None = None
        self.index_price: Decimal | None = None
        self.time_ms = 0

    def replace(self, tick: Tick, now_ms: int) -> None:
        """Given a new tick, it is the market from now on."""
        self.bids.replace(tick.bids)
        self.asks.replace(tick.asks)
        self.last = tick.last
        self.mark = tick.mark
        self.index_price = tick.index_price
        self.time_ms = now_ms
