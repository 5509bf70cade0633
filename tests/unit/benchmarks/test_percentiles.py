"""Percentiles: nearest rank, so that each is a value that was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.percentiles import Summary, as_ms, cells, percentile


@pytest.mark.parametrize(("percent", "expected"), [(1, 1), (50, 50), (90, 90), (99, 99), (99.5, 100), (100, 100)])
def test_the_percentile_of_a_hundred_values_is_the_value_of_that_rank(percent: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), percent) == expected


def test_one_value_is_every_percentile() -> None:
    assert [percentile([7], percent) for percent in (0.1, 50, 100)] == [7, 7, 7]


@pytest.mark.parametrize("percent", [0, -1, 100.1])
def test_a_percentage_out_of_range_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="percentage"):
        percentile([1], percent)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@given(st.lists(st.integers(), min_size=1), st.integers(1, 100))
def test_a_percentile_is_a_measured_value_that_enough_do_not_exceed(values: list[int], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_a_summary_names_count_percentiles_and_the_worst() -> None:
    assert Summary.of([3, 1, 2]) == Summary(count=3, p50=2, p90=3, p99=3, worst=3)


def test_nothing_measured_is_no_summary_and_shows_as_dashes() -> None:
    assert Summary.of([]) is None
    assert cells(None) == ["0", "-", "-", "-", "-"]


def test_durations_are_shown_in_milliseconds() -> None:
    assert as_ms(1_234_567) == "1.23"
    assert cells(Summary.of([2_000_000])) == ["1", "2.00", "2.00", "2.00", "2.00"]
