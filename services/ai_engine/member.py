"""What a member of an ensemble is: something fitted that gives a probability and says why."""

import math
from typing import Protocol

from pydantic import ConfigDict

FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_LOGIT_MAX = 30.0


class Member(Protocol):
    """One fitted model. A learner's `fit` (`services.ai_engine.training.learners`) makes it, never the engine."""

    def logit(self, inputs: tuple[float, ...]) -> float:
        """Given the inputs, return the logit of a rise."""
        ...

    def predict_proba(self, inputs: tuple[float, ...]) -> float:
        """Given the inputs, return the probability of a rise."""
        ...

    def explain(self, inputs: tuple[float, ...]) -> tuple[float, list[float]]:
        """Given the inputs, return the logit and each input's part in it."""
        ...


def probability(logit: float) -> float:
    """Given a logit, return the probability that it stands for."""
    return 1.0 / (1.0 + math.exp(-max(-_LOGIT_MAX, min(_LOGIT_MAX, logit))))
