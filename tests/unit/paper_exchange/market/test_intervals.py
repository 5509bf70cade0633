"""Where candles of every interval begin and end."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.paper_exchange.market.intervals import FIXED_MS, INTERVALS, interval_bounds


def at(*parts: int) -> int:
    """A time in UTC as epoch milliseconds."""
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("interval", "opens", "following"),
    [
        ("1m", at(2025, 5, 14, 13, 37), at(2025, 5, 14, 13, 38)),
        ("4h", at(2025, 5, 14, 12), at(2025, 5, 14, 16)),
        ("1d", at(2025, 5, 14), at(2025, 5, 15)),
        ("1w", at(2025, 5, 12), at(2025, 5, 19)),
        ("1M", at(2025, 5, 1), at(2025, 6, 1)),
    ],
)
def test_a_candle_begins_and_ends_on_the_calendar(interval: str, opens: int, following: int) -> None:
    assert interval_bounds(interval, at(2025, 5, 14, 13, 37, 20)) == (opens, following - 1)


def test_december_ends_with_the_year() -> None:
    assert interval_bounds("1M", at(2025, 12, 31, 23)) == (at(2025, 12, 1), at(2026, 1, 1) - 1)


def test_an_unknown_interval_is_an_error() -> None:
    with pytest.raises(KeyError):
        interval_bounds("7m", 0)


@given(interval=st.sampled_from(INTERVALS), market_ms=st.integers(at(2019, 9, 1), at(2030, 1, 1)))
def test_every_moment_lies_in_its_candle_and_candles_follow_on(interval: str, market_ms: int) -> None:
    opens, closes = interval_bounds(interval, market_ms)
    assert opens <= market_ms <= closes
    assert interval_bounds(interval, closes + 1)[0] == closes + 1
    if interval in FIXED_MS:
        assert closes + 1 - opens == FIXED_MS[interval]
