"""What is known of a symbol when its bar has closed, and what becomes of the memory: pure bookkeeping, no opinion."""

from decimal import Decimal
from typing import NamedTuple

from quantum_common.exchange.port import Bar, FundingTerms, SymbolRules
from quantum_common.state import Ledger, Portfolio, PositionSide
from services.ai_engine.features import Features
from services.ai_engine.fitness import FIT, Fitness
from services.ai_engine.memory import ExitMemory, Nerves
from services.ai_engine.policy import Policy
from services.ai_engine.stops import on_grid, stop_distance


class Seen(NamedTuple):
    """What a decision sees. `ledger` is None before the first snapshot, `memory` before the first position, `funding`
    where the exchange has not said it; `fitness` is the model's."""

    symbol: str
    bar: Bar
    features: Features
    ledger: Ledger | None
    portfolio: Portfolio | None
    memory: ExitMemory | None
    rules: SymbolRules | None
    funding: FundingTerms | None = None
    fitness: Fitness = FIT


class Standing(NamedTuple):
    """An open position as the exit policy sees it. `sign` is +1 for a long one; prices in USDT. In units of the
    risk, `r` is the profit at the close and `best_r` the best so far."""

    side: PositionSide
    sign: int
    amount: Decimal
    entry_price: Decimal
    price: Decimal
    best_price: Decimal
    risk: Decimal
    stop_price: Decimal
    stop_was_set: bool  # before this bar, so that the bar's extremes count against it
    foreign: bool  # taken up on this bar, and no wish of this engine led to it
    bars_held: int
    r: Decimal
    best_r: Decimal
    memory: ExitMemory


def standing(seen: Seen, ledger: Ledger, rules: SymbolRules, policy: Policy) -> Standing:
    """Given an open position, return it with what is remembered of it; a position not known yet is taken as it is.

    A wish of this engine hands its stop on to the position that it led to; any other position (adopted, or opened by
    an operator) gets a stop from the volatility of now.
    """
    sign = 1 if ledger.side is PositionSide.LONG else -1
    entry_price = ledger.avg_entry_price or seen.bar.close  # an adopted position may have none
    memory = seen.memory
    known = memory is not None and _same(memory, ledger)
    wish = memory if memory is not None and _led_to(memory, ledger, seen.bar.close_ms) else None
    if memory is None or not known:
        if wish is not None:
            memory = _first_memory(ledger, seen.bar.close_ms, wish.risk, wish.stop_price, wish.regime)
        else:
            distance = stop_distance(seen.features, policy.exit, rules)
            stop_price = on_grid(entry_price - sign * distance, rules)
            memory = _first_memory(ledger, seen.bar.close_ms, distance, stop_price, seen.features.label)
    risk, stop = memory.risk, memory.stop_price
    if risk is None or stop is None:
        raise ValueError(f"{seen.symbol}: the memory of a position has no stop")
    extreme = seen.bar.high if sign > 0 else seen.bar.low
    marks = [entry_price, seen.bar.close, memory.best_price, ledger.peak_price, extreme if known else None]
    best = (max if sign > 0 else min)(mark for mark in marks if mark is not None)
    return Standing(
        side=ledger.side, sign=sign, amount=abs(ledger.position_amt), entry_price=entry_price,
        price=seen.bar.close, best_price=best, risk=risk, stop_price=stop, stop_was_set=known,
        foreign=not known and wish is None,
        bars_held=(seen.bar.close_ms - memory.since_bar_ms) // policy.interval_ms + 1,
        r=sign * (seen.bar.close - entry_price) / risk, best_r=sign * (best - entry_price) / risk,
        memory=memory if memory.best_price == best else memory.model_copy(update={"best_price": best}),
    )  # fmt: skip


def _same(memory: ExitMemory, ledger: Ledger) -> bool:
    return not memory.wished and memory.side is ledger.side and memory.opened_ms == (ledger.opened_ms or 0)


def _led_to(memory: ExitMemory, ledger: Ledger, bar_close_ms: int) -> bool:
    """Given a memory, return whether it is a fresh wish on the side of the position."""
    return memory.wished and memory.side is ledger.side and bar_close_ms <= memory.quiet_until_ms


def _first_memory(
    ledger: Ledger, bar_close_ms: int, risk: Decimal | None, stop: Decimal | None, regime: str
) -> ExitMemory:
    return ExitMemory(
        side=ledger.side, wished=False, opened_ms=ledger.opened_ms or 0, since_bar_ms=bar_close_ms, stop_price=stop,
        risk=risk, best_price=None, stages=0, asked_bar_ms=0, asked_amt=Decimal(0), quiet_until_ms=0,
        nerves=Nerves.UNKNOWN, kill_causes="", regime=regime,
    )  # fmt: skip


def rested(memory: ExitMemory | None, bar_close_ms: int, policy: Policy) -> ExitMemory | None:
    """Given the memory of a symbol that stands flat, return it after this bar.

    A position that is gone leaves a cooldown, and keeps its distance to the next; a wish stays until its time is over.
    """
    if memory is None or memory.wished or memory.side is PositionSide.FLAT:
        return memory
    rest = policy.entry.cooldown_bars * policy.interval_ms
    spacing = policy.entry.spacing_bars * policy.interval_ms
    return ExitMemory.quiet(max(bar_close_ms + rest, memory.since_bar_ms + spacing))
