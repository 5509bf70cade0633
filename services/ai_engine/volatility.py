"""The volatility of the horizon to come: heterogeneous autoregression on log realised variance (Corsi 2009).

A day, four hours, an hour and a quarter speak of what comes next, and so does the time of day.
"""

import math
from typing import Self

from pydantic import BaseModel, model_validator

from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.member import FROZEN

VOLATILITY_INPUTS = (
    "variance_1440", "variance_240", "variance_60", "variance_15", "range_to_close", "day_sin", "day_cos",
    "half_day_sin", "half_day_cos", "week_sin", "week_cos",
)  # fmt: skip
_PLACES = tuple(INPUT_NAMES.index(name) for name in VOLATILITY_INPUTS)
_LOG_VARIANCE_MIN, _LOG_VARIANCE_MAX = -32.0, -4.0  # of a minute: 0.001 bps and 14 %


class Volatility(BaseModel):
    """The logarithm of the mean variance of a minute over the horizon: `constant` and `weights` of
    VOLATILITY_INPUTS. Fitted so that the forecast is right on average, not its logarithm."""

    model_config = FROZEN

    constant: float
    weights: tuple[float, ...]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(self.weights) != len(VOLATILITY_INPUTS):
            raise ValueError(f"a volatility needs {len(VOLATILITY_INPUTS)} weights")
        return self

    def sigma(self, inputs: tuple[float, ...], horizon_bars: int) -> float:
        """Given the inputs, return the volatility of the log return over so many minutes."""
        log_variance = self.constant
        for weight, place in zip(self.weights, _PLACES, strict=True):
            log_variance += weight * inputs[place]
        log_variance = max(_LOG_VARIANCE_MIN, min(_LOG_VARIANCE_MAX, log_variance))
        return math.exp(0.5 * log_variance) * math.sqrt(horizon_bars)
