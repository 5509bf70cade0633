"""Whether the model in use may still open positions: its state, and what decided. Exits never ask."""

from typing import NamedTuple

from quantum_common.state import ModelStatus
from services.ai_engine.precision import Measure


class Fitness(NamedTuple):
    """How the model stands. `reason` in words, `value` against `limit` where a limit decided."""

    status: ModelStatus
    reason: str = ""
    value: Measure | None = None
    limit: Measure | None = None


FIT = Fitness(ModelStatus.OK)
NO_MODEL = Fitness(ModelStatus.NONE, "no trained model is configured: AI_MODEL_DIR is empty")
