"""The market on its clock: every bar played to its extremes, closed once, in the order of time."""

from collections import Counter
from decimal import Decimal
from zlib import crc32

import pytest

from services.paper_exchange.market.bars import MINUTE_MS, MinuteBars
from services.paper_exchange.market.catalogue import Listing, listings
from services.paper_exchange.market.clock import STALL_MS_MAX, MarketClock
from services.paper_exchange.market.csv_files import FundingRow
from services.paper_exchange.market.intervals import HOUR_MS
from services.paper_exchange.market.market import BarClosed, FundingDue, Market, MarketEnded, MarketEvent, Tick
from services.paper_exchange.market.quote import Quote
from services.paper_exchange.market.synthetic import SyntheticSource

START_MS = 1_700_000_040_000
LISTINGS = (Listing("AUSDT", 1, 0, 0, 0, 0), Listing("BUSDT", 1, 0, 0, 0, 0))


class Fixed:
    """A source of a few given bars."""

    def __init__(self, minutes: int) -> None:
        self.bars: dict[str, MinuteBars] = {}
        for number, listing in enumerate(LISTINGS):
            bars = MinuteBars(1, 0, START_MS)
            for minute in range(minutes):
                base = 1000 + 100 * number + 10 * minute
                bars.append((base, base + 25, base - 25, base + 10), 600)
            self.bars[listing.symbol] = bars
        self.end_ms: int | None = START_MS + minutes * MINUTE_MS

    def extend_to(self, market_ms: int) -> None:
        """There is no more."""


def fixed_market(minutes: int, start_minute: int = 0, speed: int = 60, **more: object) -> Market:
    """A market of given bars, at the open of one of them."""
    clock = MarketClock(START_MS + start_minute * MINUTE_MS, 0, speed)
    return Market(Fixed(minutes), LISTINGS, clock, {}, **more)  # type: ignore[arg-type]


def played(market: Market, until_ms: int, step_ms: int = 250) -> list[MarketEvent]:
    """Play a market over wall time and return all events."""
    return [event for wall_ms in range(step_ms, until_ms + 1, step_ms) for event in market.advance(wall_ms)]


def test_every_bar_closes_once_as_it_is_in_the_file() -> None:
    market = fixed_market(5)
    events = played(market, 6_000)
    closed = [(event.symbol, event.bar) for event in events if isinstance(event, BarClosed)]
    assert [bar for symbol, bar in closed if symbol == "AUSDT"] == [market.quotes["AUSDT"].bars.at(i) for i in range(5)]
    assert len(closed) == 10
    assert [type(event) for event in events].count(MarketEnded) == 1
    assert market.ended
    assert played(market, 9_000) == []


def test_every_tick_of_a_minute_is_played_whatever_the_pace_of_calls() -> None:
    prices: list[list[int]] = []
    for step_ms in (50, 250, 1_000):
        market = fixed_market(4)
        moments = (event for wall_ms in range(step_ms, 3_001, step_ms) for event in market.advance(wall_ms))
        prices.append(
            [event.quote.last for event in moments if isinstance(event, Tick) and event.quote.symbol == "AUSDT"]
        )
    assert prices[0] == prices[1] == prices[2]
    assert min(prices[0]) == 975
    assert max(prices[0]) == 1045


@pytest.mark.parametrize(("speed", "a_second"), [(1, 4), (60, 4), (600, 40)])
def test_a_symbol_ticks_about_four_times_a_second_and_never_misses_an_extreme(speed: int, a_second: int) -> None:
    market = fixed_market(400, speed=speed)
    ticks = [event for event in played(market, 10_000) if isinstance(event, Tick) and event.quote.symbol == "AUSDT"]
    assert abs(len(ticks) - 10 * a_second) <= a_second


def test_with_many_symbols_each_ticks_more_seldom() -> None:
    found = listings(500)
    source = SyntheticSource(found, 1, START_MS)
    market = Market(source, found, MarketClock(START_MS, 0, 1), {})
    ticks = Counter(type(event).__name__ for event in played(market, 20_000))["Tick"]
    assert 0 < ticks <= 20 * 500


def test_rest_bars_end_with_the_running_minute() -> None:
    market = fixed_market(10, start_minute=6)
    played(market, 500)
    rows = market.klines("AUSDT", "1m", (None, None), 3)
    assert [row.open_ms for row in rows] == [START_MS + minute * MINUTE_MS for minute in (4, 5, 6)]
    assert rows[0] == market.quotes["AUSDT"].bars.at(4)
    assert rows[2].close == market.quotes["AUSDT"].last
    assert rows[2].volume < 600


def test_bars_from_a_start_a_gap_before_it_and_an_end() -> None:
    market = fixed_market(10, start_minute=8)
    rows = market.klines("AUSDT", "1m", (START_MS - HOUR_MS, START_MS + 3 * MINUTE_MS), 100)
    assert [row.open_ms for row in rows] == [START_MS + minute * MINUTE_MS for minute in range(4)]
    assert market.klines("AUSDT", "1m", (START_MS + 30, None), 2)[0].open_ms == START_MS + MINUTE_MS
    assert market.klines("AUSDT", "1m", (START_MS + HOUR_MS, None), 2) == []
    assert market.klines("AUSDT", "1m", (None, START_MS - HOUR_MS), 2) == []


def test_a_larger_candle_includes_the_running_minute() -> None:
    market = fixed_market(10, start_minute=7)
    played(market, 750)
    bar = market.klines("AUSDT", "1h", (None, None), 1)[0]
    assert bar.close == market.quotes["AUSDT"].last
    assert bar.high >= market.quotes["AUSDT"].bars.high[6]
    assert bar.volume > 7 * 600
    assert market.last_day("AUSDT").close == market.quotes["AUSDT"].last


def test_a_jump_moves_all_prices_stays_and_is_in_the_closed_bar() -> None:
    market = fixed_market(10)
    quote = market.quotes["AUSDT"]
    played(market, 250)
    quote.jump(2000)
    assert (quote.last, quote.mark_e8, quote.index_e8) == (2000, 2000 * 10**7, 2000 * 10**7)
    closed = [event.bar for event in played(market, 2_000) if isinstance(event, BarClosed) and event.symbol == "AUSDT"]
    assert closed[0].high >= 2000
    assert closed[0].open == 1000
    assert closed[1].low > 1500
    assert market.position("x", 0).offsets == {"AUSDT": quote.offset}
    assert fixed_market(10, offsets={"AUSDT": 1000}).quotes["AUSDT"].last == 2000


def test_mark_and_index_follow_the_last_price_at_speed_one() -> None:
    market = fixed_market(10, speed=1)
    quote = market.quotes["AUSDT"]
    quote.jump(1500)
    quote.offset = 0
    played(market, 5_000)
    last = quote.last * 10**7
    assert abs(quote.index_e8 - last) < abs(quote.mark_e8 - last)
    assert quote.mark_e8 > last


def test_funding_is_due_at_its_time_with_its_rate() -> None:
    due_ms = START_MS + 2 * MINUTE_MS
    rows = {"AUSDT": [FundingRow(due_ms, 8, Decimal("0.0003"))]}
    market = Market(Fixed(6), LISTINGS, MarketClock(START_MS, 0, 60), rows)
    assert market.next_funding("AUSDT") == (2_000, Decimal("0.0003"))
    fundings = [event for event in played(market, 4_000) if isinstance(event, FundingDue)]
    assert fundings == [FundingDue("AUSDT", due_ms, Decimal("0.0003"))]
    assert market.next_funding("AUSDT")[0] > 4_000


def test_a_paused_market_stands_still_and_goes_on() -> None:
    market = fixed_market(10)
    played(market, 1_000)
    market.clock.paused = True
    assert list(market.advance(60_000)) == []
    market.clock.paused = False
    assert len(list(market.advance(61_000))) > 0


def test_a_market_runs_up_to_where_it_is_told_and_stands_there() -> None:
    clock = MarketClock(START_MS, 0, 60)
    clock.until_ms = START_MS + 90_000
    assert clock.advance(1_000) == START_MS + 60_000
    assert clock.advance(2_000) == START_MS + 90_000
    assert clock.advance(3_000) == START_MS + 90_000
    clock.until_ms = START_MS  # long past: it stands where it is, time never runs backwards
    assert clock.advance(4_000) == START_MS + 90_000
    clock.until_ms = None
    assert clock.advance(5_000) == START_MS + 150_000


def test_a_quote_that_is_stood_somewhere_shows_what_one_that_was_played_there_shows() -> None:
    market = Market(Fixed(12), LISTINGS, MarketClock(START_MS, 0, 600), {})
    quote = Quote("AUSDT", Fixed(12).bars["AUSDT"], START_MS, crc32(b"AUSDT"))
    for ticks, wall_ms in enumerate(range(25, 25 * 30, 25), start=2):  # a moment of a minute each
        list(market.advance(wall_ms))
        moment = ticks - 1
        quote.stand_at(quote.bars.index_at(START_MS) + moment // 4, moment % 4, 4, ticks)
        played_to = market.quotes["AUSDT"]
        assert (quote.last, quote.mark_e8, quote.index_e8, quote.book()) == (
            played_to.last, played_to.mark_e8, played_to.index_e8, played_to.book(),
        )  # fmt: skip


def test_a_process_that_was_stopped_finds_the_market_where_it_left_it() -> None:
    clock = MarketClock(START_MS, 0, 60)
    assert clock.advance(STALL_MS_MAX + 1) == START_MS
    assert clock.advance(STALL_MS_MAX + 2) == START_MS + 60
    assert clock.advance(0) == START_MS + 60


def test_a_market_opened_where_another_stopped_shows_the_same() -> None:
    first = fixed_market(10)
    played(first, 3_250)
    kept = first.position("x", START_MS)
    second = Market(Fixed(10), LISTINGS, MarketClock(kept.market_ms, 0, 60), {}, kept.offsets)
    assert second.quotes["BUSDT"].last == first.quotes["BUSDT"].last
    assert second.klines("BUSDT", "1m", (None, None), 5)[:-1] == first.klines("BUSDT", "1m", (None, None), 5)[:-1]
    assert second.tick_wait_s == pytest.approx(0.25)
