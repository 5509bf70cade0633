"""One plan, struck at every call: all cases with one fault, and a slice of the pairs."""

import pytest

from tests.sim.exhaustive import FAULTS, Case, Kind, pairs, play, singles
from tests.sim.world import Fault

EVERY = 97  # of the pairs; `make simulate` runs them all


@pytest.mark.parametrize("kind", Kind)
def test_a_plan_survives_any_one_fault_and_a_slice_of_all_pairs(kind: Kind) -> None:
    calm = play(Case(kind))
    assert not calm.outcome.violations
    ones = [play(case) for case in singles(kind, len(calm.calls))]
    assert len(ones) == len(FAULTS) * len(calm.calls)
    twos = [case for one in ones for case in pairs(one)]
    results = ones + [play(case) for case in twos[::EVERY]]
    failed = {str(result.case): result.outcome.violations for result in results if result.outcome.violations}
    assert not failed


def test_the_calls_of_a_plan_are_those_that_move_money_and_books() -> None:
    calls = " ".join(play(Case(Kind.ENTRY)).calls)
    for name in ("claim_order", "place qo-", "stop qs-", "finish_plan", "p33_permit", "book_fact", "settle_result"):
        assert name in calls


def test_a_strike_really_strikes() -> None:
    calls = play(Case(Kind.ENTRY)).calls
    place = next(number for number, call in enumerate(calls) if " place " in call)
    outcome = play(Case(Kind.ENTRY, ((place, Fault.ANSWER_LOST),))).outcome
    assert outcome.probes["answer_lost place"] == 1


def test_a_case_is_written_as_it_is_read() -> None:
    case = Case(Kind.EXIT, ((3, Fault.KILL_AFTER), (7, Fault.ANSWER_LOST)))
    assert Case.parse(str(case)) == case
