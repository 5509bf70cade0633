"""What the bridge may ask of the world."""

from collections.abc import Mapping
from typing import Protocol

from quantum_common.exchange.port import ReferencePort, SymbolRules
from quantum_common.messages import Intent
from quantum_common.stream import Message
from services.intent_bridge.view import Decided, View

__all__ = ["ReferencePort", "StatePort"]


class StatePort(Protocol):
    """What the bridge reads before a decision, and the one write that records it."""

    async def view(self, intent: Intent, rules: Mapping[str, SymbolRules], message: Message) -> View:
        """Return what a decision on this intent needs, read at one instant. An entry of the stream is never the
        duplicate of itself."""
        ...

    async def record(self, decided: Decided, message: Message, *, duplicate: bool) -> bool:
        """Write the plan and what it reserves, and acknowledge the message, in one step; once, however often the
        message is delivered. Return False, with nothing written, where another entry has carried the intent first and
        the decision does not know of it (`duplicate` says that it does)."""
        ...
