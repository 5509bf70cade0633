"""Funding times and rates, published or by rule."""

from decimal import Decimal

from services.paper_exchange.market.csv_files import FundingRow
from services.paper_exchange.market.funding import FundingSchedule
from services.paper_exchange.market.intervals import HOUR_MS

EIGHT = 8 * HOUR_MS
BASE = EIGHT * 60_000


def test_without_rows_funding_is_every_eight_hours_at_a_small_rate() -> None:
    schedule = FundingSchedule([], seed=3)
    assert schedule.next_time_ms(BASE) == BASE + EIGHT
    assert schedule.next_time_ms(BASE + EIGHT - 1) == BASE + EIGHT
    assert schedule.rate(BASE) == schedule.rate(BASE)
    rates = [schedule.rate(BASE + number * EIGHT) for number in range(50)]
    assert len(set(rates)) > 10
    assert all(Decimal("-0.0001") <= rate <= Decimal("0.0003") for rate in rates)
    assert schedule.interval_hours() == 8


def test_published_rows_come_before_the_rule() -> None:
    rows = [FundingRow(BASE + 4 * HOUR_MS, 4, Decimal("0.001"))]
    schedule = FundingSchedule(rows, seed=3)
    assert schedule.next_time_ms(BASE) == BASE + 4 * HOUR_MS
    assert schedule.next_time_ms(BASE + 4 * HOUR_MS) == BASE + EIGHT
    assert schedule.rate(BASE + 4 * HOUR_MS) == Decimal("0.001")
    assert schedule.interval_hours() == 4


def test_history_is_bounded_and_ends_where_asked() -> None:
    schedule = FundingSchedule([], seed=3)
    found = schedule.between(BASE, BASE + 10 * EIGHT, limit=3)
    assert [time_ms for time_ms, _ in found] == [BASE + number * EIGHT for number in (8, 9, 10)]
    assert schedule.between(BASE + 1, BASE + 2, limit=3) == []
