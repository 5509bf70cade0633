"""The verdict on a ledger: each kind of lie has its name."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from quantum_common.exchange.port import TradeView
from quantum_common.messages import JournalEntry
from services.cli.ledger_check import Evidence, Report, Verdict, examine
from services.cli.ledger_command import shown
from services.position_state_brain.bookkeeper import journal_entry
from services.position_state_brain.fold import Book, Checkpoint, Fact, fold
from services.position_state_brain.ports import Shelf
from tests.unit.position_state_brain.scripted import NOW_MS, SYMBOL, D, fact, trade

FACTS = (fact(1, "2"), fact(2, "1"), fact(3, "-0.5"))


def listed(facts: Sequence[Fact] = FACTS) -> list[TradeView]:
    return [trade(one.trade_id, str(one.qty)) for one in facts]


def told(facts: Sequence[Fact] = FACTS) -> list[JournalEntry]:
    """The journal of facts that were booked in this order."""
    book = Book(SYMBOL, Checkpoint.begin(0))
    entries = []
    for one in facts:
        ledger = book.ledger(book.with_fact(one), "", 0, NOW_MS)
        entries.append(journal_entry(SYMBOL, one, ledger, "a test", NOW_MS))
        book.add(one, "1-1")
    return entries


def shelf(facts: Sequence[Fact] = FACTS, *, whole: bool = True, folded: int = 0) -> Shelf:
    """A book of facts, the first `folded` of them in the checkpoint, and the ledger that follows."""
    checkpoint = fold(Checkpoint.begin(0), facts[:folded])
    book = Book(SYMBOL, checkpoint.model_copy(update={"seq": folded}), {one.fact_id: one for one in facts[folded:]})
    book.journal_id = "1-1"
    return Shelf(book, book.ledger(book.folded, "1-1", 5, NOW_MS), len(book.facts), whole)


def evidence(**changes: object) -> Evidence:
    right = Evidence(
        symbol=SYMBOL, shelf=shelf(), unreadable="", exchange_amt=D("2.5"), trades=listed(), journal=told(),
        whole_journal=True,
    )  # fmt: skip
    return replace(right, **changes)  # type: ignore[arg-type]


def judged(**changes: object) -> Report:
    return examine(evidence(**changes))


def test_a_ledger_that_agrees_with_everything_is_ok() -> None:
    report = judged()
    assert (report.verdict, report.findings, report.difference) == (Verdict.OK, (), D(0))
    assert (report.facts, report.trades) == (3, 3)


def test_facts_in_the_checkpoint_are_not_asked_for_again() -> None:
    report = judged(shelf=shelf(folded=2))
    assert (report.verdict, report.facts, report.trades) == (Verdict.OK, 1, 1)


def test_trades_before_the_ledger_began_are_nobody_s() -> None:
    book = Book(SYMBOL, Checkpoint.begin(NOW_MS))
    began = Shelf(book, book.ledger(book.folded, "", None, 0), 0, whole=True)
    report = judged(shelf=began, trades=[trade(-5)], journal=(), exchange_amt=D(0))
    assert (report.verdict, report.trades) == (Verdict.OK, 0)


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({"unreadable": "seq: missing"}, Verdict.UNREADABLE, "seq: missing"),
        ({"shelf": None}, Verdict.NO_LEDGER, "the exchange has 2.5 and there is no ledger"),
        ({"shelf": shelf(whole=False)}, Verdict.NOT_THE_FOLD, "not booked whole"),
        ({"trades": [*listed(), trade(4, "1")]}, Verdict.TRADES_MISSING, "not booked: 4"),
        ({"trades": listed(FACTS[:2])}, Verdict.TRADES_UNKNOWN, "does not list them: 3"),
        ({"trades": [*listed(FACTS[:2]), trade(3, "-0.5", "101")]}, Verdict.TRADES_DIFFER, "lists them: 3"),
        ({"journal": told()[:2]}, Verdict.JOURNAL_DIFFERS, "the journal ends at 3"),
        ({"journal": [*told(), told()[-1]]}, Verdict.JOURNAL_DIFFERS, "told more than once: 3"),
        ({"journal": told()[1:]}, Verdict.JOURNAL_DIFFERS, "booked and not told: 1"),
        ({"exchange_amt": D(3)}, Verdict.POSITION_DIFFERS, "do not explain"),
    ],
)
def test_each_kind_of_lie_has_its_name(changes: dict[str, object], verdict: Verdict, words: str) -> None:
    report = judged(**changes)
    assert report.verdict is verdict
    assert any(words in text for text in report.findings), report.findings


def test_a_ledger_that_is_not_the_fold_names_each_field() -> None:
    stands = shelf()
    assert stands.ledger is not None
    report = judged(shelf=replace(stands, ledger=stands.ledger.model_copy(update={"fees": D(99)})))
    assert report.verdict is Verdict.NOT_THE_FOLD
    assert report.findings == ("fees is 99, the fold 0.12",)


def test_a_lost_ledger_is_not_the_fold_and_its_amount_is_unknown() -> None:
    report = judged(shelf=replace(shelf(), ledger=None))
    assert (report.verdict, report.ledger_amt) == (Verdict.NOT_THE_FOLD, None)


def test_a_trimmed_journal_only_has_to_end_where_the_ledger_stands() -> None:
    assert judged(journal=told()[2:], whole_journal=False).verdict is Verdict.OK
    assert judged(journal=told()[:1], whole_journal=False).verdict is Verdict.JOURNAL_DIFFERS
    assert judged(journal=(), whole_journal=False).verdict is Verdict.OK


def test_a_symbol_without_ledger_and_position_is_ok() -> None:
    assert judged(shelf=None, exchange_amt=Decimal(0)).verdict is Verdict.OK


def test_many_trades_are_counted_and_some_named() -> None:
    report = judged(trades=[*listed(), *(trade(number) for number in range(10, 20))])
    assert report.findings[0] == "not booked: 10, 11, 12, 13, 14 and 5 more"


def test_the_lines_show_amounts_findings_and_a_count() -> None:
    lines = shown([judged(), judged(exchange_amt=D(3))])
    assert lines[0] == f"{SYMBOL}  ok  ledger 2.5  exchange 2.5  difference 0  facts 3  trades 3"
    assert lines[1].startswith(f"{SYMBOL}  position_differs  ledger 2.5  exchange 3  difference -0.5")
    assert lines[-1] == "2 ledgers verified, 1 wrong"
