"""What the AI engine awaits, besides the exchange's bars (`MarketPort`) and the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from quantum_common.messages import Intent
from quantum_common.state import EngineModel, EngineVerdict, Ledger, MarketState, Portfolio
from services.ai_engine.bars import DeadBar
from services.ai_engine.memory import ExitMemory


@dataclass(frozen=True, slots=True)
class Known:
    """What stands of one symbol: its ledger, None before the first snapshot, and what the exit policy remembers."""

    ledger: Ledger | None
    memory: ExitMemory | None


class Store(Protocol):
    """The engine's state. What follows from a bar is written by `record_bar` alone."""

    async def known(self, symbols: Sequence[str]) -> tuple[Portfolio | None, Mapping[str, Known]]:
        """Return the account's totals, None before they were first written, and what stands of each symbol."""
        ...

    async def record_bar(
        self,
        symbol: str,
        state: MarketState,
        intents: Sequence[Intent],
        memory: ExitMemory | None,
        verdict: EngineVerdict | None = None,
    ) -> bool:
        """Write a bar's outcome in one step; `memory` None and `verdict` None leave theirs as it is.

        Return False, with nothing written, where this bar or a later one was recorded before.
        """
        ...

    async def publish_model(self, state: EngineModel) -> None:
        """Write how the model stands."""
        ...

    async def bury(self, bars: Sequence[DeadBar]) -> None:
        """Write bars that contradict themselves as dead letters."""
        ...
