from dataclasses import replace
from decimal import Decimal

import pytest

from quantum_common.state import EngineVerdict
from services.ai_engine.entries import NoEntry
from services.ai_engine.exits import ExitReason
from services.ai_engine.model import Signal
from services.ai_engine.verdict import ENTRY, Verdict, engine_verdict
from tests.unit.ai_engine import given

POLICY = replace(given.policy(), decision_ms=15 * given.MINUTE_MS)
SIGNAL = Signal(0.47, 0.01, -3.0, (), "v")
BETWEEN = Verdict((), None, NoEntry.BETWEEN_DECISIONS)
FIRST = 1  # the bar after a decision bar's close; the next one decides fourteen bars later


def record(verdict: Verdict, number: int, before: EngineVerdict | None = None) -> EngineVerdict:
    bar = given.bar(number)
    return engine_verdict(verdict, before, bar.close_ms, POLICY, "v", bar.close_ms + 5)


def test_a_decision_says_what_was_weighed() -> None:
    weak = Verdict((), None, NoEntry.EDGE_BELOW_COST, 1.5, Decimal(14), SIGNAL, Decimal("1.5"), Decimal(12))
    found = record(weak, FIRST - 1)
    assert EngineVerdict.from_fields(found.to_fields()) == found
    assert (found.why, found.value, found.limit) == ("edge_below_cost", Decimal("1.5"), Decimal(14))
    assert (found.p_up, found.confidence) == (Decimal("0.47"), Decimal("0.53"))
    assert found.bar_close_ms == found.decided_bar_ms == given.bar(FIRST - 1).close_ms


@pytest.mark.parametrize(
    "why", [None, NoEntry.EDGE_BELOW_COST, NoEntry.MODEL_EXPIRED, NoEntry.QUIET, NoEntry.NO_SIGNAL]
)
def test_until_the_next_decision_the_last_one_stands(why: NoEntry | None) -> None:
    before = record(Verdict((), None, why, 1, 2, SIGNAL), FIRST - 1)
    for number in range(FIRST, FIRST + 14):
        before = record(BETWEEN, number, before)
        assert (before.why, before.value, before.limit) == (why or ENTRY, Decimal(1), Decimal(2))
        assert before.bar_close_ms == given.bar(number).close_ms
        assert before.decided_bar_ms == given.bar(FIRST - 1).close_ms
        assert before.ts_ms == before.bar_close_ms + 5


@pytest.mark.parametrize("why", [NoEntry.STANDING, NoEntry.NO_LEDGER, ExitReason.HARD_STOP, ExitReason.BREAK_EVEN])
def test_what_was_said_of_a_position_does_not_stand_when_it_is_gone(why: NoEntry | ExitReason) -> None:
    before = record(Verdict((), None, why, 1, 2), FIRST + 3)
    found = record(BETWEEN, FIRST + 4, before)
    assert (found.why, found.value, found.limit) == ("between_decisions", None, None)
    assert found.decided_bar_ms == given.bar(FIRST - 1).close_ms, "the decision that was last"


def test_a_decision_of_before_the_last_one_does_not_stand_either() -> None:
    long_ago = record(Verdict((), None, NoEntry.NO_SIGNAL), FIRST - 1)
    assert record(BETWEEN, FIRST + 16, long_ago).why == "between_decisions"
    assert record(BETWEEN, FIRST + 3, None).why == "between_decisions"
