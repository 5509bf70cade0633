"""The ledger is the fold of its facts: in any order, with any repetition, compacted at any point, torn or whole."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_common.messages import Side
from quantum_common.state import Ledger, PositionSide
from services.position_state_brain.fold import (
    Book,
    Checkpoint,
    Fact,
    FactKind,
    Peak,
    average_entry,
    fill_side,
    fold,
)
from tests.unit.position_state_brain.scripted import NOW_MS, SYMBOL, D, adjustment, fact, funding

KEEP = 3


def book(facts: Sequence[Fact] = (), checkpoint: Checkpoint | None = None) -> Book:
    return Book(SYMBOL, checkpoint or Checkpoint.begin(0), {one.fact_id: one for one in facts})


def written(of: Book) -> Ledger:
    return of.ledger(of.folded, "j", None, NOW_MS)


def take(into: Book, one: Fact) -> None:
    """Take a fact in as the bookkeeper does: unless it is known, with the next number of arrival."""
    if not into.knows(one.fact_id, one.trade_id, one.time_ms):
        into.add(one.model_copy(update={"seq": into.seq + 1}), "j")


quantities = st.decimals(-5, 5, places=2).filter(bool).map(str)
prices = st.decimals(90, 110, places=1).map(str)


@st.composite
def histories(draw: st.DrawFn, least: int = 1, most: int = 14) -> list[Fact]:
    """Trades with rising ids, some at the same time, with payments of funding in between."""
    facts: list[Fact] = []
    at_ms = NOW_MS
    for number in range(1, draw(st.integers(least, most)) + 1):
        at_ms += draw(st.sampled_from((0, 1, 500)))
        facts.append(
            fact(
                number, draw(quantities), draw(prices), time_ms=at_ms,
                realized_pnl=draw(st.decimals(-9, 9, places=3)), order_id=draw(st.integers(1, 3)),
            )
        )  # fmt: skip
        if draw(st.integers(0, 4)) == 0:
            at_ms += 1
            facts.append(funding(number, draw(st.decimals(-2, 2, places=4).map(str)), time_ms=at_ms))
    return facts


@given(histories(), st.data())
def test_any_order_and_any_repetition_of_the_same_facts_gives_the_same_ledger(
    facts: list[Fact], data: st.DataObject
) -> None:
    expected = written(book(facts))
    arriving = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts)))))
    incremental = book()
    for one in arriving:
        take(incremental, one)
    assert written(incremental) == expected
    assert written(book(list(incremental.facts.values()))) == expected


@given(histories())
def test_quantities_fees_and_profits_are_sums_of_the_facts(facts: list[Fact]) -> None:
    ledger = written(book(facts))
    fills = [one for one in facts if one.kind is FactKind.FILL]
    assert ledger.position_amt == sum(one.qty for one in fills)
    assert ledger.total_qty == sum(abs(one.qty) for one in fills)
    assert ledger.realized_pnl == sum(one.realized_pnl for one in fills)
    assert ledger.fees == sum(one.fee for one in fills)
    assert ledger.funding == sum((one.funding for one in facts), D(0))
    assert ledger.side is PositionSide.of(ledger.position_amt)
    assert (ledger.opened_ms is None) == (ledger.peak_price is None) == (ledger.position_amt == 0)
    assert (ledger.avg_entry_price == 0) == (ledger.position_amt == 0)


@given(histories(least=8, most=25), st.data())
def test_compaction_at_any_point_torn_or_whole_changes_nothing_and_nothing_counts_twice(
    facts: list[Fact], data: st.DataObject
) -> None:
    """Everything arrives in time order, with repetitions; whenever a compaction is due it may be torn at any fact."""
    expected = written(book(facts))
    kept = book()
    for number, one in enumerate(facts):
        take(kept, one)
        if data.draw(st.booleans()):
            take(kept, data.draw(st.sampled_from(facts[: number + 1])))
        verified = max((fill.trade_id for fill in facts[: number + 1]), default=0)
        checkpoint = kept.compact(KEEP, verified)
        if checkpoint is None:
            continue
        covered = [fact_id for fact_id, old in kept.facts.items() if checkpoint.covers(old)]
        dropped = set(covered[: data.draw(st.integers(0, len(covered)))])
        left = {fact_id: old for fact_id, old in kept.facts.items() if fact_id not in dropped}
        kept = Book(SYMBOL, checkpoint, {name: old for name, old in left.items() if not checkpoint.covers(old)})
        for old in facts[: number + 1]:
            take(kept, old)  # the exchange's list is read again
    assert written(kept) == expected


def test_a_late_fact_is_put_where_it_belongs() -> None:
    late = book([fact(1, "1", "100"), fact(3, "-1", "120")])
    take(late, fact(2, "1", "110"))
    assert late.folded.avg_entry_price == D(105)
    assert late.folded.position_amt == D(1)


def test_a_late_fact_behind_the_checkpoint_counts_once() -> None:
    """A payment that arrives after its time was folded away is neither lost nor taken for a folded one."""
    facts = [fact(number, "1") for number in range(1, 9)]
    kept = book(facts)
    take(kept, funding(1, "-1", time_ms=NOW_MS + 1))  # the newest arrival, at the oldest place
    checkpoint = kept.compact(KEEP, 8)
    assert checkpoint is not None
    assert checkpoint.seq == 9
    left = {name: one for name, one in kept.facts.items() if not checkpoint.covers(one)}
    again = Book(SYMBOL, checkpoint, left)
    assert again.seq == 9
    take(again, funding(2, "-2", time_ms=NOW_MS + 3_500))
    reread = Book(SYMBOL, checkpoint, {name: one for name, one in again.facts.items() if not checkpoint.covers(one)})
    assert reread.folded.funding == again.folded.funding == D(-3)


def test_funding_that_was_folded_away_is_not_booked_again() -> None:
    facts = [funding(1), *(fact(number, "1", seq=number + 1) for number in range(1, 9))]
    kept = book(facts)
    checkpoint = kept.compact(KEEP, 8)
    assert checkpoint is not None
    left = {name: one for name, one in kept.facts.items() if not checkpoint.covers(one)}
    assert "f1" not in left
    again = Book(SYMBOL, checkpoint, left)
    take(again, funding(1))
    assert again.folded.funding == D("-0.5")
    take(again, funding(20))
    assert again.folded.funding == D(-1)


def test_trades_before_our_time_are_not_ours() -> None:
    begun = book(checkpoint=Checkpoint.begin(NOW_MS))
    assert begun.knows("1", 1, NOW_MS - 1)
    assert not begun.knows("1", 1, NOW_MS)


@pytest.mark.parametrize(
    ("verified", "expected"), [(0, None), (4, 4), (5, 5), (99, 5)], ids=["none", "some", "all", "more"]
)
def test_only_what_the_exchange_s_list_confirmed_is_folded_away(verified: int, expected: int | None) -> None:
    kept = book([fact(number) for number in range(1, 9)])
    checkpoint = kept.compact(KEEP, verified)
    assert (checkpoint.high_water if checkpoint else None) == expected


def test_nothing_is_folded_away_while_there_is_little() -> None:
    assert book([fact(number) for number in range(1, 2 * KEEP + 1)]).compact(KEEP, 99) is None


@pytest.mark.parametrize(
    ("trades", "amount", "entry", "opened", "peak"),
    [
        ([("1", "100")], "1", "100", 1, "100"),
        ([("1", "100"), ("1", "110")], "2", "105", 1, "110"),
        ([("2", "100"), ("-1", "120")], "1", "100", 1, "120"),
        ([("1", "100"), ("-1", "120")], "0", "0", None, None),
        ([("1", "100"), ("-3", "120")], "-2", "120", 2, "120"),
        ([("-1", "100")], "-1", "100", 1, "100"),
        ([("-1", "100"), ("-1", "90")], "-2", "95", 1, "90"),
        ([("-2", "100"), ("1", "105")], "-1", "100", 1, "100"),
        ([("-1", "100"), ("2", "90")], "1", "90", 2, "90"),
        ([("1", "100"), ("-1", "110"), ("1", "120")], "1", "120", 3, "120"),
        ([("3", "1"), ("4", "2")], "7", "1.5714285714", 1, "2"),
    ],
)
def test_long_short_flip_and_partial(
    trades: list[tuple[str, str]], amount: str, entry: str, opened: int | None, peak: str | None
) -> None:
    ledger = written(book([fact(number, *one) for number, one in enumerate(trades, 1)]))
    assert (ledger.position_amt, ledger.avg_entry_price) == (D(amount), D(entry))
    assert ledger.opened_ms == (None if opened is None else NOW_MS + 1_000 * opened)
    assert ledger.peak_price == (None if peak is None else D(peak))
    assert (ledger.last_order_id, ledger.last_plan_id) == (1000 + len(trades), f"plan{len(trades)}")


def test_an_adjustment_moves_the_position_and_nothing_else() -> None:
    ledger = written(book([fact(1, "1", "100"), adjustment(2, "2", "90")]))
    assert (ledger.position_amt, ledger.avg_entry_price, ledger.total_qty) == (D(3), D(90), D(1))
    assert (ledger.fees, ledger.realized_pnl, ledger.last_order_id) == (D("0.04"), D(0), 1001)
    flat = written(book([fact(1, "1", "100"), adjustment(2, "-1", "90")]))
    assert (flat.position_amt, flat.avg_entry_price, flat.opened_ms) == (D(0), D(0), None)


def test_funding_moves_nothing_but_funding() -> None:
    before, after = book([fact(1)]), book([fact(1), funding(2)])
    assert written(after) == written(before).model_copy(update={"funding": D("-0.5")})


@pytest.mark.parametrize(
    ("qty", "peak", "shown"), [("1", "130", "130"), ("1", "90", "100"), ("-1", "90", "90"), ("-1", "130", "100")]
)
def test_the_best_mark_price_counts_while_it_is_the_same_position(qty: str, peak: str, shown: str) -> None:
    held = book([fact(1, qty)])
    held.peak = Peak(opened_ms=NOW_MS + 1_000, price=D(peak))
    assert written(held).peak_price == D(shown)
    held.peak = Peak(opened_ms=NOW_MS, price=D(peak))
    assert written(held).peak_price == D(100)
    closed = book([fact(1, qty), fact(2, plain_opposite(qty))])
    closed.peak = Peak(opened_ms=NOW_MS + 1_000, price=D(peak))
    assert written(closed).peak_price is None


def plain_opposite(qty: str) -> str:
    return str(-D(qty))


def test_how_much_of_an_order_was_booked() -> None:
    filled = book([fact(1, "1", order_id=7), fact(2, "0.5", order_id=7), funding(3)])
    take(filled, fact(4, "-0.25", order_id=7))
    assert filled.booked_qty(7) == D("1.75")
    assert filled.booked_qty(8) == 0


def test_facts_are_folded_onto_a_checkpoint_by_their_place() -> None:
    facts = [fact(number, "1") for number in range(1, 5)]
    half = fold(Checkpoint.begin(0), facts[:2])
    assert fold(half, facts[2:]) == fold(Checkpoint.begin(0), facts)
    assert half.place == facts[1].place
    assert fold(half, [funding(1)]).place == half.place


@pytest.mark.parametrize(
    ("one", "side"),
    [(fact(1, "1"), Side.BUY), (fact(1, "-1"), Side.SELL), (funding(1), None), (adjustment(1, "1"), None)],
)
def test_only_a_fill_has_a_side(one: Fact, side: Side | None) -> None:
    assert fill_side(one) is side


@given(
    st.decimals(-9, 9, places=3), st.decimals(1, 9, places=3), st.decimals(-9, 9, places=3), st.decimals(1, 9, places=3)
)
def test_an_average_lies_between_its_prices(position: Decimal, entry: Decimal, qty: Decimal, price: Decimal) -> None:
    average = average_entry(position, entry if position else D(0), qty, price)
    after: Any = position + qty
    if after == 0:
        assert average == 0
    elif position:
        assert min(entry, price) <= average <= max(entry, price)
