"""The seam for models: features in, an honest probability out, or nothing."""

import hashlib
from typing import NamedTuple, Protocol

from services.ai_engine.features import Features
from services.ai_engine.policy import Policy

MEAN_ABSOLUTE = 0.8  # of a normal variable with sigma one: sqrt(2/pi)
_BPS = 10_000.0


class Signal(NamedTuple):
    """What a model expects over its horizon.

    `p_up` is a probability in [0, 1]; `sigma_h` the volatility of the log return over the horizon; `expected_move_bps`
    signed, after the haircut, before costs; `contributions` name what moved it, in bps, strongest first.
    """

    p_up: float
    sigma_h: float
    expected_move_bps: float
    contributions: tuple[tuple[str, float], ...]
    version: str

    @property
    def confidence(self) -> float:
        """Return the probability that the direction is right; small numbers are honest ones."""
        return max(self.p_up, 1.0 - self.p_up)


class Model(Protocol):
    """A model of one version. It keeps no state: the same features give the same signal."""

    @property
    def name(self) -> str:
        """Return what kind of model this is."""
        ...

    @property
    def version(self) -> str:
        """Return which parameters, exactly, it has; stands on every intent."""
        ...

    def predict(self, features: Features) -> Signal | None:
        """Given a bar's features, return a signal, or None where the model has nothing to say."""
        ...


def expected_move_bps(p_up: float, sigma_h: float, haircut: float) -> float:
    """Given the probability of a rise, the volatility over the horizon and the part of a predicted move that is
    believed, return the move to expect, signed."""
    return (2.0 * p_up - 1.0) * MEAN_ABSOLUTE * sigma_h * haircut * _BPS


def model_version(name: str, parameters: object, policy: Policy) -> str:
    """Given a model's name, its parameters and the policy it serves, return the version that stands on every intent.

    It names the profile and hashes every number that a decision uses: any change of one makes other wishes.
    """
    numbers = hashlib.sha256(f"{parameters!r}|{policy!r}".encode()).hexdigest()[:8]
    return f"{name}-1-{policy.profile}-{numbers}"
