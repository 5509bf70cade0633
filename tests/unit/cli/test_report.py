"""The one JSON object of a run, and its words."""

from dataclasses import replace
from typing import Any

from quantum_common.messages import Action, EvalType, Side
from quantum_common.reasons import Gate
from services.cli.checks import evaluate
from services.cli.facts import Facts
from services.cli.report import report, words
from tests.unit.cli.histories import (
    NOW_MS,
    blocked_plan,
    good,
    order,
    plan,
    refused_result,
    snapshot,
    written,
)

KEYS = [
    "intents", "plans", "permits", "results", "orders", "fills", "entries", "exits", "symbols_traded", "gates",
    "latency_ms", "ledger_matches_exchange", "guarantees", "violations", "settled", "rss_mib",
]  # fmt: skip


def told(facts: Facts, since_ms: int = NOW_MS, *, settled: bool = True) -> dict[str, Any]:
    """The report on a history."""
    return report(facts, evaluate(facts, settled=settled), since_ms, {"governor": 59.6}, settled=settled)


def test_a_good_run_is_counted_and_timed() -> None:
    found = told(good())
    assert list(found) == KEYS
    counts = {name: found[name] for name in ("intents", "plans", "permits", "results", "orders", "fills", "entries")}
    assert counts == {"intents": 1, "plans": 1, "permits": 2, "results": 1, "orders": 1, "fills": 2, "entries": 1}
    assert found["exits"] == 0
    assert found["symbols_traded"] == 1
    assert found["latency_ms"] == {
        "intent_to_order": {"p50": 20, "p99": 20},
        "fill_to_ledger": {"p50": 10, "p99": 10},
        "intent_to_result": {"p50": 30, "p99": 30},
    }
    assert found["ledger_matches_exchange"] is True
    assert found["guarantees"]["G1"] is True
    assert found["guarantees"]["G5"] is None
    assert found["violations"] == {}
    assert found["rss_mib"] == {"governor": 59.6}


def test_an_empty_run_has_no_latencies() -> None:
    found = told(Facts())
    assert found["latency_ms"]["intent_to_order"] == {"p50": None, "p99": None}
    assert found["gates"] == {}
    assert "nothing passed" in "\n".join(words(found))


def test_what_was_before_this_run_is_not_counted() -> None:
    found = told(good(), since_ms=NOW_MS + 10_000)
    assert (found["intents"], found["orders"], found["fills"], found["entries"]) == (0, 0, 0, 0)
    assert found["guarantees"]["G3"] is True, "the guarantees are of everything that is still to be seen"


def test_exits_are_plans_that_close_and_orders_that_no_plan_made() -> None:
    closing = plan(
        plan_id="b" * 16, side=Side.SELL, action=Action.CLOSE_FULL, eval_type=EvalType.EXIT, reduce_only=True
    )
    orders = (
        order(),
        order(order_id=8, client_order_id="qo-" + "b" * 16),
        order(order_id=9, client_order_id="autoclose-1"),
        order(order_id=10, client_order_id="web_1", executed_qty=good().orders[0].executed_qty * 0),
    )
    found = told(replace(good(), plans=(*good().plans, written(6, closing)), orders=orders))
    assert (found["entries"], found["exits"], found["orders"]) == (1, 2, 4)


def test_gates_are_counted_by_what_ended_the_plan() -> None:
    duplicate = written(6, blocked_plan(Gate.DUPLICATE_INTENT))
    refused = written(40, refused_result(Gate.PERMIT_TIMEOUT, plan_id="b" * 16))
    facts = replace(good(), plans=(*good().plans, duplicate), results=(*good().results, refused))
    assert told(facts)["gates"] == {"permit_timeout": 1, "duplicate_intent": 1}


def test_broken_guarantees_are_told_with_what_was_found() -> None:
    facts = replace(good(), snapshots={"BTCUSDT": snapshot("1")})
    found = told(facts)
    assert found["guarantees"]["G7"] is False
    assert found["violations"] == {"G7": ["BTCUSDT: ledger 2, snapshot 1, and no hold"]}
    assert "G7 BROKEN: BTCUSDT: ledger 2, snapshot 1, and no hold" in words(found)


def test_a_run_cut_short_says_so() -> None:
    assert any("stopped before everything had settled" in line for line in words(told(good(), settled=False)))
    assert any("ledger matches the exchange" in line for line in words(told(good())))
