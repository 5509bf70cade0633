"""Bars in columns: nothing is rounded, larger candles are the sum of their minutes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.paper_exchange.market.bars import MINUTE_MS, Bar, MinuteBars, decimal_text, join, make_bar

START_MS = 1_700_000_040_000


def bars_of(*rows: tuple[int, int, int, int, int]) -> MinuteBars:
    """Minute bars from rows of open, high, low, close and volume."""
    bars = MinuteBars(1, 2, START_MS)
    for o, h, low, c, volume in rows:
        bars.append((o, h, low, c), volume)
    return bars


def test_index_and_time_are_one() -> None:
    bars = bars_of((10, 12, 9, 11, 5), (11, 13, 10, 12, 6))
    assert bars.index_at(START_MS + MINUTE_MS) == 1
    assert bars.index_at(START_MS + 2 * MINUTE_MS - 1) == 1
    assert bars.end_ms == START_MS + 2 * MINUTE_MS
    assert bars.at(1).open_ms == START_MS + MINUTE_MS
    assert bars.at(1).close_ms == START_MS + 2 * MINUTE_MS - 1
    with pytest.raises(IndexError):
        bars.at(2)
    with pytest.raises(IndexError):
        bars.at(-1)


def test_forgetting_the_oldest_keeps_the_times_of_the_rest() -> None:
    bars = bars_of((10, 12, 9, 11, 5), (11, 13, 10, 12, 6), (12, 14, 11, 13, 7))
    last = bars.at(2)
    bars.drop_before(0)
    bars.drop_before(2)
    assert len(bars) == 1
    assert bars.at(0) == last


def test_decimals_gained_later_rescale_what_is_there() -> None:
    bars = bars_of((10, 12, 9, 11, 5))
    bars.widen(3, 2)
    bars.widen(2, 4)
    assert (bars.price_decimals, bars.volume_decimals) == (3, 4)
    assert (bars.open[0], bars.close[0], bars.volume[0]) == (1000, 1100, 500)


def test_prices_too_large_for_four_bytes_take_eight() -> None:
    bars = bars_of((10, 12, 9, 11, 5))
    bars.append((10, 2**40, 9, 11), 5)
    bars.overwrite(0, (10, 2**41, 9, 11))
    assert (bars.at(0).high, bars.at(1).high, bars.at(1).low) == (2**41, 2**40, 9)
    grown = bars_of((10, 12, 9, 11, 5))
    grown.widen(12, 2)
    assert grown.at(0).open == 10 * 10**11
    rewritten = bars_of((10, 12, 9, 11, 5))
    rewritten.overwrite(0, (1, 2**33, 1, 7))
    assert rewritten.at(0).close == 7


def test_many_minutes_make_one_candle() -> None:
    bars = bars_of((10, 15, 9, 11, 5), (11, 13, 4, 12, 6), (12, 14, 11, 13, 7))
    whole = bars.between(0, 3, (START_MS, START_MS + 3 * MINUTE_MS - 1))
    assert whole is not None
    assert whole[:7] == (START_MS, START_MS + 3 * MINUTE_MS - 1, 10, 15, 4, 13, 18)
    assert whole.quote_volume == (45 * 5 + 40 * 6 + 50 * 7) // 4
    assert bars.between(3, 9, (0, 1)) is None
    assert bars.between(-5, 1, (START_MS, START_MS + 1)) is not None


def test_joining_the_running_minute_keeps_the_first_span() -> None:
    first = make_bar(0, 299, (10, 12, 9, 11), 5)
    second = make_bar(60, 119, (11, 20, 5, 15), 2)
    assert join(first, second)[:7] == (0, 299, 10, 20, 5, 15, 7)


@given(
    prices=st.lists(st.integers(1, 10**9), min_size=4, max_size=4).map(sorted),
    rises=st.booleans(),
    volume=st.integers(0, 10**12),
)
def test_the_takers_share_is_a_share(prices: list[int], rises: bool, volume: int) -> None:
    low, first, second, high = prices
    ends = (first, second) if rises else (second, first)
    bar: Bar = make_bar(0, 59, (ends[0], high, low, ends[1]), volume)
    assert 0 <= bar.taker_volume <= bar.volume
    assert 0 <= bar.taker_quote_volume <= bar.quote_volume
    assert bar.trades <= max(volume, 0)


@given(value=st.integers(-(10**15), 10**15), decimals=st.integers(0, 12))
def test_text_and_number_are_the_same(value: int, decimals: int) -> None:
    text = decimal_text(value, decimals)
    assert Decimal(text) == Decimal(value).scaleb(-decimals)
    assert "E" not in text
