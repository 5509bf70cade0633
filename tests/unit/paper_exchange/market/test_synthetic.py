"""The generated market: plausible, correlated, and the same for the same seed."""

import statistics

import pytest

from services.paper_exchange.market.bars import MINUTE_MS
from services.paper_exchange.market.catalogue import listings
from services.paper_exchange.market.synthetic import KEEP_BARS_MAX, SyntheticSource

START_MS = 1_700_000_040_000


def generated(seed: int, symbols: int, minutes: int) -> SyntheticSource:
    """A source that has generated so many minutes."""
    source = SyntheticSource(listings(symbols), seed, START_MS)
    source.extend_to(START_MS + (minutes - 1) * MINUTE_MS)
    return source


def test_a_seed_gives_one_market_however_it_is_asked() -> None:
    whole = generated(5, 3, 500)
    parts = SyntheticSource(listings(3), 5, START_MS)
    for minute in range(0, 500, 7):
        parts.extend_to(START_MS + minute * MINUTE_MS)
    parts.extend_to(START_MS + 499 * MINUTE_MS)
    assert whole.bars == parts.bars
    assert generated(6, 3, 500).bars != whole.bars


def test_bars_are_sound_and_prices_stay_plausible() -> None:
    for symbol, bars in generated(5, 12, 2_000).bars.items():
        for o, h, low, c, volume in zip(bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True):
            assert 0 < low <= min(o, c) <= max(o, c) <= h, symbol
            assert volume > 0
        assert bars.open[0] / 3 < bars.close[-1] < bars.open[0] * 3, symbol
        for before, after in zip(bars.close, bars.open[1:], strict=False):
            assert before == after


def test_symbols_move_together_and_calm_and_storm_take_turns() -> None:
    bars = generated(11, 2, 5_000).bars
    first, second = (
        [after / before - 1 for before, after in zip(bars[symbol].close, bars[symbol].close[1:], strict=False)]
        for symbol in ("BTCUSDT", "ETHUSDT")
    )
    assert statistics.correlation(first, second) > 0.3
    sizes = [abs(move) for move in first]
    assert statistics.correlation(sizes[:-1], sizes[1:]) > 0.05


def test_a_long_run_forgets_its_oldest_bars() -> None:
    source = generated(5, 1, KEEP_BARS_MAX * 5 // 4 + 2)
    bars = source.bars["BTCUSDT"]
    assert len(bars) == KEEP_BARS_MAX
    assert bars.end_ms == START_MS + (KEEP_BARS_MAX * 5 // 4 + 2) * MINUTE_MS


@pytest.mark.parametrize("count", [1, 12, 40, 600])
def test_as_many_symbols_as_wanted_are_listed(count: int) -> None:
    found = listings(count)
    assert len({listing.symbol for listing in found}) == count
    for listing in found:
        ticks = listing.price_e8 // 10 ** (8 - listing.price_decimals)
        assert ticks >= 100, listing
