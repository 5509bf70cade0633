"""P3.3's decisions: may this plan go, by the exchange's truth and the ledger, and for how much."""

from dataclasses import dataclass
from decimal import Decimal

import orjson

from quantum_common.messages import Action, EvalType, Issuer, Permit, Plan
from quantum_common.money import ZERO, floor_to_step, plain
from quantum_common.reasons import Gate
from quantum_common.state import Hold, Ledger, PositionSide, Snapshot


@dataclass(frozen=True, slots=True)
class PositionView:
    """What was read of one symbol. `in_flight` are plans that were permitted and not booked yet, with their expiry."""

    snapshot: Snapshot | None
    ledger: Ledger | None
    hold: Hold | None
    in_flight: dict[str, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the decision is held against."""

    allowed: bool
    stale_after_ms: int
    step_size: Decimal


def needs_fresh_position(plan: Plan, seen: PositionView, limits: Limits, now_ms: int) -> bool:
    """Return whether an exit must be judged on a position read afresh: the snapshot is old, or disputed."""
    if plan.eval_type is EvalType.ENTRY:
        return False
    if seen.snapshot is None or seen.ledger is None or seen.hold is not None:
        return True
    stale = now_ms - seen.snapshot.ts_ms > limits.stale_after_ms
    return stale or seen.snapshot.position_amt != seen.ledger.position_amt


def decide(plan: Plan, seen: PositionView, limits: Limits, now_ms: int) -> Permit:
    """Given an executable plan and the position as it was read, permit a quantity or refuse with one reason.

    An entry needs the exchange and the ledger to agree, freshly, with nothing under way. An exit needs a position on
    the exchange, and is permitted what is really there, never more.
    """
    if plan.eval_type is EvalType.ENTRY:
        return _permit(plan, seen, now_ms, _entry_gate(plan, seen, limits, now_ms), plan.qty)
    there = closable(plan, seen.snapshot)
    if there == 0:
        return _permit(plan, seen, now_ms, Gate.NO_POSITION, ZERO)
    if plan.action is Action.UPDATE_SL:
        return _permit(plan, seen, now_ms, None, plan.qty)
    safe = floor_to_step(min(plan.qty, there), limits.step_size)
    return _permit(plan, seen, now_ms, None if safe > 0 else Gate.NO_POSITION, safe)


def closable(plan: Plan, snapshot: Snapshot | None) -> Decimal:
    """Return how much the exchange holds on the side that the plan would close, in base asset."""
    if snapshot is None or PositionSide.of(snapshot.position_amt).closing is not plan.side:
        return ZERO
    return abs(snapshot.position_amt)


def _entry_gate(plan: Plan, seen: PositionView, limits: Limits, now_ms: int) -> Gate | None:
    """Return the first gate that an entry fails, in the contract's order."""
    if seen.snapshot is None or seen.ledger is None or now_ms - seen.snapshot.ts_ms > limits.stale_after_ms:
        return Gate.STALE_EXCHANGE_STATE
    exchange, ledger = seen.snapshot.position_amt, seen.ledger.position_amt
    under_way = any(other != plan.plan_id and until_ms > now_ms for other, until_ms in seen.in_flight.items())
    gates = (
        (Gate.RECONCILE_REQUIRED_SIDE_MISMATCH, PositionSide.of(exchange) is not PositionSide.of(ledger)),
        (Gate.RECONCILE_REQUIRED_QTY_MISMATCH, exchange != ledger),
        (Gate.COOLDOWN_IN_FLIGHT, under_way),
        (Gate.SYMBOL_ON_HOLD, seen.hold is not None),
        (Gate.P33_SYMBOL_NOT_IN_ALLOWLIST, not limits.allowed),
    )
    return next((gate for gate, failed in gates if failed), None)


def _permit(plan: Plan, seen: PositionView, now_ms: int, reason: Gate | None, safe_qty: Decimal) -> Permit:
    """Return the permit with everything that was measured."""
    details: dict[str, object] = {"qty": plain(plan.qty)}
    if seen.hold is not None:
        details["hold"] = seen.hold.reason
    if seen.in_flight:
        details["in_flight"] = sorted(seen.in_flight)
    return Permit(
        plan_id=plan.plan_id,
        issuer=Issuer.P33,
        symbol=plan.symbol,
        eval_type=plan.eval_type,
        allow=reason is None,
        reason=reason,
        safe_qty=safe_qty if reason is None else ZERO,
        kill_score=None,
        kill_z=None,
        z_cutoff=None,
        k_regime_flip=None,
        k_sigma_spike=None,
        k_ts_drop=None,
        k_age_penalty=None,
        exchange_position_amt=seen.snapshot.position_amt if seen.snapshot else None,
        ledger_position_amt=seen.ledger.position_amt if seen.ledger else None,
        snapshot_age_ms=now_ms - seen.snapshot.ts_ms if seen.snapshot else None,
        details=orjson.dumps(details).decode(),
        ts_ms=now_ms,
    )
