"""The wishes: valid intents, opened in one round and closed in the next, no two with one identity."""

from benchmarks.samples import Meeting
from benchmarks.wishes import Wishes
from quantum_common.messages import Action, Intent, Side

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def test_rounds_open_every_symbol_and_then_close_it() -> None:
    wishes = Wishes(SYMBOLS, "run")
    found = [wishes.intent(number, 1_000) for number in range(5)]
    assert [intent.symbol for intent in found] == [*SYMBOLS, *SYMBOLS, SYMBOLS[0]]
    assert [intent.action for intent in found] == [Action.OPEN] * 2 + [Action.CLOSE_FULL] * 2 + [Action.OPEN]
    assert [intent.side for intent in found] == [Side.BUY] * 2 + [Side.SELL] * 2 + [Side.BUY]


def test_a_wish_is_a_valid_intent_on_the_wire() -> None:
    intent = Wishes(SYMBOLS, "run").intent(0, 1_000)
    assert Intent.from_fields(intent.to_fields()) == intent


def test_no_two_wishes_of_one_run_or_of_two_have_one_identity() -> None:
    ids = [Wishes(SYMBOLS, run).intent(number, 1_000).intent_id for run in ("a", "b") for number in range(20)]
    assert len(set(ids)) == 40


def test_a_result_is_due_once_the_plan_and_both_permits_have_come() -> None:
    meeting = Meeting()
    assert [meeting.complete("p") for _ in range(2)] == [False, False]
    assert not meeting.complete("q")
    assert meeting.complete("p")
    assert not meeting.complete("p")
