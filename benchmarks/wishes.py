"""The wishes that a benchmark injects in the AI engine's place: each is decided, permitted, ordered and booked."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from quantum_common.ids import intent_id
from quantum_common.messages import Action, Intent, Side

SIZE_USD = Decimal(250)  # above the smallest order of every listed contract


@dataclass(frozen=True, slots=True)
class Wishes:
    """Rounds over all symbols: opened in one, closed in the next. `run` keeps the ids of two runs apart."""

    symbols: Sequence[str]
    run: str

    def action(self, number: int) -> Action:
        """Given a wish's number from 0 on, return what it asks for."""
        return Action.OPEN if number // len(self.symbols) % 2 == 0 else Action.CLOSE_FULL

    def intent(self, number: int, now_ms: int) -> Intent:
        """Given a wish's number and the time, return it as the AI engine would write it.

        Without a stop, so that one plan is one order; without an edge, which the benchmark's settings do not ask for.
        """
        action, symbol = self.action(number), self.symbols[number % len(self.symbols)]
        opens = action is Action.OPEN
        return Intent(
            intent_id=intent_id(symbol, action, number, self.run),
            symbol=symbol,
            side=Side.BUY if opens else Side.SELL,
            action=action,
            eval_type=action.eval_type,
            confidence=Decimal("0.71"),
            expected_edge_bps=Decimal("18.25"),
            position_size_usd=SIZE_USD if opens else None,
            fraction=None,
            leverage=None,
            entry_price=None,
            stop_loss=None,
            take_profit=None,
            atr_value=Decimal("0.0123"),
            regime="trend",
            model="benchmark",
            model_version=self.run,
            bar_close_ms=now_ms,
            reason="benchmark",
            source="benchmark",
            ts_ms=now_ms,
        )
