"""What must hold of plans, orders and results when everything has settled."""

from collections import Counter
from collections.abc import Iterator

from quantum_common import ids
from quantum_common.messages import Decision, Plan, Result
from quantum_common.reasons import Gate
from quantum_common.state import OrderState
from tests.sim.evidence import Evidence, OrderSeen

RECOVERY_MS_MAX = 120_000
OTHERS = ("web_", "autoclose-", "adl_autoclose", "settlement_autoclose-")


def at_most_one(seen: Evidence) -> Iterator[str]:
    """A plan leads to at most one order."""
    counts = Counter(order.client_id for order in seen.orders if order.client_id.startswith(ids.ORDER_PREFIX))
    for client_id, count in counts.items():
        if count > 1:
            yield f"AT_MOST_ONE {client_id}: {count} orders"


def order_without_plan(seen: Evidence) -> Iterator[str]:
    """An order of ours comes from a wish of ours."""
    for plan in _ours(seen):
        if plan not in seen.wished:
            yield f"ORDER_WITHOUT_PLAN {plan}"


def no_order_without_permits(seen: Evidence) -> Iterator[str]:
    """Every order of ours has a plan that was permitted twice."""
    if seen.forgot:
        return
    allowed: dict[str, set[str]] = {}
    for fields in seen.entries(seen.keys.permits):
        if fields["allow"] == "True":
            allowed.setdefault(fields["plan_id"], set()).add(fields["issuer"])
    for plan in _ours(seen):
        if allowed.get(plan) != {"governor", "p33"}:
            yield f"NO_PERMIT {plan}: {sorted(allowed.get(plan, ()))}"


def permits_are_used_once(seen: Evidence) -> Iterator[str]:
    """An order has used its permits up; only a torn script, or a Redis that forgets, may leave one alive."""
    if seen.forgot or seen.torn:
        return
    placed = _ours(seen)
    for plan in sorted(set(seen.live_permits)):
        if plan in placed:
            yield f"PERMIT_ALIVE {plan}: its order was placed"


def blocked_has_no_order(seen: Evidence) -> Iterator[str]:
    """A plan that was only ever blocked has no order."""
    if seen.forgot:
        return
    decisions: dict[str, set[str]] = {}
    for fields in seen.entries(seen.keys.plans):
        decisions.setdefault(fields["plan_id"], set()).add(fields["decision"])
    for plan in _ours(seen):
        if decisions.get(plan) == {Decision.BLOCKED}:
            yield f"BLOCKED_TRADED {plan}"


def unresolved(seen: Evidence) -> Iterator[str]:
    """Every plan that Redis knows has its result."""
    plans = [Plan.from_fields(fields) for fields in seen.entries(seen.keys.plans)]
    ended = {fields["plan_id"] for fields in seen.entries(seen.keys.results)}
    for plan_id in sorted({plan.plan_id for plan in plans if plan.gate is not Gate.DUPLICATE_INTENT} - ended):
        yield f"UNRESOLVED {plan_id}"


def output_once(seen: Evidence) -> Iterator[str]:
    """A plan has one result and one permit of each issuer, a fact one journal entry; a torn script may repeat one."""
    if seen.torn:
        return
    keys = seen.keys
    outputs = {
        "results": Counter(fields["plan_id"] for fields in seen.entries(keys.results)),
        "permits": Counter(f"{fields['plan_id']} by {fields['issuer']}" for fields in seen.entries(keys.permits)),
        "journal entries": Counter(f"{fields['symbol']} {fields['trade_id']}" for fields in seen.entries(keys.journal)),
    }
    for name, counts in outputs.items():
        for one, count in counts.items():
            if count > 1:
                yield f"OUTPUT_ONCE {one}: {count} {name}"


def results_tell_the_truth(seen: Evidence) -> Iterator[str]:
    """A result says what happened on the exchange."""
    placed = _ours(seen)
    for fields in seen.entries(seen.keys.results):
        result = Result.from_fields(fields)
        order = placed.get(result.plan_id)
        if result.executed and result.order_id is not None and order is None:
            yield f"RESULT_LIES {result.plan_id}: executed, but no order"
        if not result.executed and order is not None and order.executed_qty > 0 and not seen.forgot:
            yield f"RESULT_LIES {result.plan_id}: {result.gate}, but filled {order.executed_qty}"
        if result.executed and order is not None and order.executed_qty != result.filled_qty and not order.open:
            yield f"RESULT_LIES {result.plan_id}: filled {result.filled_qty}, exchange {order.executed_qty}"


def journal_tells_the_truth(seen: Evidence) -> Iterator[str]:
    """An order record that says PLACED has an order or a stop; one that ended without an order has none."""
    placed = _ours(seen)
    stops_moved = {
        fields["plan_id"] for fields in seen.entries(seen.keys.results) if fields["order_status"] == "STOP_PLACED"
    }
    for plan_id, record in seen.records.items():
        state, there = record.get("state"), plan_id in placed
        if state == OrderState.PLACED and not there and plan_id not in stops_moved:
            yield f"LEDGER_LIES {plan_id}: PLACED, but no order"
        if (
            state in {OrderState.REFUSED, OrderState.EXPIRED, OrderState.BLOCKED, OrderState.SHADOW}
            and there
            and not seen.forgot
        ):
            yield f"LEDGER_LIES {plan_id}: {state}, but an order"


def id_determinism(seen: Evidence) -> Iterator[str]:
    """Ids are functions of what they name: a plan's of its intent, an order's of its plan."""
    for fields in seen.entries(seen.keys.plans):
        if fields["plan_id"] != ids.plan_id(fields["intent_id"], seen.keys.prefix):
            yield f"ID_DETERMINISM plan {fields['plan_id']} of intent {fields['intent_id']}"
    for plan_id, record in seen.records.items():
        if record.get("client_order_id") not in {"", ids.client_order_id(plan_id), ids.client_stop_id(plan_id)}:
            yield f"ID_DETERMINISM order {record['client_order_id']} of plan {plan_id}"


def monotone_state(seen: Evidence) -> Iterator[str]:
    """An order record only moves forward: nothing, SENDING, one terminal state."""
    for key, before, after in seen.moves:
        forward = not before or (before == OrderState.SENDING and OrderState(after).terminal)
        if not forward and before != after:
            yield f"MONOTONE_STATE {key}: {before} to {after}"


def no_foreign_touch(seen: Evidence) -> Iterator[str]:
    """Every order has a known origin, and what somebody else left open is still there."""
    known = (ids.ORDER_PREFIX, *ids.STOP_PREFIXES, *OTHERS)
    for order in seen.orders:
        if not order.client_id.startswith(known):
            yield f"NO_FOREIGN_TOUCH {order.client_id}: nobody's order"
    still = {order.client_id for order in seen.orders if order.open} | {stop.client_id for stop in seen.stops}
    for client_id in sorted(seen.foreign - still):
        yield f"NO_FOREIGN_TOUCH {client_id} is gone"


def positions_are_protected(seen: Evidence) -> Iterator[str]:
    """A position has a stop of ours that closes it, a flat symbol has none."""
    for symbol, amount in seen.positions.items():
        ours = [stop for stop in seen.stops if stop.symbol == symbol and stop.client_id.startswith(ids.STOP_PREFIXES)]
        if amount and not any(stop.closes * amount > 0 for stop in ours):
            yield f"UNPROTECTED {symbol}: {amount} without a stop"
        if not amount and ours:
            yield f"ORPHAN_STOP {symbol}: {[stop.client_id for stop in ours]}"


def bounded_recovery(seen: Evidence) -> Iterator[str]:
    """When faults end, everything settles within a bound."""
    if not seen.settled or seen.recovered_ms > RECOVERY_MS_MAX:
        yield f"BOUNDED_RECOVERY not settled after {seen.recovered_ms} ms"


def pending_zero(seen: Evidence) -> Iterator[str]:
    """Nothing is left unread or unacknowledged, and no order is still being sent."""
    for stream in seen.pending.keys() | seen.unread.keys():
        pending, unread = seen.pending.get(stream, 0), seen.unread.get(stream, 0)
        if pending or unread:
            yield f"PENDING_ZERO {stream}: {pending} pending, {unread} unread"
    for plan_id, record in seen.records.items():
        if record.get("state") == OrderState.SENDING:
            yield f"PENDING_ZERO {plan_id} is still SENDING"


def no_broken_invariant(seen: Evidence) -> Iterator[str]:
    """No daemon died of a broken invariant, and nothing well-formed became a dead letter."""
    yield from dict.fromkeys(seen.crashes)
    yield from (f"DEAD_LETTER {letter}" for letter in seen.dead_letters)


def _ours(seen: Evidence) -> dict[str, OrderSeen]:
    """Return the plans' orders, by plan id."""
    return {
        order.client_id.removeprefix(ids.ORDER_PREFIX): order
        for order in seen.orders
        if order.client_id.startswith(ids.ORDER_PREFIX)
    }
