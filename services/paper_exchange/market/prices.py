"""Where inside a minute the price is: the deterministic path, and the book around it.

The path runs open, low, high, close where the bar rises and open, high, low, close where it falls,
in three straight legs, so a bar is always played to its extremes whatever the speed. The book is a
function of the symbol, the moment and the usual volume: asked twice, it answers the same.
"""

from typing import NamedTuple

BOOK_LEVELS = 20
_MASK = (1 << 64) - 1
_HALF_BPS_MIN = 25  # the spread in hundredths of a basis point: 0.5 bps ...
_HALF_BPS_SPAN = 150  # ... to 2 bps


class Book(NamedTuple):
    """Both sides of a book, best first: pairs of scaled price and scaled quantity."""

    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


def path_price(prices: tuple[int, int, int, int], point: int, points: int) -> int:
    """Given open, high, low, close, return the price at one of `points` moments (4 or more).

    The first is the open, the last the close, and both extremes are always among them.
    """
    o, h, low, c = prices
    corners = (o, low, h, c) if c >= o else (o, h, low, c)
    last = points - 1
    marks = (0, last // 3, last - last // 3, last)  # four different moments, from four points on
    leg = 0 if point < marks[1] else 1 if point < marks[2] else 2
    start, end = marks[leg], marks[leg + 1]
    if end == start:
        return corners[leg + 1]
    return corners[leg] + (corners[leg + 1] - corners[leg]) * (point - start) // (end - start)


def mix(*parts: int) -> int:
    """Given whole numbers, return 64 well-stirred bits of them (splitmix64), the same everywhere."""
    state = 0
    for part in parts:
        state = (state + part + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def make_book(price: int, minute_volume: int, seed: int) -> Book:
    """Given the last price, the usual volume of a minute and a seed, return twenty levels a side.

    The spread is at least one price unit and 0.5 to 2 bps; a level holds some per cent of a minute's
    volume, more the farther out it is.
    """
    bits = mix(seed)
    spread = max(1, price * (2 * _HALF_BPS_MIN + bits % _HALF_BPS_SPAN) // 1_000_000)
    gap = max(1, spread // 2)
    bid = max(price - spread // 2 - (spread & bits & 1), 1)
    ask = bid + spread
    unit = max(minute_volume // 50, 1)
    bids, asks = [], []
    for level in range(BOOK_LEVELS):
        bits = mix(bits, level)
        reach = 100 + 15 * level
        if bid > 0:
            bids.append((bid, max(unit * reach * (50 + (bits & 127)) // 10_000, 1)))
        asks.append((ask, max(unit * reach * (50 + (bits >> 8 & 127)) // 10_000, 1)))
        bid -= gap + (bits >> 16) % (gap + level + 1)
        ask += gap + (bits >> 24) % (gap + level + 1)
    return Book(tuple(bids), tuple(asks))
