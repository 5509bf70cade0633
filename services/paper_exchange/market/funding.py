"""Funding: when it is due and at what rate."""

from bisect import bisect_left, bisect_right
from decimal import Decimal

from services.paper_exchange.market.csv_files import FundingRow
from services.paper_exchange.market.intervals import HOUR_MS
from services.paper_exchange.market.prices import mix

DEFAULT_HOURS = 8
_BASE_E8 = 10_000  # 0.0100 %, the exchange's interest part
_SWAY_E8 = 20_000


class FundingSchedule:
    """The funding times and rates of one symbol, from published rows or, beyond them, by rule."""

    def __init__(self, rows: list[FundingRow], seed: int) -> None:
        self._rows = rows
        self._times = [row.time_ms for row in rows]
        self._seed = seed

    def next_time_ms(self, market_ms: int) -> int:
        """Given a market time, return the first funding time after it."""
        index = bisect_right(self._times, market_ms)
        if index < len(self._times):
            return self._times[index]
        step = DEFAULT_HOURS * HOUR_MS
        return (market_ms // step + 1) * step

    def rate(self, funding_ms: int) -> Decimal:
        """Given a funding time, return its rate: the published one, else one drawn by the seed."""
        index = bisect_left(self._times, funding_ms)
        if index < len(self._times) and self._times[index] == funding_ms:
            return self._rows[index].rate
        sway = mix(self._seed, funding_ms) % (2 * _SWAY_E8 + 1) - _SWAY_E8
        return Decimal(_BASE_E8 + sway).scaleb(-8)

    def interval_hours(self) -> int:
        """Return the hours between two fundings, as last published."""
        return self._rows[-1].interval_hours if self._rows else DEFAULT_HOURS

    def between(self, start_ms: int, end_ms: int, limit: int) -> list[tuple[int, Decimal]]:
        """Given a span of market time (both ends in), return at most the newest `limit` times and rates."""
        found: list[tuple[int, Decimal]] = []
        moment = self.next_time_ms(max(start_ms, end_ms - limit * DEFAULT_HOURS * HOUR_MS) - 1)
        while moment <= end_ms:
            found.append((moment, self.rate(moment)))
            moment = self.next_time_ms(moment)
        return found[-limit:]
