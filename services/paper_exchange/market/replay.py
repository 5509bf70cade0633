"""A market replayed from files: bars and funding rates as they were."""

from collections.abc import Sequence
from pathlib import Path

from services.paper_exchange.market.bars import MinuteBars
from services.paper_exchange.market.catalogue import QUOTE_ASSET, Listing
from services.paper_exchange.market.csv_files import (
    FileFault,
    FundingRow,
    bar_files,
    funding_files,
    read_bars,
    read_funding,
)


class ReplaySource:
    """The bars of the files of a folder; the market runs while all of them have bars."""

    def __init__(self, folder: Path, symbols: Sequence[str] = ()) -> None:
        """Given a folder of bar files and the symbols to take (none: all), read them. Raise FileFault naming file and
        line, and where one is missing."""
        self.bars: dict[str, MinuteBars] = {}
        listings: list[Listing] = []
        for symbol, path in bar_files(folder, symbols).items():
            if not symbol.isalnum() or not symbol.isupper() or not symbol.endswith(QUOTE_ASSET):
                raise FileFault(path, 0, f"{symbol!r} is not a symbol such as BTC{QUOTE_ASSET}; rename the file")
            bars = read_bars(path)
            self.bars[symbol] = bars
            listings.append(Listing(symbol, bars.price_decimals, bars.volume_decimals, 0, 0, 0))
        self.listings = tuple(listings)
        self.funding: dict[str, list[FundingRow]] = {
            symbol: read_funding(path) for symbol, path in funding_files(folder).items() if symbol in self.bars
        }
        self.first_ms = max(bars.first_open_ms for bars in self.bars.values())
        self.end_ms: int | None = min(bars.end_ms for bars in self.bars.values())
        if self.first_ms >= self.end_ms:
            raise FileFault(folder, 0, "these files have no minute in common; keep only those of one period")

    def shift(self, by_ms: int) -> int:
        """Given whole minutes in milliseconds, move all times by them and return them."""
        for bars in self.bars.values():
            bars.first_open_ms += by_ms
        self.funding = {
            symbol: [row._replace(time_ms=row.time_ms + by_ms) for row in rows] for symbol, rows in self.funding.items()
        }
        self.first_ms += by_ms
        if self.end_ms is not None:
            self.end_ms += by_ms
        return by_ms

    def extend_to(self, market_ms: int) -> None:
        """Given a market time, do nothing: what is in the files is all there is."""
