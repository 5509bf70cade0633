"""The governor's decision: one executable plan and what was read in, one permit out.

The order of the gates: what ends everything first (expiry, HALTED), then what ends entries: the trading state, the
account, the score, the budgets. HALTED refuses exits too, because that is what the state means; REDUCING is the state
in which only exits pass. Of the two limits on the score the critical one is asked first, so that a permit names the
graver reason.
"""

from decimal import Decimal

import orjson

from quantum_common.kill_score import KillComponents, as_decimal, components
from quantum_common.messages import EvalType, Issuer, Permit, Plan
from quantum_common.money import ZERO, plain
from quantum_common.reasons import Gate
from quantum_common.state import TradingState
from quantum_common.verdicts import UNKNOWN, Verdict, as_rows, first_failed, not_asked, unknown
from services.governor.view import Limits, View

ENTRY_GATES = (
    Gate.TRADING_REDUCING,
    Gate.PORTFOLIO_STATE_STALE,
    Gate.DRAWDOWN_LIMIT,
    Gate.KILL_SCORE_CRITICAL,
    Gate.KILL_SCORE_WARNING_RISK_INCREASE,
    Gate.RATE_LIMIT_BURST,
    Gate.RATE_LIMIT_HOUR,
    Gate.DAILY_NOTIONAL_CAP,
)


def decide(plan: Plan, view: View, limits: Limits, now_ms: int) -> Permit:
    """Given an executable plan and what was read, permit its quantity or refuse with the first gate that fails.

    The permit carries the score's components and the verdict of every gate. An exit is asked only whether it is still
    in time and whether trading is halted at all.
    """
    fresh = view.market is not None and now_ms - view.market.ts_ms <= limits.market_state_age_ms_max
    kill = components(view.market if fresh else None, view.ledger, view.snapshot, now_ms)
    verdicts = (_expiry(plan, now_ms), _halted(view), *_entry_verdicts(plan, view, kill, limits, now_ms))
    reason = first_failed(verdicts)
    return Permit(
        plan_id=plan.plan_id,
        issuer=Issuer.GOVERNOR,
        symbol=plan.symbol,
        eval_type=plan.eval_type,
        allow=reason is None,
        reason=reason,
        safe_qty=plan.qty if reason is None else ZERO,
        kill_score=as_decimal(kill.score),
        kill_z=None,
        z_cutoff=None,
        k_regime_flip=as_decimal(kill.regime_flip),
        k_sigma_spike=as_decimal(kill.sigma_spike),
        k_ts_drop=as_decimal(kill.ts_drop),
        k_age_penalty=as_decimal(kill.age_penalty),
        exchange_position_amt=view.snapshot.position_amt if view.snapshot is not None else None,
        ledger_position_amt=view.ledger.position_amt if view.ledger is not None else None,
        snapshot_age_ms=now_ms - view.snapshot.ts_ms if view.snapshot is not None else None,
        details=_details(verdicts, kill),
        timestamp=now_ms // 1000,
        ts_ms=now_ms,
    )


def notional(plan: Plan, view: View) -> Decimal | None:
    """Given a plan, return what it is worth in USDT at its own price, else at the mark; None where there is neither."""
    price = plan.price or (view.snapshot.mark_price if view.snapshot is not None else ZERO)
    return plan.qty * price if price > 0 else None


def _entry_verdicts(
    plan: Plan, view: View, kill: KillComponents, limits: Limits, now_ms: int
) -> tuple[Verdict, ...]:  # fmt: skip
    """Hold an entry against the gates that are for entries; an exit is not asked."""
    if plan.eval_type is EvalType.EXIT:
        return tuple(not_asked(gate) for gate in ENTRY_GATES)
    return (
        _reducing(view),
        _portfolio_age(view, limits, now_ms),
        _drawdown(view, limits),
        _critical(kill, limits),
        _warning(kill, limits),
        _rate(
            Gate.RATE_LIMIT_BURST, (view.spent.symbol_5min, view.spent.all_5min),
            (limits.symbol_entries_per_5min_max, limits.entries_per_5min_max),
        ),
        _rate(
            Gate.RATE_LIMIT_HOUR, (view.spent.symbol_hour, view.spent.all_hour),
            (limits.symbol_entries_per_hour_max, limits.entries_per_hour_max),
        ),
        _daily_notional(plan, view, limits),
    )  # fmt: skip


def _expiry(plan: Plan, now_ms: int) -> Verdict:
    """An expired plan can become nothing any more: it must not take a budget."""
    late_ms = now_ms - plan.expires_ms
    return Verdict(Gate.PLAN_EXPIRED, late_ms < 0, f"{-late_ms} ms left", "more than 0 ms")


def _halted(view: View) -> Verdict:
    state = view.state.trading_state if view.state is not None else None
    return Verdict(Gate.TRADING_HALTED, state is not TradingState.HALTED, state or UNKNOWN, "not HALTED")


def _reducing(view: View) -> Verdict:
    """Entries need the state to be there and ACTIVE: a state that Redis has lost is not an ACTIVE one."""
    if view.state is None:
        return unknown(Gate.TRADING_REDUCING, TradingState.ACTIVE)
    state = view.state.trading_state
    return Verdict(Gate.TRADING_REDUCING, state is TradingState.ACTIVE, state, TradingState.ACTIVE)


def _portfolio_age(view: View, limits: Limits, now_ms: int) -> Verdict:
    limit = f"{limits.portfolio_age_ms_max} ms"
    if view.portfolio is None:
        return unknown(Gate.PORTFOLIO_STATE_STALE, limit)
    age_ms = now_ms - view.portfolio.ts_ms
    return Verdict(Gate.PORTFOLIO_STATE_STALE, age_ms <= limits.portfolio_age_ms_max, f"{age_ms} ms", limit)


def _drawdown(view: View, limits: Limits) -> Verdict:
    limit = plain(limits.drawdown_max)
    if view.portfolio is None:
        return unknown(Gate.DRAWDOWN_LIMIT, limit)
    drawdown = view.portfolio.drawdown_pct
    return Verdict(Gate.DRAWDOWN_LIMIT, drawdown <= limits.drawdown_max, plain(drawdown), limit)


def _critical(kill: KillComponents, limits: Limits) -> Verdict:
    """Judged by what is known of the score: what is missing could only raise it."""
    ok = kill.lower_bound <= limits.kill_critical
    return Verdict(Gate.KILL_SCORE_CRITICAL, ok, _score_text(kill), f"{limits.kill_critical:.4f}")


def _warning(kill: KillComponents, limits: Limits) -> Verdict:
    """An entry needs the whole score, unless the settings let it go without."""
    known = not kill.missing or not limits.require_kill_inputs
    ok = known and kill.lower_bound <= limits.kill_warning
    return Verdict(Gate.KILL_SCORE_WARNING_RISK_INCREASE, ok, _score_text(kill), f"{limits.kill_warning:.4f}")


def _score_text(kill: KillComponents) -> str:
    if kill.missing:
        return f"at least {kill.lower_bound:.4f}; kill_inputs_missing: {' '.join(kill.missing)}"
    return f"{kill.lower_bound:.4f}"


def _rate(gate: Gate, spent: tuple[int, int], allowed: tuple[int, int]) -> Verdict:
    """One more entry, on the symbol and in all."""
    ok = all(one < limit for one, limit in zip(spent, allowed, strict=True))
    return Verdict(
        gate, ok, f"{spent[0]} on the symbol, {spent[1]} in all", f"{allowed[0]} on the symbol, {allowed[1]} in all"
    )


def _daily_notional(plan: Plan, view: View, limits: Limits) -> Verdict:
    limit = f"{plain(limits.daily_notional_usdt_max)} USDT"
    worth = notional(plan, view)
    if worth is None:
        return unknown(Gate.DAILY_NOTIONAL_CAP, limit)
    total = view.spent.day_usdt + worth
    return Verdict(Gate.DAILY_NOTIONAL_CAP, total <= limits.daily_notional_usdt_max, f"{plain(total)} USDT", limit)


def _details(verdicts: tuple[Verdict, ...], kill: KillComponents) -> str:
    return orjson.dumps({"gates": as_rows(verdicts), "kill_inputs_missing": list(kill.missing)}).decode()
