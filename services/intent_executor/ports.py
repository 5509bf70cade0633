"""What the executor awaits: its store and, from the common port, the exchange and the clock."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from quantum_common.messages import Plan, Result
from quantum_common.state import OrderRecord
from quantum_common.stream import Message
from services.intent_executor.decide import Seen
from services.intent_executor.guard import Standing


class Claim(StrEnum):
    """How a claim ended."""

    CLAIMED = "claimed"
    EXISTS = "exists"
    PERMIT_GONE = "permit_gone"
    STATE_CHANGED = "state_changed"
    ANOTHER_SERVER = "another_server"


class Store(Protocol):
    """The executor's part of Redis."""

    async def gather(self, plan: Plan) -> Seen:
        """Return everything that the decision needs, read in one go."""
        ...

    async def meet(self) -> None:
        """Learn which Redis this is; claims succeed on this one only, until the next meeting."""
        ...

    async def claim(self, plan: Plan, seen: Seen, record: OrderRecord, result: Result | None = None) -> Claim:
        """Write the journal's record and consume both permits, if nothing has changed since `seen`. A record that is
        final already holds its `result`.

        Raise ConnectionError where Redis has become another server, which may have forgotten what was sent.
        """
        ...

    async def finish(self, plan: Plan, result: Result, record: OrderRecord, message: Message, *, unsent: bool) -> bool:
        """Write the terminal record and the one result, and acknowledge the plan.

        With `unsent` nothing is written over a record that is being sent. A plan that is terminal already is only
        acknowledged, after filling a result that is missing. Return whether this call ended the plan.
        """
        ...

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge an entry that asks for nothing."""
        ...

    async def standings(self) -> Sequence[Standing]:
        """Return every symbol's position with the stop that is remembered for it."""
        ...

    async def standing_stop(self, symbol: str) -> str:
        """Return the client id of the stop that stands for a symbol, or an empty string."""
        ...

    async def keep_stop(self, symbol: str, client_id: str, trigger_price: str, now_ms: int) -> None:
        """Remember the stop that stands for a symbol; an empty id forgets it."""
        ...
