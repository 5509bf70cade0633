"""The kill score of a plan as the gates see it: the score, how unusual it is, and the cutoffs on what is now."""

import math
from dataclasses import dataclass

from quantum_common.kill_score import KillComponents, components
from quantum_common.messages import Action, EvalType, Plan
from quantum_common.reasons import Gate
from services.governor.checks import Check, Said, not_asked
from services.governor.cutoffs import Reading, numbers, reading
from services.governor.normalisation import Moments, effective, kill_z
from services.governor.view import Limits, View

PARTIAL = frozenset({Action.CLOSE_25, Action.CLOSE_50, Action.CLOSE_75})
OPERATOR = "operator"
MISSING = "kill_inputs_missing"


@dataclass(frozen=True, slots=True)
class Scored:
    """A kill score held against its statistics. `z` is None where a component is missing; `cutoff` is the one that
    this plan is held against, and `against` the statistics before it."""

    kill: KillComponents
    against: Moments
    z: float | None
    cutoff: Reading


def scored(plan: Plan, view: View, limits: Limits, now_ms: int) -> Scored:
    """Given a plan and what was read, return its score, its z and its cutoff."""
    market = view.market
    if market is not None and now_ms - market.ts_ms > limits.market_state_age_ms_max:
        market = None
    kill = components(market, view.ledger, view.snapshot, now_ms)
    against = effective(view.statistics, limits.yardstick)
    score = kill.score
    on = None if market is None or view.portfolio is None else numbers(view.portfolio, market, limits.heat_max)
    if plan.eval_type is EvalType.ENTRY:
        cutoff = reading(limits.cutoffs.entry, on)
    else:
        cutoff = _exit_reading(reading(limits.cutoffs.exit, on), view)
    return Scored(kill, against, None if score is None else kill_z(score, against, limits.yardstick), cutoff)


def _exit_reading(now: Reading, view: View) -> Reading:
    """An exit's cutoff that cannot be read stays at the last one that could, and that was open at the start."""
    return Reading(view.exit_cutoff_kept, now.fault) if now.value is None else now


def critical(found: Scored, limits: Limits) -> Check:
    """Judged by what is known of the score: what is missing could only raise it."""
    ok = found.kill.lower_bound <= limits.kill_critical
    return Check(Gate.KILL_SCORE_CRITICAL, ok, _score_said(found), limits.kill_critical)


def cutoff_defined(found: Scored) -> Check:
    """An entry's cutoff that has no value on the numbers of now lets nothing in."""
    return Check(Gate.CUTOFF_UNDEFINED, not found.cutoff.fault, found.cutoff.fault, "a number")


def warning(found: Scored, limits: Limits) -> Check:
    """An entry needs the whole score, unless the settings let it go without; then the cutoff asks nothing."""
    gate, limit = Gate.KILL_SCORE_WARNING_RISK_INCREASE, _cutoff_said(found.cutoff)
    if found.z is None:
        return Check(gate, not limits.require_kill_inputs, _score_said(found), limit)
    ok = found.cutoff.value is not None and found.z <= found.cutoff.value
    return Check(gate, ok, ("z ", found.z, " of K ", found.kill.lower_bound), limit)


def exit_blocked(plan: Plan, found: Scored) -> Check:
    """Hold a discretionary exit against the exit cutoff: a partial close that an engine proposed. What closes a
    position, what guards it and what a person asks for is never held against it, nor is anything whose score or cutoff
    is not known."""
    gate = Gate.KILL_SCORE_EXIT_BLOCKED
    if plan.action not in PARTIAL or plan.source == OPERATOR or found.z is None or found.cutoff.value is None:
        return not_asked(gate)
    return Check(gate, found.z <= found.cutoff.value, ("z ", found.z), _cutoff_said(found.cutoff))


def _score_said(found: Scored) -> Said:
    if found.kill.missing:
        return ("at least ", found.kill.lower_bound, f"; {MISSING}: {' '.join(found.kill.missing)}")
    return found.kill.lower_bound


def _cutoff_said(cutoff: Reading) -> Said:
    if cutoff.value is None:
        return "undefined" if cutoff.fault else "not read"
    return "open" if math.isinf(cutoff.value) else cutoff.value
