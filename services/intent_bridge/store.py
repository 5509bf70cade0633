"""The bridge's state in Redis: one script reads a view, one records a decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import cast

from quantum_common.exchange.port import SymbolRules
from quantum_common.keys import BRIDGE_SEEN_TTL_MS, GROUP_BRIDGE, Keys
from quantum_common.log import Log
from quantum_common.messages import EvalType, Intent
from quantum_common.meter import SILENT, Hop, Meter
from quantum_common.readable import readable
from quantum_common.redis_client import Redis
from quantum_common.scripts import Script
from quantum_common.state import Ledger, OrderState, Portfolio, Snapshot
from quantum_common.stream import Message
from services.intent_bridge.reservations import Observed, Reservation
from services.intent_bridge.view import Decided, View

_Answer = tuple[str, list[str], list[str], list[str], list[tuple[str, str, str, str, str]]]


@dataclass
class RedisState:
    """StatePort over Redis."""

    redis: Redis
    keys: Keys
    log: Log
    meter: Meter = SILENT

    def __post_init__(self) -> None:
        self._read = Script(self.redis, "read_intent_view")
        self._record = Script(self.redis, "record_plan")

    async def view(self, intent: Intent, rules: Mapping[str, SymbolRules], message: Message) -> View:
        """Return what a decision on this intent needs. A record that breaks its contract counts as absent: entries
        then wait, exits pass on what else is known, and the log names the key."""
        keys, symbol = self.keys, intent.symbol
        answer = await self._read(
            {
                "seen": keys.bridge_seen(intent.intent_id),
                "snapshot": keys.snapshot(symbol),
                "ledger": keys.ledger(symbol),
                "portfolio": keys.portfolio,
                "reserved": keys.bridge_reserved,
            },
            {"entry": int(intent.eval_type is EvalType.ENTRY), "prefix": keys.prefix},
        )
        first, snapshot, ledger, portfolio, rows = cast("_Answer", answer)
        return View(
            first_entry_id="" if first == message.id else first,
            snapshot=readable(Snapshot, snapshot, keys.snapshot(symbol), self.log),
            ledger=readable(Ledger, ledger, keys.ledger(symbol), self.log),
            portfolio=readable(Portfolio, portfolio, keys.portfolio, self.log),
            rules=rules.get(symbol),
            reservations=tuple(_observed(*row) for row in rows),
        )

    async def record(self, decided: Decided, message: Message, *, duplicate: bool) -> bool:
        """Write the plan, its reservation and the acknowledgement in one script."""
        keys, reservation = self.keys, decided.reservation
        answer = await self._record(
            {
                "intents": keys.intents,
                "plans": keys.plans,
                "reserved": keys.bridge_reserved,
                "seen": keys.bridge_seen(decided.plan.intent_id),
            },
            {
                "group": GROUP_BRIDGE,
                "id": message.id,
                "duplicate": int(duplicate),
                "seen_ttl_ms": BRIDGE_SEEN_TTL_MS,
                "symbol": decided.plan.symbol,
                "reservation": reservation.to_json() if reservation is not None else "",
                "released": decided.released,
                "fields": decided.plan.to_fields(),
            },
        )
        if answer == "duplicate":
            return False
        plan = decided.plan
        self.meter.decided(plan.eval_type, plan.gate)
        self.meter.hop(Hop.INTENT_TO_PLAN, plan.ts_ms - message.written_ms)
        return True


def _observed(reservation: str, order_state: str, order_ms: str, snapshot_amt: str, snapshot_ms: str) -> Observed:
    return Observed(
        _reservation(reservation),
        OrderState(order_state) if order_state else None,
        int(order_ms),
        Decimal(snapshot_amt) if snapshot_amt else None,
        int(snapshot_ms),
    )


@lru_cache(maxsize=1024)
def _reservation(text: str) -> Reservation:
    """Given a reservation as it was written, return it: each is read again with every entry while it stands."""
    return Reservation.from_json(text)
