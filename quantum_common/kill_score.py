"""The kill score K: how much the market and the clock speak against a position, as one number in [0.5, 0.93].

One pure function for two questions: may this entry add risk now (governor), should this position go (AI engine's exit
policy). Statistics, so floats; only what is written on a permit becomes Decimal. A component whose input is not known
is None: it is named in `missing`, and the score is then None. What is known still bounds the score from below, because
no component and no weight is negative.
"""

import math
from decimal import Decimal
from typing import NamedTuple

from quantum_common.state import Ledger, MarketState, PositionSide, Snapshot

WEIGHT_REGIME_FLIP = 1.0
WEIGHT_SIGMA_SPIKE = 0.5
WEIGHT_TS_DROP = 0.5
WEIGHT_AGE_PENALTY = 0.3

P_TREND_MIN = 0.3
P_AGAINST_MAX = 0.5
SIGMA_SPIKE_MAX = 2.0
TS_REF = 0.3
TS_DROP_MAX = 0.5
AGE_FULL_MS = 24 * 3_600_000

_SCORE_DIGITS = Decimal("0.000001")


class KillComponents(NamedTuple):
    """The four parts of the score, each None where its input is not known. All are at least zero."""

    regime_flip: float | None
    sigma_spike: float | None
    ts_drop: float | None
    age_penalty: float | None

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the names of the components without an input, as they stand on a permit."""
        return tuple(f"k_{name}" for name, value in zip(self._fields, self, strict=True) if value is None)

    @property
    def score(self) -> float | None:
        """Return K, or None where a component is missing."""
        return None if None in self else self.lower_bound

    @property
    def lower_bound(self) -> float:
        """Return the score of the known components: K itself where nothing is missing, otherwise at most K."""
        return sigmoid(
            WEIGHT_REGIME_FLIP * (self.regime_flip or 0.0)
            + WEIGHT_SIGMA_SPIKE * (self.sigma_spike or 0.0)
            + WEIGHT_TS_DROP * (self.ts_drop or 0.0)
            + WEIGHT_AGE_PENALTY * (self.age_penalty or 0.0)
        )


def sigmoid(x: float) -> float:
    """Given a weighted sum, return it squeezed into (0, 1)."""
    return 1.0 / (1.0 + math.exp(-x))


def kill_score(regime_flip: float, sigma_spike: float, ts_drop: float, age_penalty: float) -> float:
    """Given all four components, return K. Known value: (1.0, 0, 0.2398, 0.0417) gives 0.7563."""
    return KillComponents(regime_flip, sigma_spike, ts_drop, age_penalty).lower_bound


def regime_flip(p_trend: float, p_mr: float, p_chop: float) -> float:
    """Given the regime's probabilities, return 1 where trend has given way to mean reversion or chop, else 0."""
    return 1.0 if p_trend < P_TREND_MIN and p_mr + p_chop > P_AGAINST_MAX else 0.0


def sigma_spike(sigma: float, sigma_ref: float) -> float | None:
    """Given volatility and its reference, return the excess in [0, 2]; None where the reference is not positive."""
    return _clip(sigma / sigma_ref - 1.0, SIGMA_SPIKE_MAX) if sigma_ref > 0 else None


def ts_drop(ts: float, ts_ref: float = TS_REF) -> float:
    """Given the trend strength, return how far it fell below its reference, in [0, 0.5]."""
    return _clip(ts_ref - ts, TS_DROP_MAX)


def age_penalty(age_ms: int) -> float:
    """Given a position's age, return it in days, in [0, 1]."""
    return _clip(age_ms / AGE_FULL_MS, 1.0)


def components(
    market: MarketState | None, ledger: Ledger | None, snapshot: Snapshot | None, now_ms: int
) -> KillComponents:
    """Given what was read of a symbol, return the components of its score; what is not known stays None."""
    age = _age_penalty(ledger, snapshot, now_ms)
    if market is None:
        return KillComponents(None, None, None, age)
    return KillComponents(
        regime_flip(float(market.p_trend), float(market.p_mr), float(market.p_chop)),
        sigma_spike(float(market.sigma), float(market.sigma_ref)),
        ts_drop(float(market.ts)),
        age,
    )


def _age_penalty(ledger: Ledger | None, snapshot: Snapshot | None, now_ms: int) -> float | None:
    """Return 0 where the exchange (or, without its word, the ledger) says flat; else the ledger knows the age."""
    seen = snapshot or ledger
    if seen is None:
        return None
    if seen.side is PositionSide.FLAT:
        return 0.0
    if ledger is None or ledger.opened_ms is None:
        return None
    return age_penalty(now_ms - ledger.opened_ms)


def as_decimal(value: float | None) -> Decimal | None:
    """Given a statistic, return it with six digits as it stands on a permit, or None where it is not known."""
    return None if value is None else Decimal(value).quantize(_SCORE_DIGITS)


def _clip(value: float, high: float) -> float:
    return min(max(value, 0.0), high)
