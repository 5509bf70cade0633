"""Lengths of time as people say them."""

import pytest

from services.cli.spans import span


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"), (999, "999 ms"), (1_000, "1.0 s"), (59_940, "59.9 s"), (60_000, "1m 00s"), (192_000, "3m 12s"),
        (3_600_000, "1h 00m"), (7_500_000, "2h 05m"), (86_400_000, "1d 0h"), (273_600_000, "3d 4h"), (-1_500, "-1.5 s"),
    ],
)  # fmt: skip
def test_a_span_is_told_in_two_units_at_most(ms: int, words: str) -> None:
    assert span(ms) == words
