"""How the returns of symbols go together, over the last bars that both have had.

Prices come from the market states that the AI engine publishes at each closed bar. A pair is known once it has enough
returns over the same bars; until then it is not named, and the exposures take the cautious side.
"""

import itertools
import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

BARS = 240
COMMON_MIN = 30
_PLACES = Decimal("0.0001")


@dataclass
class Returns:
    """The last closes of each symbol. What a pair comes to is worked out once for each newest bar."""

    _closes: dict[str, deque[tuple[int, float]]] = field(default_factory=dict)
    _known: dict[frozenset[str], tuple[int, Decimal | None]] = field(default_factory=dict)

    def take(self, symbol: str, bar_close_ms: int, price: Decimal) -> None:
        """Given a symbol's newest bar, remember it; one that is known, or older, is left."""
        closes = self._closes.get(symbol)
        if closes is None:
            closes = self._closes[symbol] = deque(maxlen=BARS + 1)
        if (not closes or bar_close_ms > closes[-1][0]) and price > 0:
            closes.append((bar_close_ms, math.log(price)))

    def correlations(self, symbols: Iterable[str]) -> dict[frozenset[str], Decimal]:
        """Given some symbols, return how each pair of them goes together, where that is known."""
        found = {}
        for one, other in itertools.combinations(sorted(set(symbols)), 2):
            value = self._between(one, other)
            if value is not None:
                found[frozenset((one, other))] = value
        return found

    def _between(self, one: str, other: str) -> Decimal | None:
        ours, theirs = self._closes.get(one), self._closes.get(other)
        if not ours or not theirs:
            return None
        pair, newest_ms = frozenset((one, other)), max(ours[-1][0], theirs[-1][0])
        known = self._known.get(pair)
        if known is None or known[0] != newest_ms:
            known = self._known[pair] = (newest_ms, _correlation(dict(ours), dict(theirs)))
        return known[1]


def _correlation(ours: dict[int, float], theirs: dict[int, float]) -> Decimal | None:
    """Given the log closes of two symbols by bar, return the correlation of their returns; None for too few or flat."""
    common = sorted(ours.keys() & theirs.keys())
    if len(common) <= COMMON_MIN:
        return None
    moves = [(ours[now] - ours[was], theirs[now] - theirs[was]) for was, now in itertools.pairwise(common)]
    mean_x = math.fsum(x for x, _ in moves) / len(moves)
    mean_y = math.fsum(y for _, y in moves) / len(moves)
    spread_x = math.fsum((x - mean_x) ** 2 for x, _ in moves)
    spread_y = math.fsum((y - mean_y) ** 2 for _, y in moves)
    if spread_x <= 0.0 or spread_y <= 0.0:
        return None
    together = math.fsum((x - mean_x) * (y - mean_y) for x, y in moves)
    return Decimal(max(-1.0, min(1.0, together / math.sqrt(spread_x * spread_y)))).quantize(_PLACES)
