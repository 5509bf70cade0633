"""What is known of a symbol when its bar has closed, and what becomes of the memory: pure bookkeeping, no opinion."""

from dataclasses import dataclass
from decimal import Decimal

from quantum_common.exchange.port import Bar, SymbolRules
from quantum_common.state import Ledger, Portfolio, PositionSide
from services.ai_engine.features import Features
from services.ai_engine.memory import ExitMemory
from services.ai_engine.policy import Policy
from services.ai_engine.stops import on_grid, stop_distance


@dataclass(frozen=True, slots=True)
class Seen:
    """What a decision sees. `ledger` is None before the first snapshot, `memory` before the first position."""

    symbol: str
    bar: Bar
    features: Features
    ledger: Ledger | None
    portfolio: Portfolio | None
    memory: ExitMemory | None
    rules: SymbolRules | None


@dataclass(frozen=True, slots=True)
class Standing:
    """An open position as the exit policy sees it. `sign` is +1 for a long one; prices in USDT."""

    side: PositionSide
    sign: int
    amount: Decimal
    entry_price: Decimal
    price: Decimal
    best_price: Decimal
    risk: Decimal
    stop_price: Decimal
    stop_was_set: bool  # before this bar, so that the bar's extremes count against it
    bars_held: int
    memory: ExitMemory

    @property
    def r(self) -> Decimal:
        """Return the profit at the close, in R."""
        return self.sign * (self.price - self.entry_price) / self.risk

    @property
    def best_r(self) -> Decimal:
        """Return the best profit so far, in R."""
        return self.sign * (self.best_price - self.entry_price) / self.risk


def standing(seen: Seen, ledger: Ledger, rules: SymbolRules, policy: Policy) -> Standing:
    """Given an open position, return it with what is remembered of it; a position not known yet is taken as it is.

    A wish of this engine hands its stop on to the position that it led to; any other position (adopted, or opened by
    an operator) gets a stop from the volatility of now.
    """
    sign = 1 if ledger.side is PositionSide.LONG else -1
    memory = seen.memory
    known = memory is not None and _same(memory, ledger)
    if memory is None or not known:
        memory = _taken_up(seen, ledger, rules, policy, sign)
    risk, stop = memory.risk, memory.stop_price
    if risk is None or stop is None:
        raise ValueError(f"{seen.symbol}: the memory of a position has no stop")
    extreme = seen.bar.high if sign > 0 else seen.bar.low
    marks = [ledger.avg_entry_price, seen.bar.close, memory.best_price, ledger.peak_price, extreme if known else None]
    best = (max if sign > 0 else min)(mark for mark in marks if mark is not None and mark > 0)
    return Standing(
        side=ledger.side, sign=sign, amount=abs(ledger.position_amt), entry_price=ledger.avg_entry_price,
        price=seen.bar.close, best_price=best, risk=risk, stop_price=stop, stop_was_set=known,
        bars_held=(seen.bar.close_ms - memory.since_bar_ms) // policy.interval_ms + 1,
        memory=memory.model_copy(update={"best_price": best}),
    )  # fmt: skip


def _same(memory: ExitMemory, ledger: Ledger) -> bool:
    return not memory.wished and memory.side is ledger.side and memory.opened_ms == (ledger.opened_ms or 0)


def _taken_up(seen: Seen, ledger: Ledger, rules: SymbolRules, policy: Policy, sign: int) -> ExitMemory:
    """Given a position seen for the first time, return its first memory."""
    wish = seen.memory
    if wish is not None and wish.wished and wish.side is ledger.side and wish.risk and wish.stop_price:
        risk, stop = wish.risk, wish.stop_price
    else:
        risk = stop_distance(seen.features, policy.exit, rules)
        stop = on_grid(ledger.avg_entry_price - sign * risk, rules)
    return ExitMemory(
        side=ledger.side, wished=False, opened_ms=ledger.opened_ms or 0, since_bar_ms=seen.bar.close_ms,
        stop_price=stop, risk=risk, best_price=None, stages=0, asked_bar_ms=0, asked_amt=Decimal(0), quiet_until_ms=0,
    )  # fmt: skip


def rested(memory: ExitMemory | None, bar_close_ms: int, policy: Policy) -> ExitMemory | None:
    """Given the memory of a symbol that stands flat, return it after this bar.

    A position that is gone leaves a cooldown; a wish stays until its time is over.
    """
    if memory is None or memory.wished or memory.side is PositionSide.FLAT:
        return memory
    return ExitMemory.quiet(bar_close_ms + policy.entry.cooldown_bars * policy.interval_ms)
