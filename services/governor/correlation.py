"""Exposure that moves together: the size of one position that would swing as much as all of them do.

With w the signed notionals and R the correlations of their symbols' returns, that is sqrt(w' R w). Four independent
positions of 100 count as 200; four that move as one count as 400; a long and a short that move as one cancel. A pair
whose correlation is not known counts as moving together where that adds, and as independent where it would cancel:
what is not known never makes room.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from quantum_common.money import ZERO

ONE = Decimal(1)
Correlations = Mapping[frozenset[str], Decimal]


@dataclass(frozen=True, slots=True)
class Exposure:
    """The signed notional of one symbol in USDT: positive for a long one."""

    symbol: str
    usd: Decimal


def between(one: Exposure, other: Exposure, known: Correlations) -> Decimal:
    """Given two exposures, return what their product counts with."""
    if one.symbol == other.symbol:
        return ONE
    correlation = known.get(frozenset((one.symbol, other.symbol)))
    if correlation is None:
        return ONE if one.usd * other.usd > 0 else ZERO
    return correlation


def correlated(standing: Sequence[Exposure], known: Correlations) -> Decimal:
    """Given exposures, return the one that swings as they do together."""
    return max(_square(standing, known), ZERO).sqrt()


def room_beside(standing: Sequence[Exposure], symbol: str, sign: int, known: Correlations, cap: Decimal) -> Decimal:
    """Given what stands, return how much a new exposure of a sign may add before all together reach the cap.

    With b what stands as the new one sees it, all together is sqrt(S + 2 b x + x²): solved for x. Zero where they are
    beyond the cap and no size of the new one brings them below it.
    """
    new = Exposure(symbol, Decimal(sign))
    seen = sum((between(new, one, known) * one.usd * sign for one in standing), ZERO)
    square = max(_square(standing, known), ZERO)
    rest = seen * seen + cap * cap - square
    return max(rest.sqrt() - seen, ZERO) if rest >= 0 else ZERO


def _square(standing: Sequence[Exposure], known: Correlations) -> Decimal:
    """Return w' R w, by symbol and not by pair: what is not known comes to the square of all longs plus that of all
    shorts, and each known pair puts its own part in the place of that. Linear in what stands and in what is known."""
    longs: defaultdict[str, Decimal] = defaultdict(Decimal)
    shorts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for one in standing:
        (longs if one.usd > 0 else shorts)[one.symbol] += one.usd
    long, short = sum(longs.values(), ZERO), sum(shorts.values(), ZERO)
    square = long * long + short * short
    square += 2 * sum((longs[symbol] * shorts[symbol] for symbol in longs.keys() & shorts.keys()), ZERO)
    symbols = longs.keys() | shorts.keys()
    for pair, correlation in known.items():
        if len(pair) == 2 and pair <= symbols:
            first, other = pair
            net = (longs[first] + shorts[first]) * (longs[other] + shorts[other])
            square += 2 * (correlation * net - longs[first] * longs[other] - shorts[first] * shorts[other])
    return square
