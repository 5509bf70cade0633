"""The first strategy: momentum over several horizons, believed as far as the regime says that moves persist.

Transparent rather than good. Its skill is a prior, not a fit: minute momentum is worth little, so the probability
stays near one half and the expected move rarely pays taker fees. That is the truth of the matter, and the edge gate
acts on it.
"""

import math
from dataclasses import dataclass, replace

from services.ai_engine.features import SIGMA_MIN, Features
from services.ai_engine.model import Signal, expected_move_bps, model_version
from services.ai_engine.policy import Policy
from services.ai_engine.statistics import MOMENTUM_BARS

NAME = "momentum"
TILT_MAX = 2.5
_LOUD = 0.8  # a volatility above this percentile is a shock: momentum tells less there


@dataclass(frozen=True, slots=True)
class MomentumModel:
    """Momentum weighted by horizon, trend probability and volatility.

    `weights` belong to MOMENTUM_BARS; `skill` is the shift of the horizon's return, in its own sigmas, that a tilt of
    one sigma in a certain trend stands for; `haircut` is the part of a predicted move that is believed.
    """

    version: str
    horizon_bars: int
    weights: tuple[float, ...] = (0.15, 0.2, 0.35, 0.3)
    skill: float = 0.1
    haircut: float = 0.55
    name: str = NAME

    def predict(self, features: Features) -> Signal | None:
        """Given a bar's features, return the signal; None before the features are warm or where nothing moves."""
        if not features.warm or features.sigma <= SIGMA_MIN:
            return None
        belief = features.regime.p_trend * _quiet(features.volatility_regime)
        parts = [
            weight * max(-TILT_MAX, min(TILT_MAX, momentum))
            for weight, momentum in zip(self.weights, features.momentum, strict=True)
        ]
        shift = self.skill * belief * sum(parts)
        p_up = 0.5 * (1.0 + math.erf(shift / math.sqrt(2.0)))
        sigma_h = features.sigma * math.sqrt(self.horizon_bars)
        move_bps = expected_move_bps(p_up, sigma_h, self.haircut)
        total = sum(abs(part) for part in parts) or 1.0
        scale = abs(move_bps) / (abs(sum(parts)) or total)
        named = [(f"momentum_{bars}", part * scale) for bars, part in zip(MOMENTUM_BARS, parts, strict=True)]
        named.sort(key=lambda pair: -abs(pair[1]))
        return Signal(p_up, sigma_h, move_bps, tuple(named), self.version)


def _quiet(volatility_regime: float) -> float:
    """Given the volatility's percentile, return a discount: 1 up to `_LOUD`, one half at the very top."""
    return 1.0 - 0.5 * max(volatility_regime - _LOUD, 0.0) / (1.0 - _LOUD)


def momentum_model(policy: Policy) -> MomentumModel:
    """Given a policy, return the first strategy for its horizon, with its version."""
    plain = MomentumModel(version="", horizon_bars=policy.entry.horizon_bars)
    return replace(plain, version=model_version(NAME, plain, policy))
