"""What makes a closed bar usable. A bar that contradicts itself is refused by name and never becomes a feature."""

from decimal import Decimal
from enum import StrEnum
from typing import Self

from quantum_common.clock import MINUTE_MS
from quantum_common.exchange.port import Bar
from quantum_common.messages import EpochMs, Integer, Record, Text

BAR, BAR_MS = "1m", MINUTE_MS
INTERVALS_MS = {BAR: BAR_MS, "15m": 15 * BAR_MS, "30m": 30 * BAR_MS, "1h": 60 * BAR_MS}
_ZERO = Decimal(0)


class BarFault(StrEnum):
    """Why a bar is refused."""

    NOT_FINITE = "not_finite"
    NOT_POSITIVE = "not_positive"
    HIGH_BELOW_LOW = "high_below_low"
    OPEN_OUTSIDE = "open_outside"
    CLOSE_OUTSIDE = "close_outside"
    NEGATIVE_VOLUME = "negative_volume"
    NOT_ONE_INTERVAL = "not_one_interval"
    NOT_ALIGNED = "not_aligned"


class DeadBar(Record):
    """An entry of `bars.dead`: a bar as it came, and why it is not used. Numbers are text: they may be none."""

    symbol: Text
    open_ms: Integer
    close_ms: Integer
    open: Text
    high: Text
    low: Text
    close: Text
    volume: Text
    dead_reason: Text
    dead_ts_ms: EpochMs

    @classmethod
    def of(cls, bar: Bar, fault: BarFault, now_ms: int) -> Self:
        """Given a bar and its fault, return the dead letter."""
        return cls(
            symbol=bar.symbol, open_ms=bar.open_ms, close_ms=bar.close_ms, open=str(bar.open), high=str(bar.high),
            low=str(bar.low), close=str(bar.close), volume=str(bar.volume), dead_reason=fault, dead_ts_ms=now_ms,
        )  # fmt: skip


def fault_of(bar: Bar, interval_ms: int) -> BarFault | None:
    """Given a bar and the interval it should span, return the first contradiction in it, or None where it is sound."""
    o, high, low, close, volume = bar.open, bar.high, bar.low, bar.close, bar.volume
    finite = o.is_finite() and high.is_finite() and low.is_finite() and close.is_finite() and volume.is_finite()
    if finite and _ZERO < low <= o <= high and low <= close <= high and volume >= _ZERO:
        return _misplaced(bar, interval_ms)
    return _contradiction(bar)


def _contradiction(bar: Bar) -> BarFault:
    """Given a bar that is not sound, return the first of its faults."""
    for price in (bar.open, bar.high, bar.low, bar.close):
        if not price.is_finite():
            return BarFault.NOT_FINITE
        if price <= 0:
            return BarFault.NOT_POSITIVE
    if not bar.volume.is_finite():
        return BarFault.NOT_FINITE
    if bar.volume < 0:
        return BarFault.NEGATIVE_VOLUME
    if bar.high < bar.low:
        return BarFault.HIGH_BELOW_LOW
    if not bar.low <= bar.open <= bar.high:
        return BarFault.OPEN_OUTSIDE
    return BarFault.CLOSE_OUTSIDE


def _misplaced(bar: Bar, interval_ms: int) -> BarFault | None:
    if bar.close_ms - bar.open_ms + 1 != interval_ms:
        return BarFault.NOT_ONE_INTERVAL
    if bar.open_ms % interval_ms:
        return BarFault.NOT_ALIGNED
    return None
