"""The governor's decision: one executable plan and what was read in, one permit out.

The order of the gates: what ends everything first (expiry, HALTED), then what ends entries: the trading state, the
account, the score, the budgets, the portfolio's limits. HALTED refuses exits too, because that is what the state means;
REDUCING is the state in which only exits pass. Of the two limits on the score the critical one is asked first, so that
a permit names the graver reason.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

import orjson

from quantum_common.kill_score import as_decimal
from quantum_common.messages import EvalType, Issuer, Permit, Plan
from quantum_common.money import ZERO
from quantum_common.reasons import Gate
from quantum_common.state import TradingState
from quantum_common.verdicts import UNKNOWN, as_rows
from services.governor.checks import Check, first_failed, not_asked, unknown, worded
from services.governor.inputs import as_inputs
from services.governor.reservations import Reservation, over
from services.governor.rooms import SIZED, Fit, fitted
from services.governor.score import Scored, critical, cutoff_defined, exit_blocked, scored, warning
from services.governor.view import Limits, View

RISK_PLACES = Decimal("1e-8")
ENTRY_GATES = (
    Gate.TRADING_REDUCING,
    Gate.PORTFOLIO_STATE_STALE,
    Gate.DRAWDOWN_LIMIT,
    Gate.KILL_SCORE_CRITICAL,
    Gate.CUTOFF_UNDEFINED,
    Gate.KILL_SCORE_WARNING_RISK_INCREASE,
    Gate.RATE_LIMIT_BURST,
    Gate.RATE_LIMIT_HOUR,
    Gate.POSITION_CAP,
    *SIZED,
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A plan held against every gate: their words in order, the score, and how much of it may be."""

    checks: tuple[Check, ...]
    reason: Gate | None
    qty: Decimal
    found: Scored
    fit: Fit | None


@dataclass(frozen=True, slots=True)
class Decided:
    """A permit; what a permitted entry reserves, and its worth in USDT; the plans whose reservations are over; the
    score as the statistics are to learn it, None where a part of it is missing."""

    permit: Permit
    reservation: Reservation | None
    released: tuple[str, ...]
    score: float | None
    found: Scored


def decide(plan: Plan, view: View, limits: Limits, now_ms: int) -> Permit:
    """Given an executable plan and what was read, permit what fits of it or refuse with the first gate that fails.

    The permit carries the score's components, the verdict of every gate and all that was read. An exit is asked only
    whether it is still in time, whether trading is halted at all, and, where it is a discretionary part and an exit
    cutoff is set, whether that lets it.
    """
    return decided(plan, view, limits, now_ms).permit


def decided(plan: Plan, view: View, limits: Limits, now_ms: int) -> Decided:
    """Given an executable plan and what was read, return its permit and what is to be written beside it."""
    judged = judge(plan, view, limits, now_ms)
    permit = _permit(plan, view, judged, now_ms)
    portfolio_ms = view.portfolio.ts_ms if view.portfolio is not None else 0
    return Decided(
        permit,
        reservation=_reservation(plan, judged, limits),
        released=over(view.reserved, portfolio_ms, limits.settle_ms),
        score=judged.found.kill.score,
        found=judged.found,
    )


def judge(plan: Plan, view: View, limits: Limits, now_ms: int) -> Judgement:
    """Given an executable plan and what was read, hold it against every gate."""
    found = scored(plan, view, limits, now_ms)
    first = (_expiry(plan, now_ms), _halted(view))
    if plan.eval_type is EvalType.EXIT:
        checks = (*first, exit_blocked(plan, found), *_NOT_ASKED)
        reason = first_failed(checks)
        return Judgement(checks, reason, plan.qty if reason is None else ZERO, found, None)
    fit = fitted(plan, view, limits)
    checks = (*first, _NO_EXIT, *_entry_checks(view, found, limits, now_ms), *fit.checks)
    reason = first_failed(checks)
    return Judgement(checks, reason, fit.qty if reason is None else ZERO, found, fit)


_NO_EXIT = not_asked(Gate.KILL_SCORE_EXIT_BLOCKED)
_NOT_ASKED = tuple(not_asked(gate) for gate in ENTRY_GATES)


def _permit(plan: Plan, view: View, judged: Judgement, now_ms: int) -> Permit:
    kill, cutoff = judged.found.kill, judged.found.cutoff.value
    return Permit(
        plan_id=plan.plan_id,
        issuer=Issuer.GOVERNOR,
        symbol=plan.symbol,
        eval_type=plan.eval_type,
        allow=judged.reason is None,
        reason=judged.reason,
        safe_qty=judged.qty,
        kill_score=as_decimal(kill.score),
        kill_z=as_decimal(judged.found.z),
        z_cutoff=as_decimal(cutoff) if cutoff is not None and cutoff < float("inf") else None,
        k_regime_flip=as_decimal(kill.regime_flip),
        k_sigma_spike=as_decimal(kill.sigma_spike),
        k_ts_drop=as_decimal(kill.ts_drop),
        k_age_penalty=as_decimal(kill.age_penalty),
        exchange_position_amt=view.snapshot.position_amt if view.snapshot is not None else None,
        ledger_position_amt=view.ledger.position_amt if view.ledger is not None else None,
        snapshot_age_ms=now_ms - view.snapshot.ts_ms if view.snapshot is not None else None,
        details=_details(judged, view),
        timestamp=now_ms // 1000,
        ts_ms=now_ms,
    )


def _reservation(plan: Plan, judged: Judgement, limits: Limits) -> Reservation | None:
    """A permitted entry takes its room until the portfolio shows it; an exit takes none."""
    fit = judged.fit
    if fit is None or judged.reason is not None:
        return None
    return Reservation(
        plan_id=plan.plan_id,
        symbol=plan.symbol,
        side=plan.side,
        notional_usd=fit.worth,
        risk_usd=fit.risk.quantize(RISK_PLACES, ROUND_CEILING),  # a quotient has more digits than a record holds
        opens=fit.opens,
        until_ms=plan.expires_ms + limits.unanswered_ms,
    )


def _entry_checks(view: View, found: Scored, limits: Limits, now_ms: int) -> tuple[Check, ...]:
    """Hold an entry against the gates that are for entries and know no size."""
    return (
        _reducing(view),
        _portfolio_age(view, limits, now_ms),
        _drawdown(view, limits),
        critical(found, limits),
        cutoff_defined(found),
        warning(found, limits),
        _rate(
            Gate.RATE_LIMIT_BURST, (view.spent.symbol_5min, view.spent.all_5min),
            (limits.symbol_entries_per_5min_max, limits.entries_per_5min_max),
        ),
        _rate(
            Gate.RATE_LIMIT_HOUR, (view.spent.symbol_hour, view.spent.all_hour),
            (limits.symbol_entries_per_hour_max, limits.entries_per_hour_max),
        ),
    )  # fmt: skip


def _expiry(plan: Plan, now_ms: int) -> Check:
    """An expired plan can become nothing any more: it must not take a budget."""
    late_ms = now_ms - plan.expires_ms
    return Check(Gate.PLAN_EXPIRED, late_ms < 0, (-late_ms, " ms left"), "more than 0 ms")


def _halted(view: View) -> Check:
    state = view.state.trading_state if view.state is not None else None
    return Check(Gate.TRADING_HALTED, state is not TradingState.HALTED, state or UNKNOWN, "not HALTED")


def _reducing(view: View) -> Check:
    """Entries need the state to be there and ACTIVE: a state that Redis has lost is not an ACTIVE one."""
    if view.state is None:
        return unknown(Gate.TRADING_REDUCING, TradingState.ACTIVE)
    state = view.state.trading_state
    return Check(Gate.TRADING_REDUCING, state is TradingState.ACTIVE, state, TradingState.ACTIVE)


def _portfolio_age(view: View, limits: Limits, now_ms: int) -> Check:
    limit = (limits.portfolio_age_ms_max, " ms")
    if view.portfolio is None:
        return unknown(Gate.PORTFOLIO_STATE_STALE, limit)
    age_ms = now_ms - view.portfolio.ts_ms
    return Check(Gate.PORTFOLIO_STATE_STALE, age_ms <= limits.portfolio_age_ms_max, (age_ms, " ms"), limit)


def _drawdown(view: View, limits: Limits) -> Check:
    limit = limits.drawdown_max
    if view.portfolio is None:
        return unknown(Gate.DRAWDOWN_LIMIT, limit)
    drawdown = view.portfolio.drawdown_pct
    return Check(Gate.DRAWDOWN_LIMIT, drawdown <= limits.drawdown_max, drawdown, limit)


def _rate(gate: Gate, spent: tuple[int, int], allowed: tuple[int, int]) -> Check:
    """One more entry, on the symbol and in all."""
    ok = spent[0] < allowed[0] and spent[1] < allowed[1]
    return Check(
        gate,
        ok,
        (spent[0], " on the symbol, ", spent[1], " in all"),
        (allowed[0], " on the symbol, ", allowed[1], " in all"),
    )


def _details(judged: Judgement, view: View) -> str:
    kill = judged.found.kill
    return orjson.dumps(
        {
            "gates": as_rows(worded(judged.checks)),
            "score": kill.score,
            "kill_inputs_missing": list(kill.missing),
            "inputs": as_inputs(view),
        }
    ).decode()
