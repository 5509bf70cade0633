"""Bars and funding rates from files in the column order of the exchange's public data."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple, TextIO

from services.paper_exchange.market.bars import MINUTE_MS, MinuteBars

BAR_SUFFIXES = ("-1m.csv", "-1m.csv.gz")
FUNDING_SUFFIXES = ("-fundingRate.csv", "-fundingRate.csv.gz")
DECIMALS_MAX = 12
_TENS = tuple(10**power for power in range(DECIMALS_MAX + 1))
GAP_MINUTES_MAX = 7 * 24 * 60  # a longer hole is a wrong file, not a quiet market


class FileFault(Exception):
    """A file that cannot be read as what it should be; the text names file, line and what to do."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        place = f"{path}:{line}" if line else str(path)
        super().__init__(f"{place}: {problem}")


class FundingRow(NamedTuple):
    """One published funding rate: when it is paid, every how many hours, and the rate."""

    time_ms: int
    interval_hours: int
    rate: Decimal


def bar_files(folder: Path, symbols: Sequence[str] = ()) -> dict[str, Path]:
    """Given a folder and the wanted symbols (none: all), return their minute files. Raise FileFault where there is none
    at all, or none of a wanted symbol."""
    found = _by_symbol(folder, BAR_SUFFIXES)
    if not found:
        raise FileFault(folder, 0, "no <SYMBOL>-1m.csv or <SYMBOL>-1m.csv.gz here; give the folder of the bar files")
    missing = [symbol for symbol in symbols if symbol not in found]
    if missing:
        raise FileFault(folder, 0, f"no bars of {', '.join(missing)} here; there are {', '.join(found)}")
    return {symbol: found[symbol] for symbol in symbols or found}


def funding_files(folder: Path) -> dict[str, Path]:
    """Given the folder of the bars, return funding files from it or from a sibling `funding`."""
    found: dict[str, Path] = {}
    for place in (folder.parent / "funding", folder / "funding", folder):
        if place.is_dir():
            found.update(_by_symbol(place, FUNDING_SUFFIXES))
    return found


def read_bars(path: Path) -> MinuteBars:
    """Given a bar file, return its bars, quiet minutes filled in. Raise FileFault naming the line."""
    bars: MinuteBars | None = None
    for line, row in rows(path, columns=6, first_name="open_time"):
        if bars is None:
            bars = MinuteBars(0, 0, _time(path, line, row))
        _add(path, line, row, bars)
    if bars is None:
        raise FileFault(path, 0, "holds no bars; remove it or fetch it again")
    return bars


def read_funding(path: Path) -> list[FundingRow]:
    """Given a funding file, return its rows in order of time. Raise FileFault naming the line."""
    found = []
    for line, row in rows(path, columns=3, first_name="calc_time"):
        try:
            hours, rate = int(row[1]), Decimal(row[2])
        except (ValueError, InvalidOperation):
            raise FileFault(path, line, f"not a funding row: {','.join(row)!r}") from None
        found.append(FundingRow(_time(path, line, row) // 1000 * 1000, hours, rate))
    return sorted(found)


def _by_symbol(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileFault(folder, 0, "is not a folder; give the folder of the bar files")
    found = {}
    for path in sorted(folder.iterdir()):
        for suffix in suffixes:
            if path.name.endswith(suffix):
                found[path.name.removesuffix(suffix)] = path
    return found


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="ascii", newline="")
    return path.open(encoding="ascii", newline="")


def rows(path: Path, columns: int, first_name: str) -> Iterator[tuple[int, list[str]]]:
    """Given a file, yield the number and the columns of each line but the heading. Raise FileFault naming the line."""
    try:
        with _open(path) as text:
            for line, row in enumerate(csv.reader(text), start=1):
                if not row or (line == 1 and row[0] == first_name):
                    continue
                if len(row) < columns:
                    raise FileFault(path, line, f"has {len(row)} columns, at least {columns} are needed")
                yield line, row
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise FileFault(path, 0, f"cannot be read: {error}") from None


def _time(path: Path, line: int, row: list[str]) -> int:
    if not row[0].isdigit() or not 10**12 <= int(row[0]) < 10**14:
        raise FileFault(path, line, f"{row[0]!r} is not a time in epoch milliseconds")
    return int(row[0])


def _scaled(text: str) -> tuple[int, int]:
    """Given a plain decimal number, return its digits as one integer and how many of them are decimals."""
    dot = text.find(".")
    if dot < 0:
        return int(text), 0
    return int(text[:dot] + text[dot + 1 :]), len(text) - dot - 1


def _add(path: Path, line: int, row: list[str], bars: MinuteBars) -> None:
    """Given a row, add its bar. The columns gain decimals where the row has more of them than all before."""
    open_ms = _time(path, line, row)
    if open_ms % MINUTE_MS:
        raise FileFault(path, line, f"{open_ms} is not the start of a minute; these must be 1m bars")
    try:
        (o, o_d), (h, h_d), (low, low_d), (c, c_d) = _scaled(row[1]), _scaled(row[2]), _scaled(row[3]), _scaled(row[4])
        volume, volume_d = _scaled(row[5])
    except ValueError:
        raise FileFault(path, line, f"not a bar: {','.join(row[:6])!r}") from None
    if max(o_d, h_d, low_d, c_d, volume_d) > DECIMALS_MAX:
        raise FileFault(path, line, f"more than {DECIMALS_MAX} decimals: {','.join(row[1:6])!r}")
    bars.widen(max(o_d, h_d, low_d, c_d), volume_d)
    scale = bars.price_decimals
    o, h, low, c = o * _TENS[scale - o_d], h * _TENS[scale - h_d], low * _TENS[scale - low_d], c * _TENS[scale - c_d]
    if not (0 < low <= o <= h and low <= c <= h) or volume < 0:
        raise FileFault(path, line, f"open, high, low and close contradict each other: {','.join(row[1:5])!r}")
    missing = (open_ms - bars.end_ms) // MINUTE_MS
    if missing < 0:
        raise FileFault(path, line, f"{open_ms} is not after the line before it; sort the file by open time")
    if missing > GAP_MINUTES_MAX:
        raise FileFault(path, line, f"{missing} minutes are missing before {open_ms}; fetch the days between")
    for _ in range(missing):
        last = bars.close[-1]
        bars.append((last, last, last, last), 0)
    bars.append((o, h, low, c), volume * _TENS[bars.volume_decimals - volume_d])
