"""Reason codes: every gate of every stage, in the order in which the stage asks them. Public and stable."""

from enum import StrEnum


class Gate(StrEnum):
    """Why a plan did not become an order. The first part of a stage's list wins; a plan carries all verdicts."""

    # intent-bridge
    MALFORMED_INTENT = "malformed_intent"
    STALE_INTENT = "stale_intent"
    DUPLICATE_INTENT = "duplicate_intent"
    SYMBOL_NOT_IN_ALLOWLIST = "symbol_not_in_allowlist"
    SYMBOL_NOT_TRADABLE = "symbol_not_tradable"
    NO_EXCHANGE_SNAPSHOT = "no_exchange_snapshot"
    STALE_EXCHANGE_SNAPSHOT = "stale_exchange_snapshot"
    LOW_CONFIDENCE = "low_confidence"
    EDGE_BELOW_COST = "edge_below_cost"
    NO_POSITION = "no_position"  # asked again by P3.3, on the exchange's own word
    MIN_HOLD = "min_hold"
    ADD_BUDGET = "add_budget"
    POSITION_CAP = "position_cap"
    EXPOSURE_CAP = "exposure_cap"
    BELOW_MIN_NOTIONAL = "below_min_notional"
    # governor; it asks `position_cap` and `exposure_cap` again, with limits of its own
    TRADING_HALTED = "trading_halted"
    TRADING_REDUCING = "trading_reducing"
    KILL_SCORE_WARNING_RISK_INCREASE = "kill_score_warning_risk_increase"
    KILL_SCORE_EXIT_BLOCKED = "kill_score_exit_blocked"
    KILL_SCORE_CRITICAL = "kill_score_critical"
    CUTOFF_UNDEFINED = "cutoff_undefined"
    RATE_LIMIT_HOUR = "rate_limit_hour"
    RATE_LIMIT_BURST = "rate_limit_burst"
    DAILY_NOTIONAL_CAP = "daily_notional_cap"
    DRAWDOWN_LIMIT = "drawdown_limit"
    PORTFOLIO_STATE_STALE = "portfolio_state_stale"
    SYMBOL_EXPOSURE_CAP = "symbol_exposure_cap"
    HEAT_LIMIT = "heat_limit"
    CORRELATED_EXPOSURE_CAP = "correlated_exposure_cap"
    # P3.3
    STALE_EXCHANGE_STATE = "stale_exchange_state"
    RECONCILE_REQUIRED_SIDE_MISMATCH = "reconcile_required_side_mismatch"
    RECONCILE_REQUIRED_QTY_MISMATCH = "reconcile_required_qty_mismatch"
    COOLDOWN_IN_FLIGHT = "cooldown_in_flight"
    SYMBOL_ON_HOLD = "symbol_on_hold"
    P33_SYMBOL_NOT_IN_ALLOWLIST = "p33_symbol_not_in_allowlist"
    # intent-executor
    EXECUTOR_SYMBOL_NOT_IN_ALLOWLIST = "executor_symbol_not_in_allowlist"
    PERMIT_TIMEOUT = "permit_timeout"
    PLAN_EXPIRED = "plan_expired"
    EXCHANGE_REJECTED = "exchange_rejected"
    EXCHANGE_UNAVAILABLE = "exchange_unavailable"
    RATE_LIMITED = "rate_limited"
    SHADOW = "shadow"  # EXECUTOR_MODE=shadow: everything was done but the sending


FIRST_OF_STAGE = {
    "intent-bridge": Gate.MALFORMED_INTENT,
    "governor": Gate.TRADING_HALTED,
    "position-state-brain": Gate.STALE_EXCHANGE_STATE,
    "intent-executor": Gate.EXECUTOR_SYMBOL_NOT_IN_ALLOWLIST,
}
