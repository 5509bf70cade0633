"""The bars of a backtest: the files of a folder, in columns, and the minutes that are played and warmed up on."""

from dataclasses import dataclass
from decimal import Decimal

from quantum_common.clock import minute_utc
from quantum_common.exchange.port import Bar
from services.paper_exchange.market.bars import MINUTE_MS, MinuteBars
from services.paper_exchange.market.replay import ReplaySource


class NoBars(Exception):
    """What was asked for cannot be played; the text is one line and says what can."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in market time: bars from `warm_ms` on are only seen, those from `start_ms` to `end_ms`
    (excluded) are decided on."""

    warm_ms: int
    start_ms: int
    end_ms: int

    @property
    def minutes(self) -> int:
        """Return how many minutes are played."""
        return (self.end_ms - self.start_ms) // MINUTE_MS


@dataclass(frozen=True, slots=True)
class Asked:
    """What an operator wants to be played; None where that is for the files to say."""

    symbols: tuple[str, ...] = ()
    from_ms: int | None = None
    to_ms: int | None = None


def span_of(source: ReplaySource, asked: Asked, warm_bars: int) -> Span:
    """Given the files, what was asked and how many bars come before, return what is played. Raise NoBars."""
    end_of_files_ms = source.end_ms or source.first_ms
    start_ms = source.first_ms + warm_bars * MINUTE_MS if asked.from_ms is None else _minute(asked.from_ms)
    end_ms = end_of_files_ms if asked.to_ms is None else min(_minute(asked.to_ms), end_of_files_ms)
    period = f"the files have {minute_utc(source.first_ms)} to {minute_utc(end_of_files_ms)} in common"
    if asked.from_ms is not None and not source.first_ms <= start_ms < end_of_files_ms:
        raise NoBars(f"--from {minute_utc(start_ms)}: {period}")
    if end_ms <= start_ms:
        raise NoBars(f"nothing is left to play after {warm_bars} bars to warm up on: {period}; give more, or --from")
    return Span(max(source.first_ms, start_ms - warm_bars * MINUTE_MS), start_ms, end_ms)


def bar_at(symbol: str, bars: MinuteBars, index: int) -> Bar:
    """Given a symbol's columns and a minute, return its bar as the exchange would give it."""
    price, volume, open_ms = -bars.price_decimals, -bars.volume_decimals, bars.first_open_ms + index * MINUTE_MS
    return Bar(
        symbol, open_ms, open_ms + MINUTE_MS - 1, Decimal(bars.open[index]).scaleb(price),
        Decimal(bars.high[index]).scaleb(price), Decimal(bars.low[index]).scaleb(price),
        Decimal(bars.close[index]).scaleb(price), Decimal(bars.volume[index]).scaleb(volume),
    )  # fmt: skip


def _minute(ms: int) -> int:
    return ms // MINUTE_MS * MINUTE_MS
