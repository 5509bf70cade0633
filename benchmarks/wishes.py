"""The wishes that a benchmark injects in the AI engine's place: each is decided, permitted, ordered and booked."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from quantum_common.ids import intent_id
from quantum_common.messages import Action, Intent, Side

SIZE_USD = Decimal(250)  # above the smallest order of every listed contract


@dataclass(frozen=True, slots=True)
class Wishes:
    """`standing` symbols are opened first; from then on each wish closes the oldest position or opens the next symbol,
    in turn, so that so many positions stand at any time. `run` keeps the ids of two runs apart.

    There must be at least twice as many symbols as stand: then `2 * standing` wishes in a row are on that many symbols.
    """

    symbols: Sequence[str]
    standing: int
    run: str

    def wish(self, number: int) -> tuple[Action, str]:
        """Given a wish's number from 0 on, return what it asks for, and on which symbol."""
        turn, opens = divmod(max(number - self.standing, 0), 2)
        if number < self.standing:
            return Action.OPEN, self.symbols[number]
        if opens:
            return Action.OPEN, self.symbols[(self.standing + turn) % len(self.symbols)]
        return Action.CLOSE_FULL, self.symbols[turn % len(self.symbols)]

    def intent(self, number: int, now_ms: int) -> Intent:
        """Given a wish's number and the time, return it as the AI engine would write it.

        Without a stop, so that one plan is one order; without an edge, which the benchmark's settings do not ask for.
        """
        action, symbol = self.wish(number)
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
