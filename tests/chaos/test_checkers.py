"""Every checker of a chaos run sees what it is there for, and says nothing of a run that is as it should be."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from quantum_common.messages import Issuer
from quantum_common.reasons import Gate
from quantum_common.state import OrderState
from services.cli.facts import Backlog, DeadLetter, Facts
from services.position_state_brain.fold import Checkpoint, Fact, FactKind
from tests.chaos.recovery import completed_ms, percentile, recoveries_ms
from tests.chaos.verdict import Books, Left, Verdict, judge
from tests.unit.cli.histories import (
    FIRST_TRADE,
    NOW_MS,
    ORDER_ID,
    PLAN,
    SYMBOL,
    blocked_plan,
    good,
    journal,
    ledger,
    order,
    permit,
    plan,
    record,
    result,
    snapshot,
    trade,
    written,
)


def fact(number: int) -> Fact:
    return Fact(
        kind=FactKind.FILL, fact_id=str(FIRST_TRADE + number), trade_id=FIRST_TRADE + number, order_id=ORDER_ID,
        plan_id=PLAN, client_order_id=f"qo-{PLAN}", origin="plan", qty=Decimal(1), price=Decimal(100 + number),
        fee=Decimal("0.01"), realized_pnl=Decimal(0), funding=Decimal(0), time_ms=NOW_MS + 20 + number, seq=number + 1,
    )  # fmt: skip


BEGUN = Checkpoint.begin(NOW_MS)
ADJUSTMENT = journal(0, "2", "1", kind="adjustment")
REFUSAL = permit(Issuer.P33, allow=False, reason=Gate.SYMBOL_ON_HOLD)
BOOKS: Books = {SYMBOL: (BEGUN, (fact(0), fact(1)))}


def left(books: Books = BOOKS, **changes: Any) -> Left:
    facts = good()
    facts = replace(
        facts, ledgers={SYMBOL: ledger(opened_ms=NOW_MS + 20)},
    )  # fmt: skip
    return Left(replace(facts, **changes), books, wished={PLAN})


def judged(books: Books = BOOKS, **changes: Any) -> Verdict:
    return judge(left(books, **changes))


def test_a_run_that_is_as_it_should_be_has_no_finding() -> None:
    assert judged().findings == ()
    assert judged().orders == 1


Break = Callable[[Facts], dict[str, Any]]
BREAKS: list[tuple[str, str, Break]] = [
    ("duplicate_orders", "AT_MOST_ONE", lambda f: {"orders": (*f.orders, order(order_id=8))}),
    ("lost_fills", "not in the journal", lambda f: {"journal": f.journal[:1]}),
    ("lost_fills", "OUTPUT_ONCE", lambda f: {"journal": (*f.journal, f.journal[1])}),
    ("lost_fills", "LEDGER_LIES", lambda f: {"journal": (*f.journal, written(32, journal(5, "3", "100.5")))}),
    ("lost_fills", "no such fact", lambda f: {"trades": (*f.trades, trade(2, "1", "102"))}),
    ("ledger_diffs", "FACTS_EQUAL_TRADES", lambda f: {"ledgers": {SYMBOL: ledger(fees=Decimal("0.03"))}}),
    ("ledger_diffs", "FACTS_EQUAL_TRADES", lambda f: {"ledgers": {SYMBOL: ledger(realized_pnl=Decimal("0.001"))}}),
    ("ledger_diffs", "average entry", lambda f: {"ledgers": {SYMBOL: ledger(avg_entry_price=Decimal("100.6"))}}),
    ("ledger_diffs", "FOLD_EQUALS_CACHE", lambda f: {"ledgers": {SYMBOL: ledger(total_qty=Decimal(3))}}),
    ("ledger_diffs", "no ledger", lambda f: {"ledgers": {}}),
    ("ledger_diffs", "SNAPSHOT", lambda f: {"snapshots": {SYMBOL: snapshot("1")}}),
    ("ledger_diffs", "LEDGER_SUM", lambda f: {"positions": {SYMBOL: Decimal(1)}}),
    ("ledger_diffs", "HOLD_LEFT", lambda f: {"held": frozenset({SYMBOL})}),
    ("ledger_diffs", "UNREADABLE", lambda f: {"unreadable": ("a hash",)}),
    ("ledger_diffs", "ADOPTED", lambda f: {"journal": (*f.journal, written(40, ADJUSTMENT))}),
    ("unresolved_plans", "no result", lambda f: {"results": ()}),
    ("unresolved_plans", "never planned", lambda f: {"plans": ()}),
    ("unresolved_plans", "2 results", lambda f: {"results": (*f.results, written(33, result()))}),
    ("unresolved_plans", "SENDING", lambda f: {"records": {PLAN: record(OrderState.SENDING)}}),
    ("others", "ORDER_WITHOUT_PLAN", lambda f: {"plans": (written(5, blocked_plan(Gate.STALE_INTENT)),)}),
    ("others", "NO_PERMIT", lambda f: {"permits": f.permits[:1]}),
    ("others", "NO_PERMIT", lambda f: {"permits": (*f.permits[:1], written(9, REFUSAL))}),
    ("others", "RESULT_LIES", lambda f: {"results": (written(30, result(filled_qty=Decimal(1))),)}),
    ("others", "RESULT_LIES", lambda f: {"orders": ()}),
    ("others", "PENDING_ZERO", lambda f: {"backlogs": (Backlog("apply.plan", "governor", 0, 1),)}),
    ("others", "DEAD_LETTER", lambda f: {"dead": (DeadLetter("apply.plan", "1-1", "a reason"),)}),
    ("others", "1 broken entries, 0", lambda f: {"malformed": (("trade.intent", "1-1"),)}),
    ("others", "NO_FOREIGN_TOUCH", lambda f: {"orders": (*f.orders, order(order_id=9, client_order_id="x"))}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "words", "broken"), BREAKS)
def test_what_is_wrong_is_found_and_counted_where_it_belongs(kind: str, words: str, broken: Break) -> None:
    findings = getattr(judged(**broken(left().facts)), kind)
    assert any(words in finding for finding in findings), findings


def test_a_trade_that_was_folded_into_the_checkpoint_is_not_lost() -> None:
    folded = BEGUN.model_copy(update={"high_water": FIRST_TRADE + 9})
    assert judged({SYMBOL: (folded, ())}).lost_fills == ()


def test_after_a_flush_only_orders_and_positions_are_asked() -> None:
    forgot = replace(left(plans=(), results=(), journal=(), permits=()), flushed=True)
    assert judge(forgot).findings == ()
    twice = replace(forgot, facts=replace(forgot.facts, orders=(order(), order(order_id=8))))
    assert len(judge(twice).duplicate_orders) == 1


def test_a_recovery_ends_with_the_first_plan_that_was_written_after_the_fault_and_came_the_whole_way() -> None:
    facts = good()
    assert completed_ms(facts) == [(NOW_MS + 5, NOW_MS + 30)]
    before, after = NOW_MS + 2, NOW_MS + 6
    assert recoveries_ms([before, after], facts, NOW_MS + 500) == [28, 494]


def test_a_plan_that_did_not_fill_is_no_recovery() -> None:
    facts = replace(good(), journal=())
    assert recoveries_ms([NOW_MS], facts, NOW_MS + 500) == [500]
    assert completed_ms(replace(good(), plans=(written(5, plan(plan_id="b" * 16)),))) == []


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.99) == 99
    assert percentile([7], 0.99) == 7
    assert percentile([], 0.99) == 0
