"""What flowed lately: rates of a minute, gates of ten, latencies by intent."""

from collections import deque

import pytest

from services.cli.tally import RESULTS_SHOWN, Tally, percentile

NOW_MS = 1_700_000_000_000


def test_rates_forget_what_is_older_than_a_minute_and_totals_do_not() -> None:
    tally = Tally()
    tally.permit(NOW_MS - 60_001, {})
    tally.permit(NOW_MS - 60_000, {})
    tally.permit(NOW_MS, {})
    assert tally.per_minute("permits", NOW_MS) == 2
    assert tally.counts["permits"] == 3


def test_gates_are_counted_by_result_and_duplicates_by_plan() -> None:
    tally = Tally()
    tally.plan(NOW_MS, {"gate": "low_confidence"})
    tally.result(NOW_MS, {"gate": "low_confidence"})
    tally.plan(NOW_MS, {"gate": "duplicate_intent"})
    tally.result(NOW_MS - 600_001, {"gate": "permit_timeout"})
    assert tally.gates(NOW_MS) == {"low_confidence": 1, "duplicate_intent": 1, "permit_timeout": 1}
    late = Tally()
    late.result(NOW_MS - 600_001, {"gate": "permit_timeout"})
    assert not late.gates(NOW_MS)


def test_a_result_is_an_order_where_it_names_one() -> None:
    tally = Tally()
    tally.result(NOW_MS, {"order_id": "7"})
    tally.result(NOW_MS, {"order_id": "", "gate": "no_position"})
    assert tally.counts["orders"] == 1
    assert tally.counts["results"] == 2


def test_latencies_join_intent_and_result() -> None:
    tally = Tally()
    assert tally.latencies() == {"order": None, "ledger": None, "result": None}
    tally.intent(NOW_MS, {"intent_id": "i"})
    tally.result(NOW_MS + 9, {"intent_id": "i", "sent_ms": str(NOW_MS + 4)})
    tally.result(NOW_MS + 9, {"intent_id": "unknown", "sent_ms": "1"})
    tally.journal(NOW_MS + 7, {"kind": "fill", "trade_ms": str(NOW_MS + 5)})
    tally.journal(NOW_MS + 7, {"kind": "funding", "trade_ms": str(NOW_MS)})
    assert tally.latencies() == {"order": (4, 4), "ledger": (2, 2), "result": (9, 9)}
    assert tally.counts["fills"] == 1


def test_only_the_latest_results_are_kept() -> None:
    tally = Tally()
    for number in range(RESULTS_SHOWN + 3):
        tally.result(NOW_MS + number, {})
    assert len(tally.results) == RESULTS_SHOWN
    assert tally.results[-1].written_ms == NOW_MS + RESULTS_SHOWN + 2


@pytest.mark.parametrize(("percent", "value"), [(1, 1), (50, 2), (75, 3), (99, 4), (100, 4)])
def test_a_percentile_is_a_value_that_occurred(percent: int, value: int) -> None:
    assert percentile(deque([3, 1, 4, 2]), percent) == value
