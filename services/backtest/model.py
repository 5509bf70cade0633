"""Which model a run decides by: a trained one from its folder, else the first strategy."""

from pathlib import Path
from typing import Any

from services.ai_engine.model import Model
from services.ai_engine.model_files import load_model
from services.ai_engine.momentum_model import momentum_model
from services.ai_engine.policy import Policy


def model_for(folder: Path | None, policy: Policy) -> tuple[Model, dict[str, Any] | None]:
    """Given a model's folder, or None, and the policy, return the model and its card. Raise ModelRefused.

    A model past its age is taken: what it would have done on bars of the past may still be asked.
    """
    if folder is None:
        return momentum_model(policy), None
    model = load_model(folder)
    return model.under(policy), model.card.model_dump(mode="json")
