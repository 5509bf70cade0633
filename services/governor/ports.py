"""What the governor may ask of the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from quantum_common.messages import GovernorEvent, Plan, Result
from quantum_common.state import GovernorState, Portfolio
from quantum_common.stream import Message
from services.governor.decide import Decided
from services.governor.view import View


class Issued(StrEnum):
    """What became of a permit: WRITTEN; DONE where its plan was acknowledged before; CHANGED where something else was
    reserved since the decision read. Only WRITTEN has written anything."""

    WRITTEN = "written"
    DONE = "done"
    CHANGED = "changed"


class StatePort(Protocol):
    """What the governor reads before a decision, and what it writes after."""

    async def view(self, plan: Plan, now_ms: int) -> View:
        """Return what a decision on this plan needs, read at one instant."""
        ...

    async def issue(self, decided: Decided, seq: int, alpha: float, message: Message) -> Issued:
        """Write the permit, what its score teaches, what it takes, and the acknowledgement, in one step; `seq` is the
        count of reservations that the decision knew of."""
        ...

    async def give_back(self, result: Result, message: Message, now_ms: int) -> None:
        """Give back what the plan of a result took, and acknowledge the result, in one step."""
        ...

    async def settle(self, result: Result, message: Message) -> None:
        """Note that the plan of a result was executed, and acknowledge the result, in one step."""
        ...

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge an entry that asks for nothing."""
        ...

    async def begin(self, state: GovernorState, event: GovernorEvent) -> bool:
        """Write the trading state and its event where there is no trading state yet. Return whether it was written."""
        ...

    async def report(self, event: GovernorEvent) -> None:
        """Add an event."""
        ...

    async def fold(self, now_ms: int) -> None:
        """Derive the totals of today and yesterday anew from their facts."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """One symbol as the book sees it: its signed notional in USDT, its last closed bar, and since when it is held;
    zero where there is none."""

    symbol: str
    notional_usd: Decimal
    bar_close_ms: int
    price: Decimal
    held_ms: int


class WatchPort(Protocol):
    """What the governor watches between plans."""

    async def account(self) -> tuple[GovernorState | None, Portfolio | None]:
        """Return the trading state and the portfolio."""
        ...

    async def results(self, count: int) -> Sequence[Result]:
        """Return the newest results of plans, the newest first."""
        ...

    async def symbols(self) -> Sequence[str]:
        """Return every symbol that has a snapshot."""
        ...

    async def standing(self, symbols: Sequence[str]) -> Mapping[str, Standing]:
        """Return what stands on each symbol."""
        ...

    async def disarm(self, state: GovernorState, event: GovernorEvent) -> bool:
        """Write the trading state and its event where the one that stands is ACTIVE. Return whether it was written."""
        ...
