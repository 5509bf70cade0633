"""The kline intervals of the exchange and their boundaries in time."""

from datetime import UTC, datetime

from services.paper_exchange.market.bars import MINUTE_MS

HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_MONDAY_MS = 4 * DAY_MS  # 1970-01-05, the first Monday after the epoch

FIXED_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
}
INTERVALS = (*FIXED_MS, "1M")


def interval_bounds(interval: str, market_ms: int) -> tuple[int, int]:
    """Given an interval's name and a time, return the open time and the last millisecond around it.

    Weeks begin on Mondays and months on the first, in UTC. Raise KeyError on an unknown interval.
    """
    if interval == "1M":
        moment = datetime.fromtimestamp(market_ms // 1000, UTC)
        first = datetime(moment.year, moment.month, 1, tzinfo=UTC)
        following = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)
        return _epoch_ms(first), _epoch_ms(following) - 1
    step = FIXED_MS[interval]
    shift = _MONDAY_MS if interval == "1w" else 0
    open_ms = (market_ms - shift) // step * step + shift
    return open_ms, open_ms + step - 1


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
