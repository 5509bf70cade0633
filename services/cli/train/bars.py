"""The bars to train on: minute files of the exchange's public columns, or a recording, which keeps the same."""

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quantum_common.clock import MINUTE_MS
from quantum_common.exchange.port import Bar
from services.ai_engine.training.plan import TrainingFault
from services.ai_engine.training.trades import Funding, FundingRates
from services.cli.complaint import Complaint
from services.paper_exchange.market.csv_files import FileFault, funding_files, read_funding, rows

VERB = "train"


class Span(NamedTuple):
    """Which bars to take, by when they open; the end is excluded."""

    from_ms: int
    until_ms: int


ALL = Span(0, 2**63 - 1)


def bars_of(path: Path, symbol: str, span: Span = ALL) -> Iterator[Bar]:
    """Given a file, yield its bars of a span of time. Raise TrainingFault naming file and line."""
    before_ms = 0
    try:
        for line, row in rows(path, columns=6, first_name="open_time"):
            bar = _bar(path, line, row, symbol, before_ms)
            before_ms = bar.open_ms
            if span.from_ms <= bar.open_ms < span.until_ms:
                yield bar
    except FileFault as fault:
        raise TrainingFault(str(fault)) from None


def _bar(path: Path, line: int, row: list[str], symbol: str, before_ms: int) -> Bar:
    """Given a line and when the bar before it opened, return its bar. Raise FileFault."""
    try:
        open_ms = int(row[0])
        o, high, low, close, volume = map(Decimal, row[1:6])
    except (ValueError, InvalidOperation):
        raise FileFault(path, line, f"not a bar: {','.join(row[:6])!r}") from None
    if open_ms <= before_ms:
        raise FileFault(path, line, f"{open_ms} is not after the line before it; sort the file by open time")
    return Bar(symbol, open_ms, open_ms + MINUTE_MS - 1, o, high, low, close, volume)


def funding_of(folder: Path, symbols: Sequence[str]) -> Funding:
    """Given the folder of the bars and the symbols in order, return the funding rates that lie there or beside it.

    Raise Complaint where a file is no funding file.
    """
    files, found = funding_files(folder), dict[int, FundingRates]()
    for number, symbol in enumerate(symbols):
        if symbol not in files:
            continue
        try:
            published = read_funding(files[symbol])
        except FileFault as fault:
            raise Complaint(f"{VERB}: {fault}", status=1) from None
        times = np.array([row.time_ms for row in published], dtype=np.int64)
        rates = np.array([float(row.rate) for row in published], dtype=np.float64)
        found[number] = FundingRates(times, np.concatenate([[0.0], np.cumsum(rates)]))
    return found
