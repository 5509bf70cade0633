"""A seeded market: correlated random walks with regimes, trends and clustered volatility.

All contracts share one factor and each has its own; a regime (quiet, trending, turbulent) lasts an
hour or so, and the volatility of each contract remembers its last move. The numbers are plausible,
not calibrated. The generator's arithmetic is floating point, as statistics are; what leaves it are
scaled integers. The same seed gives the same bars, whatever the speed.
"""

import math
import random
from dataclasses import dataclass

from services.paper_exchange.market.bars import MINUTE_MS, MinuteBars
from services.paper_exchange.market.catalogue import Listing

KEEP_BARS_MAX, KEEP_BARS_MIN = 12_000, 2_000  # history kept of a contract; a longer run forgets the oldest
KEEP_BARS_ALL = 400_000  # ... and of all contracts together
_REGIMES = (  # weight, drift in sigmas a minute, volatility factor, mean minutes
    (5, 0.00, 0.70, 60),
    (2, 0.13, 1.00, 90),
    (2, -0.13, 1.00, 90),
    (1, 0.00, 2.20, 25),
)
_SHARED = 0.65  # of a contract's variance that comes from the common factor
_MEMORY = 0.92  # of yesterday's squared move in today's variance
_PULL = 0.00002  # per minute, towards the starting price: years of minutes stay plausible


@dataclass(slots=True)
class _Walk:
    """One contract's state between two minutes."""

    bars: MinuteBars
    anchor: float
    price: float
    sigma: float
    variance: float
    drift: float
    regime_left: int
    loudness: float
    volume: float
    chance: random.Random


class SyntheticSource:
    """Bars of every contract, generated as far as asked for."""

    end_ms: int | None = None

    def __init__(self, listings: tuple[Listing, ...], seed: int, first_open_ms: int) -> None:
        self.bars: dict[str, MinuteBars] = {}
        self._shared = random.Random(f"{seed}:shared")  # noqa: S311 -- a market, not a secret
        self._walks = [_start(listing, seed, first_open_ms) for listing in listings]
        for listing, walk in zip(listings, self._walks, strict=True):
            self.bars[listing.symbol] = walk.bars
        self._next_open_ms = first_open_ms
        self._shared_variance = 1.0

    def extend_to(self, market_ms: int) -> None:
        """Given a market time, generate every minute up to and including the one that holds it."""
        while self._next_open_ms <= market_ms:
            shared = self._shared.gauss(0.0, 1.0) * math.sqrt(self._shared_variance)
            self._shared_variance = _remember(self._shared_variance, shared)
            for walk in self._walks:
                _step(walk, shared)
            self._next_open_ms += MINUTE_MS
        keep = min(max(KEEP_BARS_ALL // len(self._walks), KEEP_BARS_MIN), KEEP_BARS_MAX)
        excess = len(self._walks[0].bars) - keep
        if excess > keep // 4:
            for walk in self._walks:
                walk.bars.drop_before(excess)


def _start(listing: Listing, seed: int, first_open_ms: int) -> _Walk:
    chance = random.Random(f"{seed}:{listing.symbol}")  # noqa: S311 -- a market, not a secret
    price = listing.price_e8 * 10.0 ** (listing.price_decimals - 8) * math.exp(chance.gauss(0.0, 0.05))
    units_a_quote = 10.0 ** (listing.price_decimals + listing.quantity_decimals)
    return _Walk(
        bars=MinuteBars(listing.price_decimals, listing.quantity_decimals, first_open_ms),
        anchor=math.log(price),
        price=price,
        sigma=listing.sigma_centi_bps / 1_000_000,
        variance=1.0,
        drift=0.0,
        regime_left=0,
        loudness=1.0,
        volume=listing.minute_quote * units_a_quote,
        chance=chance,
    )


def _remember(variance: float, move: float) -> float:
    """Given the last variance and move (in sigmas), return the next variance, around one."""
    return min(0.03 + _MEMORY * variance + 0.05 * move * move, 9.0)


def _step(walk: _Walk, shared: float) -> None:
    """Play one minute of one contract and add its bar."""
    chance = walk.chance
    if walk.regime_left <= 0:
        _, walk.drift, walk.loudness, mean = chance.choices(_REGIMES, [row[0] for row in _REGIMES])[0]
        walk.regime_left = 1 + int(chance.expovariate(1.0 / mean))
    walk.regime_left -= 1
    own = chance.gauss(0.0, 1.0) * math.sqrt(walk.variance)
    walk.variance = _remember(walk.variance, own)
    noise = math.sqrt(_SHARED) * shared + math.sqrt(1.0 - _SHARED) * own
    scale = walk.sigma * walk.loudness
    move = scale * (walk.drift + noise) + _PULL * (walk.anchor - math.log(walk.price))
    start, walk.price = walk.price, max(walk.price * math.exp(move), 1.0)
    o, c = round(start), round(walk.price)
    reach = scale * start * 0.6
    h = max(o, c) + int(abs(chance.gauss(0.0, reach)))
    low = max(min(o, c) - int(abs(chance.gauss(0.0, reach))), 1)
    busy = walk.loudness * (0.5 + 0.5 * abs(noise)) * chance.uniform(0.6, 1.4)
    walk.bars.append((o, h, low, c), max(round(walk.volume * busy / walk.price), 1))
