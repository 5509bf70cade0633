"""What is to be trained, and why it cannot be."""

from dataclasses import dataclass
from functools import cached_property

from quantum_common.clock import MINUTE_MS
from services.ai_engine.leader import LEADER


class TrainingFault(Exception):
    """Data that no honest model comes from; one line says what is wrong and what to do."""


@dataclass(frozen=True)
class Plan:
    """Everything but the data that a training depends on: the same plan and the same data give the same model.

    `folds` are the stretches of time that are judged, one after the other; one more before them only calibrates. Costs
    are those of one side, in basis points.
    """

    decision_ms: int = 15 * MINUTE_MS
    horizon_bars: int = 240
    folds: int = 5
    seed: int = 1
    taker_fee_bps: float = 5.0
    slippage_bps: float = 1.0
    margin_bps: float = 2.0
    leader: str = LEADER  # empty: nobody leads

    @cached_property
    def horizon_ms(self) -> int:
        """Return how far ahead a label looks, which is also how much is purged and how much is embargoed."""
        return self.horizon_bars * MINUTE_MS

    @property
    def cost_bps(self) -> float:
        """Return what a round trip costs without funding."""
        return 2.0 * (self.taker_fee_bps + self.slippage_bps)
