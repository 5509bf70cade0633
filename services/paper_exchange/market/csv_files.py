"""Bars and funding rates from files in the column order of the exchange's public data."""

import csv
import gzip
import io
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple, TextIO

from services.paper_exchange.market.bars import MINUTE_MS, MinuteBars

BAR_SUFFIXES = ("-1m.csv", "-1m.csv.gz")
FUNDING_SUFFIXES = ("-fundingRate.csv", "-fundingRate.csv.gz")
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


def bar_files(folder: Path) -> dict[str, Path]:
    """Given a folder, return its minute files by symbol. Raise FileFault where there is none."""
    found = _by_symbol(folder, BAR_SUFFIXES)
    if not found:
        raise FileFault(folder, 0, "no <SYMBOL>-1m.csv or <SYMBOL>-1m.csv.gz here; give the folder of the bar files")
    return found


def funding_files(folder: Path) -> dict[str, Path]:
    """Given the folder of the bars, return funding files from it or from a sibling `funding`."""
    found: dict[str, Path] = {}
    for place in (folder.parent / "funding", folder / "funding", folder):
        if place.is_dir():
            found.update(_by_symbol(place, FUNDING_SUFFIXES))
    return found


def read_bars(path: Path) -> MinuteBars:
    """Given a bar file, return its bars, quiet minutes filled in. Raise FileFault naming the line."""
    rows = list(_rows(path, columns=6, first_name="open_time"))
    if not rows:
        raise FileFault(path, 0, "holds no bars; remove it or fetch it again")
    price_decimals = max(_decimals(row[column]) for _, row in rows for column in (1, 2, 3, 4))
    volume_decimals = max(_decimals(row[5]) for _, row in rows)
    bars = MinuteBars(price_decimals, volume_decimals, _time(path, *rows[0]))
    for line, row in rows:
        _add(path, line, row, bars)
    return bars


def read_funding(path: Path) -> list[FundingRow]:
    """Given a funding file, return its rows in order of time. Raise FileFault naming the line."""
    found = []
    for line, row in _rows(path, columns=3, first_name="calc_time"):
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


def _rows(path: Path, columns: int, first_name: str) -> Iterator[tuple[int, list[str]]]:
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


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def _scaled(text: str, decimals: int) -> int:
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(decimals, "0"))


def _add(path: Path, line: int, row: list[str], bars: MinuteBars) -> None:
    open_ms = _time(path, line, row)
    if open_ms % MINUTE_MS:
        raise FileFault(path, line, f"{open_ms} is not the start of a minute; these must be 1m bars")
    try:
        o, h, low, c = (_scaled(row[column], bars.price_decimals) for column in (1, 2, 3, 4))
        volume = _scaled(row[5], bars.volume_decimals)
    except ValueError:
        raise FileFault(path, line, f"not a bar: {','.join(row[:6])!r}") from None
    if not 0 < low <= min(o, c) <= max(o, c) <= h or volume < 0:
        raise FileFault(path, line, f"open, high, low and close contradict each other: {','.join(row[1:5])!r}")
    missing = (open_ms - bars.end_ms) // MINUTE_MS
    if missing < 0:
        raise FileFault(path, line, f"{open_ms} is not after the line before it; sort the file by open time")
    if missing > GAP_MINUTES_MAX:
        raise FileFault(path, line, f"{missing} minutes are missing before {open_ms}; fetch the days between")
    for _ in range(missing):
        last = bars.close[-1]
        bars.append((last, last, last, last), 0)
    bars.append((o, h, low, c), volume)
