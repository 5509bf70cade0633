"""When to leave an open position: at most one wish a bar, the most urgent reason first.

Stops first, then time, then opinion, then partial profits, then a better stop. Every reason lowers exposure or risk.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from quantum_common.exchange.port import Bar, SymbolRules
from quantum_common.messages import Action
from quantum_common.money import BPS, floor_to_step
from services.ai_engine.features import Features
from services.ai_engine.memory import ExitMemory
from services.ai_engine.policy import Costs, ExitRules
from services.ai_engine.precision import Measure
from services.ai_engine.regime import Label
from services.ai_engine.standing import Standing
from services.ai_engine.stops import on_grid

RETRY_BARS = 3  # a partial close that changed nothing is asked for again after so many bars
_STOP_GUARD_R = Decimal("0.25")  # a stop nearer to the price than this would be hit by noise


class ExitReason(StrEnum):
    """Why the policy wants out, or its stop moved."""

    HARD_STOP = "hard_stop"
    TAKE_PROFIT = "take_profit"
    TIME_STOP = "time_stop"
    REGIME_CHANGE = "regime_change"
    KILL_SCORE = "kill_score"
    SECOND_PARTIAL = "second_partial"
    FIRST_PARTIAL = "first_partial"
    BREAK_EVEN = "break_even"
    TRAILING_STOP = "trailing_stop"
    INITIAL_STOP = "initial_stop"


@dataclass(frozen=True, slots=True)
class Exit:
    """A wish to lower exposure, or to move the stop to `stop_price`; `value` went past `limit`."""

    action: Action
    reason: ExitReason
    value: Measure
    limit: Measure
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ExitVerdict:
    """What to ask for on this bar, if anything, and what to remember."""

    wish: Exit | None
    memory: ExitMemory


def exit_of(
    held: Standing, bar: Bar, features: Features, exits: ExitRules, costs: Costs, rules: SymbolRules, interval_ms: int
) -> ExitVerdict:
    """Given an open position and the bar that closed, return the one wish of this bar and the new memory."""
    leaving = _full_close(held, bar, features, exits)
    if leaving is not None:
        return ExitVerdict(leaving, held.memory)
    memory = _unanswered(held, bar, interval_ms)
    for stage, at_r, action, why in (
        (2, exits.second_partial_r, Action.CLOSE_50, ExitReason.SECOND_PARTIAL),
        (1, exits.first_partial_r, Action.CLOSE_25, ExitReason.FIRST_PARTIAL),
    ):
        if memory.stages < stage and held.r >= at_r:
            memory = memory.model_copy(update={"stages": stage})
            if _closable(held.amount, action, rules):
                asked = {"asked_bar_ms": bar.close_ms, "asked_amt": held.amount}
                return ExitVerdict(Exit(action, why, held.r, at_r), memory.model_copy(update=asked))
            break
    return _better_stop(held, memory, exits, costs, rules)


def _full_close(held: Standing, bar: Bar, features: Features, exits: ExitRules) -> Exit | None:
    """Given a position, return why all of it should go, or None."""
    worst = (bar.low if held.sign > 0 else bar.high) if held.stop_was_set else bar.close
    if held.sign * (worst - held.stop_price) <= 0:
        return _out(ExitReason.HARD_STOP, worst, held.stop_price)
    if held.r >= exits.take_profit_r:
        return _out(ExitReason.TAKE_PROFIT, held.r, exits.take_profit_r)
    if held.bars_held >= exits.time_stop_bars:
        return _out(ExitReason.TIME_STOP, held.bars_held, exits.time_stop_bars)
    home = held.memory.regime or Label.TREND
    if features.warm and features.label != home and held.bars_held >= exits.min_hold_bars:
        likely = features.regime.of(Label(home))
        if likely < exits.regime_exit_p:
            return _out(ExitReason.REGIME_CHANGE, likely, exits.regime_exit_p)
    return None


def _out(reason: ExitReason, value: Measure, limit: Measure) -> Exit:
    return Exit(Action.CLOSE_FULL, reason, value, limit)


def _unanswered(held: Standing, bar: Bar, interval_ms: int) -> ExitMemory:
    """Given a position, return its memory with a partial close taken back that was asked for and never happened."""
    memory = held.memory
    waited = bar.close_ms - memory.asked_bar_ms >= RETRY_BARS * interval_ms
    if not memory.asked_bar_ms or not waited:
        return memory
    happened = held.amount < memory.asked_amt
    stages = memory.stages if happened else memory.stages - 1
    return memory.model_copy(update={"stages": stages, "asked_bar_ms": 0, "asked_amt": Decimal(0)})


def _closable(amount: Decimal, action: Action, rules: SymbolRules) -> bool:
    """Given a partial close, return whether the part is large enough to be an order at all."""
    fraction = action.close_fraction or Decimal(0)
    part = floor_to_step(amount * fraction, rules.step_size)
    return part > 0 and part >= rules.min_qty


def _better_stop(held: Standing, memory: ExitMemory, exits: ExitRules, costs: Costs, rules: SymbolRules) -> ExitVerdict:
    """Given a position, return a stop that locks more in, where one is clearly better. A stop never moves back."""
    candidates: list[tuple[Decimal, ExitReason]] = []
    if held.best_r >= exits.break_even_r:
        costs_price = held.entry_price * costs.round_trip_bps / BPS
        candidates.append((held.entry_price + held.sign * costs_price, ExitReason.BREAK_EVEN))
    if held.best_r >= exits.trail_from_r:
        trail = held.best_price - held.sign * exits.trail_r * held.risk
        candidates.append((trail, ExitReason.TRAILING_STOP))
    if not candidates:  # a position that somebody else opened may stand without a stop on the exchange
        return ExitVerdict(_stop_at(held, held.stop_price, ExitReason.INITIAL_STOP) if held.foreign else None, memory)
    price, reason = max(candidates, key=lambda candidate: held.sign * candidate[0])
    price = on_grid(price, rules)
    improves = held.sign * (price - held.stop_price) >= exits.improvement_r_min * held.risk
    clear_of_price = held.sign * (held.price - price) >= max(_STOP_GUARD_R * held.risk, rules.tick_size)
    if not improves or not clear_of_price:
        return ExitVerdict(None, memory)
    moved = memory.model_copy(update={"stop_price": price})
    return ExitVerdict(_stop_at(held, price, reason), moved)


def _stop_at(held: Standing, price: Decimal, reason: ExitReason) -> Exit:
    """Return the wish to move the stop from where it is to a price."""
    return Exit(Action.UPDATE_SL, reason, price, held.stop_price, stop_price=price)
