"""The rate budget: what may be sent, when, and who goes first."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_common.exchange.budget import PRODUCTION, Budget, BudgetState, Cost, Kind, Lane, counter

NOW_MS = 1_700_000_040_000  # the start of a minute
MINUTE = counter(Kind.WEIGHT, "MINUTE", 1, 100)
TEN_SECONDS = counter(Kind.ORDERS, "SECOND", 10, 20)
STATE = BudgetState(counters=(MINUTE, TEN_SECONDS))
ORDER = Cost(weight=0, orders=1)


def test_production_limits_hold_until_the_exchange_names_its_own() -> None:
    assert [(item.kind, item.interval_ms, item.limit, item.header) for item in PRODUCTION] == [
        (Kind.WEIGHT, 60_000, 2400, "X-MBX-USED-WEIGHT-1M"),
        (Kind.ORDERS, 10_000, 300, "X-MBX-ORDER-COUNT-10S"),
        (Kind.ORDERS, 60_000, 1200, "X-MBX-ORDER-COUNT-1M"),
    ]


@pytest.mark.parametrize("lane", Lane)
def test_a_lane_may_use_a_limit_up_to_its_share_and_then_waits_for_the_window_to_turn(lane: Lane) -> None:
    budget = Budget(STATE)
    for _ in range(lane.value):
        assert budget.reserve(lane, Cost(weight=1), NOW_MS + 20_000) == 0
    assert budget.reserve(lane, Cost(weight=1), NOW_MS + 20_000) == 40_000
    assert budget.reserve(lane, Cost(weight=1), NOW_MS + 59_999) == 1
    assert budget.reserve(lane, Cost(weight=1), NOW_MS + 60_000) == 0


def test_what_opens_may_take_never_starves_what_comes_before_it() -> None:
    order = [Lane.CLOSE, Lane.RESOLVE, Lane.SNAPSHOT, Lane.OPEN]
    for earlier, later in itertools.pairwise(order):
        budget = Budget(STATE)
        while budget.reserve(later, Cost(weight=1), NOW_MS) == 0:
            pass
        assert budget.reserve(earlier, Cost(weight=1), NOW_MS) == 0, f"{later} starved {earlier}"


def test_a_cost_that_does_not_fit_takes_nothing() -> None:
    budget = Budget(STATE)
    assert budget.reserve(Lane.OPEN, Cost(weight=71), NOW_MS) > 0
    assert budget.reserve(Lane.OPEN, Cost(weight=70), NOW_MS) == 0


def test_orders_and_weight_are_counted_apart() -> None:
    budget = Budget(STATE)
    assert budget.reserve(Lane.CLOSE, Cost(weight=100), NOW_MS) == 0
    assert budget.reserve(Lane.CLOSE, ORDER, NOW_MS) == 0
    assert budget.reserve(Lane.CLOSE, Cost(weight=1), NOW_MS) > 0


def test_the_longest_of_several_waits_counts() -> None:
    short = BudgetState(counters=(TEN_SECONDS, counter(Kind.ORDERS, "MINUTE", 1, 20)))
    budget = Budget(short)
    for _ in range(20):
        assert budget.reserve(Lane.CLOSE, ORDER, NOW_MS) == 0
    assert budget.reserve(Lane.CLOSE, ORDER, NOW_MS) == 60_000


def test_the_exchanges_count_raises_ours_and_never_lowers_it() -> None:
    budget = Budget(STATE)
    budget.told({"X-MBX-USED-WEIGHT-1M": "99"}, NOW_MS, NOW_MS + 5)
    assert budget.reserve(Lane.CLOSE, Cost(weight=2), NOW_MS + 6) > 0
    budget.told({"X-MBX-USED-WEIGHT-1M": "3"}, NOW_MS, NOW_MS + 7)
    assert budget.reserve(Lane.CLOSE, Cost(weight=2), NOW_MS + 8) > 0
    assert budget.reserve(Lane.CLOSE, Cost(weight=1), NOW_MS + 9) == 0


def test_an_answer_from_before_the_window_says_nothing_about_it() -> None:
    budget = Budget(STATE)
    budget.told({"X-MBX-USED-WEIGHT-1M": "100"}, NOW_MS - 1, NOW_MS)
    assert budget.reserve(Lane.OPEN, Cost(weight=1), NOW_MS) == 0


@pytest.mark.parametrize("text", ["", "-1", "many", "1.5"])
def test_a_header_that_is_no_count_is_left_alone(text: str) -> None:
    assert STATE.told({"X-MBX-USED-WEIGHT-1M": text}, NOW_MS, NOW_MS) == STATE


def test_nothing_is_sent_before_the_end_of_a_closure() -> None:
    budget = Budget(STATE)
    budget.close(NOW_MS + 120_000)
    budget.close(NOW_MS + 1_000)  # an earlier end does not shorten it
    assert budget.reserve(Lane.CLOSE, ORDER, NOW_MS) == 120_000
    assert budget.reserve(Lane.CLOSE, ORDER, NOW_MS + 119_999) == 1
    assert budget.reserve(Lane.CLOSE, ORDER, NOW_MS + 120_000) == 0


def test_a_refusal_without_a_time_uses_up_the_shortest_window_of_its_kind() -> None:
    budget = Budget(BudgetState())
    budget.exhaust(Kind.ORDERS, NOW_MS)
    assert budget.reserve(Lane.CLOSE, ORDER, NOW_MS) == 10_000
    assert budget.reserve(Lane.CLOSE, Cost(weight=1), NOW_MS) == 0
    assert budget.reserve(Lane.CLOSE, ORDER, NOW_MS + 10_000) == 0


def test_too_much_weight_stops_orders_as_well_until_the_window_turns() -> None:
    budget = Budget(STATE)
    budget.exhaust(Kind.WEIGHT, NOW_MS + 1)
    assert budget.reserve(Lane.CLOSE, ORDER, NOW_MS + 1) == 59_999
    assert budget.reserve(Lane.CLOSE, ORDER, NOW_MS + 60_000) == 0


def test_what_never_arrived_is_given_back_but_not_twice() -> None:
    budget = Budget(STATE)
    assert budget.reserve(Lane.CLOSE, Cost(weight=100), NOW_MS) == 0
    budget.give_back(Cost(weight=100), NOW_MS)
    budget.give_back(Cost(weight=100), NOW_MS)
    assert budget.reserve(Lane.CLOSE, Cost(weight=100), NOW_MS) == 0
    assert budget.reserve(Lane.CLOSE, Cost(weight=1), NOW_MS) > 0


def test_a_kind_without_limits_cannot_be_used_up() -> None:
    only_weight = BudgetState(counters=(MINUTE,))
    assert only_weight.exhausted(Kind.ORDERS, NOW_MS) == only_weight
    assert only_weight.wait_ms(Lane.OPEN, ORDER, NOW_MS) == 0


def test_new_limits_keep_what_is_used() -> None:
    budget = Budget(STATE)
    assert budget.reserve(Lane.CLOSE, Cost(weight=60), NOW_MS) == 0
    budget.limit((counter(Kind.WEIGHT, "MINUTE", 1, 61), counter(Kind.WEIGHT, "HOUR", 1, 5_000)))
    assert budget.reserve(Lane.CLOSE, Cost(weight=2), NOW_MS) > 0
    assert budget.reserve(Lane.CLOSE, Cost(weight=1), NOW_MS) == 0
    assert [item.limit for item in budget.state.counters] == [61, 5_000]


SENDS = st.lists(
    st.tuples(st.sampled_from(list(Lane)), st.integers(0, 12), st.integers(0, 3), st.integers(0, 9_000)), max_size=200
)


@given(SENDS)
def test_no_window_ever_holds_more_than_its_limit_whoever_sends(sends: list[tuple[Lane, int, int, int]]) -> None:
    budget, now_ms = Budget(STATE), NOW_MS
    sent: dict[tuple[Kind, int], int] = {}
    for lane, weight, orders, pause_ms in sends:
        now_ms += pause_ms
        cost = Cost(weight, orders)
        wait_ms = budget.reserve(lane, cost, now_ms)
        if wait_ms:
            # The wait is enough: after it, the same request passes.
            assert budget.state.wait_ms(lane, cost, now_ms + wait_ms) == 0
            continue
        for item in budget.state.counters:
            window = (item.kind, now_ms // item.interval_ms)
            sent[window] = sent.get(window, 0) + cost.of(item.kind)
            assert sent[window] <= item.limit * lane.value // 100 or cost.of(item.kind) == 0
