"""A logistic regression with its scaler folded in: one weight and one centre for each input."""

from typing import Literal, Self

from pydantic import BaseModel, model_validator

from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.member import FROZEN, probability


class Logistic(BaseModel):
    """The logit is the sum of `weights` times the inputs' distances from their `centres`. There is no constant: no
    model may learn that the market always rises."""

    model_config = FROZEN

    kind: Literal["logistic"] = "logistic"
    centres: tuple[float, ...]
    weights: tuple[float, ...]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not len(self.centres) == len(self.weights) == len(INPUT_NAMES):
            raise ValueError(f"a logistic needs {len(INPUT_NAMES)} centres and weights")
        return self

    def logit(self, inputs: tuple[float, ...]) -> float:
        """Given the inputs, return the logit of a rise."""
        return self.explain(inputs)[0]

    def predict_proba(self, inputs: tuple[float, ...]) -> float:
        """Given the inputs, return the probability of a rise."""
        return probability(self.logit(inputs))

    def explain(self, inputs: tuple[float, ...]) -> tuple[float, list[float]]:
        """Given the inputs, return the logit and each input's part in it."""
        parts = [
            weight * (value - centre) for weight, value, centre in zip(self.weights, inputs, self.centres, strict=True)
        ]
        return sum(parts), parts
