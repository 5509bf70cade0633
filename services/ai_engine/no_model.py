"""What stands in a model's place where none is configured: it says nothing, and so nothing is ever entered."""

from dataclasses import dataclass

from services.ai_engine.features import Features
from services.ai_engine.model import Signal, model_version
from services.ai_engine.policy import Policy

NAME = "none"


@dataclass(frozen=True, slots=True)
class NoModel:
    """The model of an engine that only leads positions to their end. No signal means no wish to enter."""

    version: str
    name: str = NAME

    def predict(self, features: Features) -> Signal | None:
        """Return nothing, whatever the features are."""
        del features
        return None


def no_model(policy: Policy) -> NoModel:
    """Given the policy that exits follow, return the absent model with the version that stands on their wishes."""
    return NoModel(model_version(NAME, (), policy))
