"""What a kill score means: how far it stands from what its symbol's score usually is, in standard deviations.

Statistics are exponentially weighted, per symbol and eval type, and taken as they were before the observation: a score
is never part of its own yardstick. The recursion is West's (1979) incremental mean and variance with the weight fixed
at alpha; while there are fewer than 1/alpha observations each counts the same, so that the first one does not dominate.
`governor_observe` in the permit's script is the same recursion in the same order of operations: both give equal bits.

A symbol that has too few observations leans on the portfolio's statistics, and those on the prior: each level counts
with n over the warm-up, the rest with one less. Mixing two distributions adds the distance of their means to the
variance, so a symbol that starts far from the others is not called extreme for that alone.
"""

import math
from dataclasses import dataclass

ALPHA = 0.1
EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and variance of a kill score, and from how many observations."""

    mean: float
    var: float
    n: int

    @property
    def std(self) -> float:
        """Return the standard deviation."""
        return math.sqrt(self.var)


UNSEEN = Moments(0.0, 0.0, 0)


@dataclass(frozen=True, slots=True)
class Statistics:
    """The score's statistics before an observation: of the symbol, and of all symbols together."""

    own: Moments = UNSEEN
    portfolio: Moments = UNSEEN


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How scores are measured. `warm_up` is in observations; `std_min` keeps a score that never moved from calling its
    first move infinite."""

    alpha: float
    warm_up: int
    prior_mean: float
    prior_std: float
    std_min: float


def alpha_of(half_life: float | None) -> float:
    """Given after how many observations one is to count half, return alpha; 0.1 where it is not said (6.58)."""
    return ALPHA if half_life is None else 1.0 - 0.5 ** (1.0 / half_life)


def observed(before: Moments, score: float, alpha: float) -> Moments:
    """Given statistics and one more score, return the statistics after it."""
    weight = max(alpha, 1.0 / (before.n + 1))
    away = score - before.mean
    return Moments(
        before.mean + weight * away, (1.0 - weight) * (before.var + weight * away * away), before.n + 1
    )  # fmt: skip


def effective(seen: Statistics, yardstick: Yardstick) -> Moments:
    """Given the statistics of a symbol and of the portfolio, return those that the symbol's score is held against."""
    prior = Moments(yardstick.prior_mean, yardstick.prior_std**2, 0)
    return _mixed(seen.own, _mixed(seen.portfolio, prior, yardstick.warm_up), yardstick.warm_up)


def kill_z(score: float, against: Moments, yardstick: Yardstick) -> float:
    """Given a score and what it is held against, return its distance from the mean in standard deviations."""
    return (score - against.mean) / (max(against.std, yardstick.std_min) + EPSILON)


def _mixed(own: Moments, wider: Moments, warm_up: int) -> Moments:
    """Given statistics and wider ones, return the mixture in which the own count with n over the warm-up."""
    weight = min(1.0, own.n / warm_up)
    apart = own.mean - wider.mean
    return Moments(
        weight * own.mean + (1.0 - weight) * wider.mean,
        weight * own.var + (1.0 - weight) * wider.var + weight * (1.0 - weight) * apart * apart,
        own.n,
    )
