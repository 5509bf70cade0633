"""The bridge's state in memory: the reads and the one write of `services.intent_bridge.store`."""

from collections.abc import Mapping

from quantum_common.exchange.port import SymbolRules
from quantum_common.keys import BRIDGE_SEEN_TTL_MS, GROUP_BRIDGE
from quantum_common.messages import EvalType, Intent
from quantum_common.stream import Message
from services.backtest.board import Board, Fading
from services.intent_bridge.reservations import Observed, Reservation
from services.intent_bridge.view import Decided, View


class BridgeState:
    """Implements the bridge's `StatePort`."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._seen: Fading[str, str] = Fading(board.clock, BRIDGE_SEEN_TTL_MS)
        self._reserved: dict[str, Reservation] = {}

    async def view(self, intent: Intent, rules: Mapping[str, SymbolRules], message: Message) -> View:
        """Return what a decision on this intent needs. An entry is never the duplicate of itself."""
        board, symbol = self._board, intent.symbol
        first = self._seen.get(intent.intent_id) or ""
        entry = intent.eval_type is EvalType.ENTRY
        return View(
            first_entry_id="" if first == message.id else first,
            snapshot=board.snapshots.get(symbol),
            ledger=board.ledgers.get(symbol),
            portfolio=board.portfolio,
            rules=rules.get(symbol),
            reservations=tuple(self._observed(one) for one in self._reserved.values()) if entry else (),
        )

    async def record(self, decided: Decided, message: Message, *, duplicate: bool) -> bool:
        """Write the plan, what it reserves and the acknowledgement, once for each entry. Return False, with nothing
        written, where another entry came first and the decision does not know of it."""
        board, plan = self._board, decided.plan
        first = self._seen.get(plan.intent_id)
        if first == message.id:
            board.acknowledge(GROUP_BRIDGE, message)
            return True
        if first and not duplicate:
            return False
        board.send(board.keys.plans, plan)
        if decided.reservation is not None:
            self._reserved[plan.symbol] = decided.reservation
        for symbol in decided.released:
            self._reserved.pop(symbol, None)
        if not duplicate:
            self._seen.put(plan.intent_id, message.id)
        board.acknowledge(GROUP_BRIDGE, message)
        return True

    def _observed(self, reservation: Reservation) -> Observed:
        order = self._board.orders.get(reservation.plan_id)
        shown = self._board.snapshots.get(reservation.symbol)
        return Observed(
            reservation,
            order.state if order is not None else None,
            order.updated_ms if order is not None else 0,
            shown.position_amt if shown is not None else None,
            shown.ts_ms if shown is not None else 0,
        )
