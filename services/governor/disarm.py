"""When the governor takes the pipeline to REDUCING by itself. Coming back is a person's: nothing here ever resumes."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from quantum_common.messages import EvalType, Result
from quantum_common.money import plain
from quantum_common.reasons import Gate
from quantum_common.state import GovernorState, Portfolio, TradingState

REDUCE_ONLY_REJECTED = -2022
ERRORS = frozenset({Gate.EXCHANGE_REJECTED, Gate.EXCHANGE_UNAVAILABLE})
BURST_MS = 300_000


@dataclass(frozen=True, slots=True)
class DisarmLimits:
    """What is too much. Drawdown as a fraction, times in milliseconds; zero turns a cause off."""

    drawdown: Decimal
    errors: int
    hold_ms: int
    portfolio_ms: int
    bursts: int


@dataclass(frozen=True, slots=True)
class Health:
    """What the causes are read from. `results` are the newest first; `held` is each held symbol with since when;
    `bursts` are the times at which entries came over the burst limit; `started_ms` is when this governor began."""

    state: GovernorState | None
    portfolio: Portfolio | None
    results: Sequence[Result]
    held: Sequence[tuple[str, int]]
    bursts: Sequence[int]
    started_ms: int


def cause(seen: Health, limits: DisarmLimits, now_ms: int) -> str:
    """Given what is seen, return why the pipeline must go to REDUCING, in words; empty where it need not.

    Only ACTIVE is left, and what a person has seen and resumed after does not count again: errors, holds and bursts
    from before the state's beginning are theirs.
    """
    state = seen.state
    if state is None or state.trading_state is not TradingState.ACTIVE:
        return ""
    return (
        _drawdown(seen.portfolio, limits)
        or _errors(seen.results, state.since_ms, limits)
        or _drift(seen.held, state.since_ms, limits, now_ms)
        or _stale(seen, limits, now_ms)
        or _burst(seen.bursts, state.since_ms, limits, now_ms)
    )


def _drawdown(portfolio: Portfolio | None, limits: DisarmLimits) -> str:
    if portfolio is None or portfolio.drawdown_pct < limits.drawdown:
        return ""
    return f"drawdown {plain(portfolio.drawdown_pct)} of the peak, {plain(limits.drawdown)} allowed"


def _errors(results: Sequence[Result], since_ms: int, limits: DisarmLimits) -> str:
    """Count the newest orders that the exchange refused one after the other. What never reached it does not count."""
    streak = 0
    for result in results:
        if result.ts_ms <= since_ms or result.executed:
            break
        streak += result.gate in ERRORS and not _nothing_left(result)
    if not limits.errors or streak < limits.errors:
        return ""
    return f"{streak} orders in a row without success at the exchange, {limits.errors} allowed"


def _nothing_left(result: Result) -> bool:
    """Return whether an exit was refused because the one before it had closed everything: that is no error."""
    return result.eval_type is EvalType.EXIT and result.error.startswith(f"{REDUCE_ONLY_REJECTED} ")


def _drift(held: Sequence[tuple[str, int]], since_ms: int, limits: DisarmLimits, now_ms: int) -> str:
    for symbol, held_ms in held:
        length_ms = now_ms - max(held_ms, since_ms)
        if limits.hold_ms and length_ms >= limits.hold_ms:
            return f"the ledger of {symbol} has differed from the exchange for {length_ms} ms"
    return ""


def _stale(seen: Health, limits: DisarmLimits, now_ms: int) -> str:
    """A portfolio that stands still while this governor looks on. One from before its start says nothing yet."""
    if seen.portfolio is None or seen.state is None or not limits.portfolio_ms:
        return ""
    still_ms = now_ms - max(seen.portfolio.ts_ms, seen.started_ms, seen.state.since_ms)
    return f"the portfolio has stood still for {still_ms} ms" if still_ms >= limits.portfolio_ms else ""


def _burst(bursts: Sequence[int], since_ms: int, limits: DisarmLimits, now_ms: int) -> str:
    count = sum(1 for at_ms in bursts if at_ms > max(since_ms, now_ms - BURST_MS))
    if not limits.bursts or count < limits.bursts:
        return ""
    return f"{count} entries over the burst limit in 5 minutes, {limits.bursts} allowed"
