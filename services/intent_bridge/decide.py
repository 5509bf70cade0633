"""The bridge's decision: one intent and what was read of the world in, one plan out."""

from quantum_common.ids import plan_id
from quantum_common.messages import Action, Decision, EvalType, Intent, OrderType, Plan
from quantum_common.reasons import Gate
from quantum_common.verdicts import Verdict, as_json, first_failed
from services.intent_bridge.entry import gauge_entry
from services.intent_bridge.exits import gauge_exit
from services.intent_bridge.prices import on_tick
from services.intent_bridge.reservations import over
from services.intent_bridge.view import Decided, Gauged, Limits, View


def decide(intent: Intent, view: View, limits: Limits, shard: str, now_ms: int) -> Decided:
    """Given an intent and what was read, return its plan with the verdict of every gate, and what it reserves.

    The plan is EXECUTE where every gate passes, else BLOCKED by the first that failed. It is reduceOnly exactly where
    it is an exit, and never larger than the limits allow. `shard` is the key prefix, `now_ms` epoch milliseconds.
    """
    identity = plan_id(intent.intent_id, shard)
    if intent.action is Action.OPEN:
        gauged = gauge_entry(intent, identity, view, limits, now_ms)
    else:
        gauged = gauge_exit(intent, view, limits, now_ms)
    portfolio_ms = view.portfolio.ts_ms if view.portfolio is not None else 0
    released = over(view.reservations, portfolio_ms, remember=limits.adds_max > 0)
    plan = _plan(intent, identity, gauged, view, limits, now_ms)
    return Decided(
        plan,
        reservation=gauged.reservation if plan.decision is Decision.EXECUTE else None,
        released=tuple(symbol for symbol in released if symbol != intent.symbol),
    )


def _with_duplicate(verdicts: tuple[Verdict, ...], view: View) -> tuple[Verdict, ...]:
    """The third gate is the same for every wish: no other entry carried this intent before."""
    first = view.first_entry_id
    return (*verdicts[:2], Verdict(Gate.DUPLICATE_INTENT, not first, first, "asked once"), *verdicts[2:])


def _plan(intent: Intent, identity: str, gauged: Gauged, view: View, limits: Limits, now_ms: int) -> Plan:
    verdicts = _with_duplicate(gauged.verdicts, view)
    gate = first_failed(verdicts)
    tick = view.rules.tick_size if view.rules is not None else None
    return Plan(
        plan_id=identity,
        intent_id=intent.intent_id,
        decision=Decision.EXECUTE if gate is None else Decision.BLOCKED,
        gate=gate,
        symbol=intent.symbol,
        side=intent.side,
        eval_type=intent.eval_type,
        action=intent.action,
        type=OrderType.STOP_MARKET if intent.action is Action.UPDATE_SL else OrderType.MARKET,
        qty=gauged.qty,
        reduce_only=intent.eval_type is EvalType.EXIT,
        price=view.mark,
        leverage=gauged.leverage,
        stop_loss=on_tick(intent.stop_loss, tick),
        take_profit=on_tick(intent.take_profit, tick),
        confidence=intent.confidence,
        regime=intent.regime,
        expires_ms=now_ms + limits.plan_ttl_ms,
        source=intent.source,
        gates=as_json(verdicts),
        # A plan is as old as its wish: an executor whose Redis forgot must tell that it may have sent it before.
        ts_ms=intent.ts_ms,
    )
