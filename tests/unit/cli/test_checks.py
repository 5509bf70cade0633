"""The guarantees' checks: a history that keeps them passes, and each way of breaking one is found by its own check."""

from dataclasses import replace
from decimal import Decimal

import pytest

from quantum_common.messages import Issuer, Side
from quantum_common.reasons import Gate
from quantum_common.state import OrderState
from services.cli.checks import GUARANTEES, evaluate, ledger_matches_exchange
from services.cli.facts import Backlog, DeadLetter, Facts
from tests.unit.cli.histories import (
    FIRST_TRADE,
    NOW_MS,
    ORDER_ID,
    PLAN,
    SYMBOL,
    blocked_plan,
    entry_id,
    good,
    journal,
    ledger,
    order,
    permit,
    plan,
    record,
    refused_result,
    result,
    snapshot,
    trade,
    written,
)

CHECKED = {"G1", "G2", "G3", "G4", "G6", "G7", "G9", "G10"}


def broken(facts: Facts, *, settled: bool = True) -> set[str]:
    """The guarantees that a history breaks."""
    return {name for name, verdict in evaluate(facts, settled=settled).items() if verdict.holds is False}


def test_a_good_history_keeps_every_guarantee_that_can_be_checked() -> None:
    verdicts = evaluate(good(), settled=True)
    assert {name for name, verdict in verdicts.items() if verdict.holds} == CHECKED
    assert ledger_matches_exchange(good())


def test_what_no_run_exercised_is_not_checked() -> None:
    verdicts = evaluate(Facts(), settled=True)
    assert verdicts.keys() == set(GUARANTEES)
    assert {verdict.holds for verdict in verdicts.values()} == {None}


def test_two_orders_of_one_plan_break_g1() -> None:
    facts = replace(good(), orders=(order(), order(order_id=8)))
    assert "G1" in broken(facts)


def test_orders_of_strangers_and_stops_are_not_counted_for_a_plan() -> None:
    strangers = (order(order_id=8, client_order_id="web_1"), order(order_id=9, client_order_id=f"qs-{PLAN}"))
    assert not broken(replace(good(), orders=(order(), *strangers)))


def test_a_plan_without_result_breaks_g2() -> None:
    facts = replace(good(), plans=(*good().plans, written(6, plan(plan_id="b" * 16))))
    assert broken(facts) == {"G2"}


def test_a_blocked_plan_without_result_breaks_g2() -> None:
    other = blocked_plan(Gate.LOW_CONFIDENCE, plan_id="b" * 16)
    assert broken(replace(good(), plans=(*good().plans, written(6, other)))) == {"G2"}


def test_a_plan_under_way_leaves_g2_open_while_the_run_has_not_settled() -> None:
    facts = replace(good(), plans=(*good().plans, written(6, plan(plan_id="b" * 16))))
    verdict = evaluate(facts, settled=False)["G2"]
    assert verdict.holds is None
    assert verdict.findings


def test_two_results_of_one_plan_break_g2_even_before_the_run_has_settled() -> None:
    facts = replace(good(), results=(*good().results, written(40, result())))
    assert broken(facts, settled=False) == {"G2"}


def test_a_result_without_plan_breaks_g2_unless_plans_were_trimmed() -> None:
    stray = written(40, refused_result(Gate.PLAN_EXPIRED, plan_id="c" * 16))
    facts = replace(good(), results=(*good().results, stray))
    assert broken(facts) == {"G2"}
    assert not broken(replace(facts, trimmed=frozenset({"apply.plan"})))


def test_a_duplicate_intents_plan_needs_no_result() -> None:
    duplicates = written(6, blocked_plan(Gate.DUPLICATE_INTENT)), written(7, blocked_plan(Gate.DUPLICATE_INTENT))
    assert not broken(replace(good(), plans=(*good().plans, *duplicates)))


def test_a_trade_that_the_ledger_has_not_counted_breaks_g3() -> None:
    facts = replace(good(), trades=(*good().trades, trade(2, "1", "102")))
    assert broken(facts) == {"G3"}
    assert not ledger_matches_exchange(facts)


def test_a_trade_that_was_counted_twice_breaks_g3() -> None:
    twice = (*good().journal, written(32, journal(1, "3", "100.6666666667")))
    doubled = ledger(position_amt=Decimal(3), avg_entry_price=Decimal("100.6666666667"), total_qty=Decimal(3))
    facts = replace(good(), journal=twice, ledgers={SYMBOL: doubled.model_copy(update={"fees": Decimal("0.03")})})
    assert "G3" in broken(facts)
    assert not ledger_matches_exchange(facts)


def test_a_trade_that_the_exchange_does_not_know_breaks_g3() -> None:
    assert "G3" in broken(replace(good(), trades=good().trades[:1]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"fees": Decimal("0.01")},
        {"realized_pnl": Decimal(1)},
        {"avg_entry_price": Decimal("100.6")},
        {"position_amt": Decimal(1)},
    ],
)
def test_a_ledger_with_one_wrong_figure_breaks_g3_and_g4(wrong: dict[str, Decimal]) -> None:
    facts = replace(good(), ledgers={SYMBOL: ledger(**wrong)})
    assert {"G3", "G4"} <= broken(facts)


def test_a_missing_ledger_breaks_g3_and_g4() -> None:
    assert {"G3", "G4"} <= broken(replace(good(), ledgers={}))


def test_a_ledger_with_a_total_or_funding_of_its_own_breaks_g4_alone() -> None:
    assert broken(replace(good(), ledgers={SYMBOL: ledger(total_qty=Decimal(3))})) == {"G4"}
    assert broken(replace(good(), ledgers={SYMBOL: ledger(funding=Decimal(1))})) == {"G4"}


def test_a_ledger_that_cannot_be_read_breaks_g4() -> None:
    assert "G4" in broken(replace(good(), unreadable=("quantum:position:ledger:BTCUSDT: fees: 'x'",)))


def test_late_trades_fold_where_their_time_puts_them() -> None:
    late = (written(30, journal(1, "1", "101")), written(31, journal(0, "2", "100.5")))
    assert not broken(replace(good(), journal=late))


def test_a_trimmed_journal_is_still_held_against_its_last_word() -> None:
    trimmed = replace(good(), journal=good().journal[1:], trimmed=frozenset({"ledger.journal"}))
    assert not broken(trimmed)
    assert "G4" in broken(replace(trimmed, ledgers={SYMBOL: ledger(position_amt=Decimal(1))}))


@pytest.mark.parametrize("issuer", list(Issuer))
def test_an_order_without_one_of_its_permits_breaks_g6(issuer: Issuer) -> None:
    left = tuple(entry for entry in good().permits if entry.message.issuer is not issuer)
    assert broken(replace(good(), permits=left)) == {"G6"}


def test_a_permit_after_the_order_breaks_g6() -> None:
    late = (written(10, permit(Issuer.GOVERNOR)), written(25, permit(Issuer.P33)))
    assert broken(replace(good(), permits=late)) == {"G6"}


def test_a_refusing_permit_does_not_count_for_g6() -> None:
    refusing = permit(Issuer.P33, allow=False, reason=Gate.SYMBOL_ON_HOLD)
    assert broken(replace(good(), permits=(good().permits[0], written(11, refusing)))) == {"G6"}


def test_an_order_without_plan_breaks_g6() -> None:
    assert "G6" in broken(replace(good(), orders=(order(), order(order_id=9, client_order_id="qo-" + "f" * 16))))


def test_an_order_of_a_blocked_plan_breaks_g6() -> None:
    assert "G6" in broken(replace(good(), plans=(written(5, blocked_plan(Gate.LOW_CONFIDENCE)),)))


def test_a_drift_without_hold_breaks_g7_and_a_hold_mends_it() -> None:
    drifting = replace(good(), snapshots={SYMBOL: snapshot("1")})
    assert broken(drifting) == {"G7"}
    assert not broken(replace(drifting, held=frozenset({SYMBOL})))


def test_an_order_that_is_still_sending_breaks_g9_once_settled() -> None:
    facts = replace(good(), records={PLAN: record(OrderState.SENDING)})
    assert broken(facts) == {"G9"}
    assert not broken(facts, settled=False)


@pytest.mark.parametrize("state", [OrderState.REFUSED, OrderState.EXPIRED, OrderState.BLOCKED])
def test_an_order_given_up_that_the_exchange_has_breaks_g9(state: OrderState) -> None:
    assert broken(replace(good(), records={PLAN: record(state)})) == {"G9"}


def test_a_result_that_denies_an_order_of_the_exchange_breaks_g9() -> None:
    denied = written(30, refused_result(Gate.EXCHANGE_UNAVAILABLE))
    assert broken(replace(good(), results=(denied,))) == {"G9"}


def test_a_result_that_names_an_order_nobody_has_breaks_g9() -> None:
    assert broken(replace(good(), results=(written(30, result(order_id=ORDER_ID + 1)),))) == {"G9"}


def test_a_dead_letter_without_reason_breaks_g10() -> None:
    letter = DeadLetter("trade.intent", entry_id(1), "")
    assert broken(replace(good(), dead=(letter,))) == {"G10"}


def test_a_malformed_entry_needs_its_dead_letter() -> None:
    facts = replace(good(), malformed=(("trade.intent", entry_id(1)),))
    assert broken(facts) == {"G10"}
    assert not broken(replace(facts, dead=(DeadLetter("trade.intent", entry_id(1), "side: 'UP'"),)))


def test_entries_that_nobody_finished_break_g10() -> None:
    for backlog in (Backlog("apply.plan", "p33", 1, 0), Backlog("apply.plan", "p33", 0, 1)):
        assert broken(replace(good(), backlogs=(backlog,))) == {"G10"}


def test_a_position_of_the_exchange_that_no_ledger_has_is_a_mismatch() -> None:
    assert not ledger_matches_exchange(replace(good(), positions={SYMBOL: Decimal(2), "ETHUSDT": Decimal(1)}))


def test_an_adjustment_is_part_of_the_journals_fold() -> None:
    adjusted = journal(
        2, "5", "99", kind="adjustment", trade_id="a1", side=None, fee=None, realized_pnl=None, qty=Decimal(3),
        price=Decimal(99), trade_ms=NOW_MS + 50,
    )  # fmt: skip
    facts = replace(
        good(),
        journal=(*good().journal, written(60, adjusted)),
        ledgers={SYMBOL: ledger(position_amt=Decimal(5), avg_entry_price=Decimal(99))},
    )
    assert "G4" not in broken(facts)
    assert "G3" in broken(facts), "an adjustment is no trade of the exchange"


def test_an_adjustment_in_the_place_of_a_booked_trade_breaks_g3_and_g4() -> None:
    sold = trade(2, "2", "110", Side.SELL)
    booked = journal(2, "0", "0", side=Side.SELL, qty=Decimal(2), price=Decimal(110))
    adopted = journal(
        3,
        "0",
        "0",
        kind="adjustment",
        trade_id="a1",
        side=None,
        fee=None,
        realized_pnl=None,
        qty=Decimal(2),
        price=None,
    )
    facts = replace(
        good(),
        trades=(*good().trades, sold),
        journal=(*good().journal, written(32, booked), written(60, adopted)),
        ledgers={SYMBOL: ledger(position_amt=Decimal(0), avg_entry_price=Decimal(0))},
        snapshots={SYMBOL: snapshot("0")},
        positions={SYMBOL: Decimal(0)},
    )
    assert {"G3", "G4"} <= broken(facts), "the position is right again, and the ledger never counted the trade"


def test_closing_and_crossing_zero_fold_as_the_exchange_does() -> None:
    sold = trade(2, "3", "110", Side.SELL)
    entry = journal(2, "-1", "110", side=Side.SELL, qty=Decimal(3), price=Decimal(110))
    short = ledger(position_amt=Decimal(-1), avg_entry_price=Decimal(110), total_qty=Decimal(5), fees=Decimal("0.03"))
    facts = replace(
        good(),
        trades=(*good().trades, sold),
        journal=(*good().journal, written(32, entry)),
        ledgers={SYMBOL: short},
        snapshots={SYMBOL: snapshot("-1")},
        positions={SYMBOL: Decimal(-1)},
    )
    assert not broken(facts)
    assert ledger_matches_exchange(facts)
    assert sold.trade_id == FIRST_TRADE + 2
