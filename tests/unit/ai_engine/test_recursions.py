import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ai_engine.recursions import Percentile

values = st.lists(st.floats(0, 1e6), min_size=1, max_size=80)


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
