import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ai_engine.recursions import Ewma, Percentile, Ring

values = st.lists(st.floats(0, 1e6), min_size=1, max_size=80)


@given(values)
def test_the_first_values_of_an_average_weigh_alike(seen: list[float]) -> None:
    average = Ewma(half_life=1e9)
    for value in seen:
        average.update(value)
    assert average.value == pytest.approx(sum(seen) / len(seen), rel=1e-6, abs=1e-6)


def test_an_average_halves_what_is_a_half_life_old() -> None:
    average = Ewma(half_life=10)
    for _ in range(1000):
        average.update(1.0)
    for _ in range(10):
        average.update(0.0)
    assert average.value == pytest.approx(0.5)


@given(values)
def test_an_average_of_squares_is_never_negative(seen: list[float]) -> None:
    average = Ewma(half_life=3)
    assert all(average.update(value) >= 0.0 for value in seen)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30), st.integers(0, 7))
def test_a_ring_gives_back_what_was_so_many_steps_ago(seen: list[float], steps: int) -> None:
    ring = Ring(8)
    for value in seen:
        ring.push(value)
    assert ring.back(steps) == seen[max(len(seen) - 1 - steps, 0)]


def test_a_ring_refuses_to_look_further_back_than_it_keeps() -> None:
    with pytest.raises(IndexError):
        Ring(8).back(8)


@given(values, st.floats(0, 1e6))
def test_a_percentile_counts_what_lies_below_of_the_last_samples(seen: list[float], value: float) -> None:
    percentile = Percentile(16)
    for sample in seen:
        percentile.add(sample)
    kept = seen[-16:]
    below, equal = sum(sample < value for sample in kept), sum(sample == value for sample in kept)
    assert percentile.of(value) == pytest.approx((below + equal / 2) / len(kept))


def test_without_samples_a_value_stands_in_the_middle() -> None:
    assert Percentile(4).of(1.0) == 0.5
