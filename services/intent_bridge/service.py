"""The bridge at work: an intent in, a plan out.

Entries are decided one after the other, so that each sees what the one before it reserved; exits of a symbol are in a
lane of their own and wait for nobody. Everything that a crash leaves is pending in the stream, so there is nothing to
recover.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from quantum_common.clock import Clock
from quantum_common.exchange.port import ExchangeUnavailable, SymbolRules
from quantum_common.log import Log
from quantum_common.messages import Action, Intent
from quantum_common.stream import Message
from services.intent_bridge.decide import decide
from services.intent_bridge.ports import ReferencePort, StatePort
from services.intent_bridge.view import Limits

ENTRIES = "entries"  # no symbol is written in lower case


def lane(message: Message) -> str:
    """Given an intent's entry, return its lane: one for all entries, one for the exits of each symbol."""
    return ENTRIES if message.fields.get("action") == Action.OPEN else message.fields.get("symbol", "")


@dataclass
class Bridge:
    """Decides intents. `shard` is the key prefix."""

    state: StatePort
    reference: ReferencePort
    clock: Clock
    limits: Limits
    shard: str
    log: Log
    rules: Mapping[str, SymbolRules] = field(default_factory=dict)
    exchange_away: bool = False

    async def handle(self, message: Message) -> None:
        """Given an entry of `trade.intent`, read, decide, record. Raise Malformed for one that breaks the contract."""
        intent = message.read(Intent)
        recorded = False
        while not recorded:
            view = await self.state.view(intent, self.rules, message)
            decided = decide(intent, view, self.limits, self.shard, self.clock.now_ms())
            recorded = await self.state.record(decided, message, duplicate=bool(view.first_entry_id))
        plan = decided.plan
        self.log.debug(
            "plan", plan_id=plan.plan_id, symbol=plan.symbol, action=plan.action, decision=plan.decision,
            gate=plan.gate or "", qty=str(plan.qty), intent_id=plan.intent_id,
        )  # fmt: skip

    async def refresh_rules(self) -> None:
        """Ask the exchange for its filters. While they cannot be had the last ones hold, and without any no entry is
        sized: `symbol_not_tradable`."""
        try:
            self.rules = await self.reference.rules()
        except ExchangeUnavailable as error:
            if not self.exchange_away:
                self.log.warning("no filters from the exchange; the last ones hold", error=error.cause)
            self.exchange_away = True
        else:
            self.exchange_away = False
