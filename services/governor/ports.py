"""What the governor may ask of the world."""

from typing import Protocol

from quantum_common.messages import GovernorEvent, Permit, Plan, Result
from quantum_common.state import GovernorState
from quantum_common.stream import Message
from services.governor.budgets import Reservation
from services.governor.view import View


class StatePort(Protocol):
    """What the governor reads before a decision, and what it writes after."""

    async def view(self, plan: Plan, now_ms: int) -> View:
        """Return what a decision on this plan needs, read at one instant."""
        ...

    async def issue(self, permit: Permit, reserved: Reservation | None, message: Message) -> bool:
        """Write the permit, what it takes from the budgets, and the acknowledgement, in one step. Return False, with
        nothing written, where the message has been acknowledged before."""
        ...

    async def give_back(self, result: Result, message: Message, now_ms: int) -> None:
        """Give back what the plan of a result took from the budgets, and acknowledge the result, in one step."""
        ...

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge an entry that asks for nothing."""
        ...

    async def begin(self, state: GovernorState, event: GovernorEvent) -> bool:
        """Write the trading state and its event where there is no trading state yet. Return whether it was written."""
        ...

    async def fold(self, now_ms: int) -> None:
        """Derive the totals of today and yesterday anew from their facts."""
        ...
