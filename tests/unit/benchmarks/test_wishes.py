"""The wishes: valid intents, a fixed number of positions at any time, no two with one identity."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.samples import Meeting
from benchmarks.wishes import Wishes
from quantum_common.messages import Action, Intent, Side

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")


def test_some_symbols_are_opened_and_then_the_oldest_is_closed_and_the_next_opened_in_turn() -> None:
    wishes = Wishes(SYMBOLS, 2, "run")
    found = [wishes.intent(number, 1_000) for number in range(8)]
    assert [(intent.action, intent.symbol[:3]) for intent in found] == [
        (Action.OPEN, "BTC"),
        (Action.OPEN, "ETH"),
        (Action.CLOSE_FULL, "BTC"),
        (Action.OPEN, "SOL"),
        (Action.CLOSE_FULL, "ETH"),
        (Action.OPEN, "XRP"),
        (Action.CLOSE_FULL, "SOL"),
        (Action.OPEN, "BTC"),
    ]
    assert all((intent.side is Side.BUY) == (intent.action is Action.OPEN) for intent in found)


@given(st.integers(1, 20), st.integers(0, 30), st.integers(0, 200))
def test_no_open_symbol_is_opened_and_none_that_is_flat_is_closed(standing: int, more: int, count: int) -> None:
    wishes = Wishes([f"S{number}" for number in range(2 * standing + more)], standing, "run")
    positions: set[str] = set()
    for number in range(count):
        action, symbol = wishes.wish(number)
        assert (symbol in positions) == (action is Action.CLOSE_FULL)
        positions ^= {symbol}
        assert number < standing or len(positions) in {standing - 1, standing}


@given(st.integers(1, 20), st.integers(0, 50))
def test_as_many_wishes_as_close_and_open_what_stands_are_on_different_symbols(standing: int, burst: int) -> None:
    wishes = Wishes([f"S{number}" for number in range(2 * standing)], standing, "run")
    first = standing + 2 * standing * burst
    assert len({wishes.wish(number)[1] for number in range(first, first + 2 * standing)}) == 2 * standing


def test_a_wish_is_a_valid_intent_on_the_wire() -> None:
    intent = Wishes(SYMBOLS, 2, "run").intent(0, 1_000)
    assert Intent.from_fields(intent.to_fields()) == intent


def test_no_two_wishes_of_one_run_or_of_two_have_one_identity() -> None:
    ids = [Wishes(SYMBOLS, 2, run).intent(number, 1_000).intent_id for run in ("a", "b") for number in range(20)]
    assert len(set(ids)) == 40


def test_a_result_is_due_once_the_plan_and_both_permits_have_come() -> None:
    meeting = Meeting()
    assert [meeting.complete("p") for _ in range(2)] == [False, False]
    assert not meeting.complete("q")
    assert meeting.complete("p")
    assert not meeting.complete("p")
