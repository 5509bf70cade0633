"""What a run came to: the one JSON object of `--json`, and the same in words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from quantum_common.ids import ORDER_PREFIX, plan_of
from quantum_common.messages import EvalType
from quantum_common.reasons import Gate
from services.cli.checks import Verdict, ledger_matches_exchange
from services.cli.facts import Facts
from services.cli.tally import percentile

FINDINGS_SHOWN = 5
GATES_SHOWN = 8


def report(
    facts: Facts, verdicts: Mapping[str, Verdict], since_ms: int, rss_mib: Mapping[str, float], *, settled: bool
) -> dict[str, Any]:
    """Given the facts, the verdicts, when the run began and what its daemons weighed, return the JSON object.

    Counts and latencies are of this run alone; the guarantees are of everything that is still to be seen.
    """
    orders = [order for order in facts.orders if order.time_ms >= since_ms]
    kinds = _order_kinds(facts, since_ms)
    return {
        "intents": _since(facts.intents, since_ms),
        "plans": _since(facts.plans, since_ms),
        "permits": _since(facts.permits, since_ms),
        "results": _since(facts.results, since_ms),
        "orders": len(orders),
        "fills": sum(1 for trade in facts.trades if trade.time_ms >= since_ms),
        "entries": kinds[EvalType.ENTRY],
        "exits": kinds[EvalType.EXIT],
        "symbols_traded": len({trade.symbol for trade in facts.trades if trade.time_ms >= since_ms}),
        "gates": dict(gates(facts, since_ms).most_common()),
        "latency_ms": {name: spread(found) for name, found in latencies(facts, since_ms).items()},
        "ledger_matches_exchange": ledger_matches_exchange(facts),
        "guarantees": {name: verdict.holds for name, verdict in verdicts.items()},
        "violations": {
            name: list(verdict.findings[:FINDINGS_SHOWN])
            for name, verdict in verdicts.items()
            if verdict.holds is False
        },
        "settled": settled,
        "rss_mib": dict(rss_mib),
    }


def words(found: Mapping[str, Any]) -> list[str]:
    """Given the JSON object, return it as a few lines for people."""
    counts = "  ".join(
        f"{name} {found[name]}" for name in ("intents", "plans", "permits", "results", "orders", "fills")
    )
    hops = "  ".join(
        f"{name.replace('_to_', '→')} {values['p50']}/{values['p99']}"
        for name, values in found["latency_ms"].items()
        if values["p50"] is not None
    )
    guarantees = found["guarantees"]
    held = [name for name, holds in guarantees.items() if holds]
    unchecked = [name for name, holds in guarantees.items() if holds is None]
    lines = [
        counts,
        f"{found['entries']} entries and {found['exits']} exits filled on {found['symbols_traded']} symbols",
        f"latency p50/p99 ms: {hops or 'nothing passed'}",
        "gates: "
        + (", ".join(f"{code} {count}" for code, count in list(found["gates"].items())[:GATES_SHOWN]) or "none"),
        f"ledger {'matches' if found['ledger_matches_exchange'] else 'DIFFERS FROM'} the exchange",
        f"guarantees held: {' '.join(held) or 'none'}" + (f"; not checked: {' '.join(unchecked)}" if unchecked else ""),
    ]
    for name, findings in found["violations"].items():
        lines += [f"{name} BROKEN: {text}" for text in findings]
    if not found["settled"]:
        lines.append("stopped before everything had settled: what was under way is not judged")
    return lines


def gates(facts: Facts, since_ms: int) -> Counter[str]:
    """Given the facts, return how often each gate ended a plan; duplicate intents have no result but count here."""
    found = Counter(
        str(result.message.gate)
        for result in facts.results
        if result.message.gate is not None and result.written_ms >= since_ms
    )
    duplicates = sum(
        1 for plan in facts.plans if plan.message.gate is Gate.DUPLICATE_INTENT and plan.written_ms >= since_ms
    )
    return found + Counter({str(Gate.DUPLICATE_INTENT): duplicates})


def latencies(facts: Facts, since_ms: int) -> dict[str, list[int]]:
    """Given the facts, return the milliseconds of each hop since then, joined by intent and plan."""
    asked = {intent.message.intent_id: intent.written_ms for intent in reversed(facts.intents)}
    plan_asked = {
        plan.message.plan_id: asked[plan.message.intent_id] for plan in facts.plans if plan.message.intent_id in asked
    }
    to_order = [
        order.time_ms - plan_asked[plan]
        for order in facts.orders
        if order.time_ms >= since_ms
        and order.client_order_id.startswith(ORDER_PREFIX)
        and (plan := plan_of(order.client_order_id) or "") in plan_asked
    ]
    to_ledger = [
        entry.written_ms - entry.message.trade_ms
        for entry in facts.journal
        if entry.message.kind == "fill" and entry.written_ms >= since_ms
    ]
    to_result = [
        result.written_ms - plan_asked[result.message.plan_id]
        for result in facts.results
        if result.written_ms >= since_ms and result.message.plan_id in plan_asked
    ]
    return {"intent_to_order": to_order, "fill_to_ledger": to_ledger, "intent_to_result": to_result}


def spread(values: Sequence[int]) -> dict[str, int | None]:
    """Given milliseconds, return their p50 and p99; None where there are none."""
    if not values:
        return {"p50": None, "p99": None}
    return {"p50": max(percentile(list(values), 50), 0), "p99": max(percentile(list(values), 99), 0)}


def _since(entries: Sequence[Any], since_ms: int) -> int:
    return sum(1 for entry in entries if entry.written_ms >= since_ms)


def _order_kinds(facts: Facts, since_ms: int) -> Counter[EvalType]:
    """Count filled orders by whether they opened or closed; one without a plan (a stop, a liquidation) closes."""
    kinds = {plan.message.plan_id: plan.message.eval_type for plan in facts.plans}  # a duplicate's is the same
    found: Counter[EvalType] = Counter()
    for order in facts.orders:
        if order.executed_qty and order.time_ms >= since_ms:
            planned = order.client_order_id.startswith(ORDER_PREFIX)
            found[kinds.get(plan_of(order.client_order_id) or "", EvalType.EXIT) if planned else EvalType.EXIT] += 1
    return found
