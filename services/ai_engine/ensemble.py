"""The trained model: members that vote, a calibration that they were not fitted on, and a card that tells their worth.

`fit` is the trainers' part (`services.ai_engine.training`) and gives such members; what runs here is plain Python.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, Field

from services.ai_engine.card import ModelCard
from services.ai_engine.features import SIGMA_MIN, Features
from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.logistic import Logistic
from services.ai_engine.member import FROZEN, probability
from services.ai_engine.model import Signal, expected_move_bps, model_version
from services.ai_engine.policy import Policy
from services.ai_engine.trees import Trees
from services.ai_engine.volatility import Volatility

NAME = "ensemble"
FORMAT: Literal[1] = 1
_PART_MIN_BPS = 1e-9


class Fitted(BaseModel):
    """Everything that training found: the content of `model.json`."""

    model_config = FROZEN

    format: Literal[1] = FORMAT
    horizon_bars: int = Field(gt=0)
    members: tuple[Annotated[Trees | Logistic, Field(discriminator="kind")], ...] = Field(min_length=1)
    slope: float = Field(ge=0.0, le=1.0)  # Platt's, on folds that the members were not fitted on
    haircut: float = Field(ge=0.0, le=1.0)  # the part of an expected move that came true out of sample
    volatility: Volatility | None  # None where the plain average of squares forecasts better

    @property
    def content(self) -> bytes:
        """Return what stands in `model.json`: of the same model, the same bytes."""
        return orjson.dumps(self.model_dump()) + b"\n"

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def agreed(logits: list[float]) -> float:
    """Given the members' logits, return their mean, shrunk by as much as they contradict each other."""
    total, loudness = sum(logits), sum(map(abs, logits))
    return total / len(logits) * (abs(total) / loudness) if loudness > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A trained model with its card. It keeps no state: the same features give the same signal."""

    card: ModelCard
    fitted: Fitted
    version: str
    name: str = NAME

    @property
    def horizon_bars(self) -> int:
        """Return over how many minutes the model looks ahead."""
        return self.fitted.horizon_bars

    def under(self, policy: Policy) -> "Ensemble":
        """Given the policy that it serves, return the model with the version that stands on every intent."""
        return replace(self, version=model_version(NAME, self.card.model_hash, policy))

    def predict(self, features: Features) -> Signal | None:
        """Given a bar's features, return the signal; None without inputs, and where nothing was learned."""
        fitted, inputs = self.fitted, features.inputs
        if not inputs or fitted.slope == 0.0 or features.sigma <= SIGMA_MIN:
            return None
        explained = [member.explain(inputs) for member in fitted.members]
        logit = fitted.slope * agreed([one for one, _ in explained])
        p_up = probability(logit)
        sigma_h = sigma_over(fitted, features)
        move_bps = expected_move_bps(p_up, sigma_h, fitted.haircut)
        return Signal(p_up, sigma_h, move_bps, _named(explained, move_bps), self.version)


def sigma_over(fitted: Fitted, features: Features) -> float:
    """Given features with inputs, return the volatility of the log return over the horizon."""
    if fitted.volatility is None:
        return features.sigma * math.sqrt(fitted.horizon_bars)
    return fitted.volatility.sigma(features.inputs, fitted.horizon_bars)


def _named(explained: list[tuple[float, list[float]]], move_bps: float) -> tuple[tuple[str, float], ...]:
    """Given the members' explanations, return each input's part in the expected move in bps, strongest first; what
    no input moved is the trees' starting value, `start`. The parts sum up to the move."""
    total = sum(logit for logit, _ in explained)
    if total == 0.0:
        return ()
    scale = move_bps / total
    parts = [sum(column) for column in zip(*(parts for _, parts in explained), strict=True)]
    named = [(name, part * scale) for name, part in zip(INPUT_NAMES, parts, strict=True) if part]
    start = move_bps - math.fsum(part for _, part in named)
    if abs(start) > _PART_MIN_BPS:
        named.append(("start", start))
    named.sort(key=lambda pair: -abs(pair[1]))
    return tuple(named)
