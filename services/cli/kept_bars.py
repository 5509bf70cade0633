"""The closed minute bars beside a recording: `<SYMBOL>-1m.csv` in the exchange's columns, to train and to replay on.

Read from the exchange's public REST, whose rows are written as they come. A file is the cursor: a recorder that was
killed leaves at most half a line, which the next start cuts off, and goes on after the last whole one. A bar counts as
closed once a later one is there, so no clock is asked.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from quantum_common.clock import MINUTE_MS
from services.cli.complaint import Complaint

SUFFIX = "-1m.csv"
HEADING = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
FIRST_ROWS, PAGE_ROWS = 1500, 499  # a day of the past to begin with; then what the exchange gives for little weight
EVERY_S = 30.0
TIMEOUT_S = 5.0
PAUSE_S = 60.0  # where the exchange asks for one and does not say how long
_LOOK_BACK = 512  # bytes: longer than any line

Row = list[Any]
Fetch = Callable[[str, int | None, int], list[Row]]  # symbol, the first open time or None for the newest, how many rows


class BarsAway(Exception):
    """The exchange gave no bars; the text says why, `pause_s` how long not to ask again."""

    def __init__(self, cause: str, pause_s: float = EVERY_S) -> None:
        super().__init__(cause)
        self.pause_s = pause_s


class UnknownSymbol(Exception):
    """The exchange has no such contract."""


class BarKeeper:
    """Keeps the bars of every symbol it is told of."""

    def __init__(
        self, folder: Path, fetch: Fetch, say: Callable[[str], None], now_s: Callable[[], float] = time.monotonic
    ) -> None:  # fmt: skip
        """Given a recording's folder and a way to read bars, go on where its files end."""
        self._folder, self._fetch, self._say, self._now_s = folder, fetch, say, now_s
        self._last_ms: dict[str, int] = {}
        self._unknown: set[str] = set()
        self._next_s = now_s()
        self._away = False
        self.written = 0

    @property
    def due(self) -> bool:
        """Return whether it is time to look again."""
        return self._now_s() >= self._next_s

    def step(self, symbols: Iterable[str]) -> None:
        """Given the symbols that are followed, append what has closed since the last time. An exchange that is away is
        told once and asked again later."""
        self._next_s = self._now_s() + EVERY_S
        try:
            for symbol in sorted(set(symbols) - self._unknown):
                self._keep(symbol)
        except BarsAway as away:
            self._next_s = self._now_s() + away.pause_s
            if not self._away:
                self._say(f"no bars for now: {away}")
            self._away = True
        else:
            self._away = False

    def _keep(self, symbol: str) -> None:
        path = self._folder / f"{symbol}{SUFFIX}"
        if symbol not in self._last_ms:
            self._last_ms[symbol] = mend(path)
        full = True
        while full:
            last_ms = self._last_ms[symbol]
            limit = PAGE_ROWS if last_ms else FIRST_ROWS
            try:
                page = self._fetch(symbol, last_ms + 1 if last_ms else None, limit)
            except UnknownSymbol:
                self._unknown.add(symbol)
                self._say(f"{symbol}: the exchange has no such contract; its bars are not kept")
                return
            closed = [row for row in page[:-1] if int(row[0]) > last_ms]
            if closed:
                self._append(symbol, path, closed)
            full = len(page) == limit and bool(last_ms) and bool(closed)

    def _append(self, symbol: str, path: Path, closed: list[Row]) -> None:
        """Write rows and bring them to the disk before they count as kept."""
        last_ms = self._last_ms[symbol]
        missing = (int(closed[0][0]) - last_ms) // MINUTE_MS - 1 if last_ms else 0
        if missing > 0:
            self._say(f"{symbol}: {missing} minutes are missing; the exchange does not have them")
        lines = "".join(",".join(map(str, row)) + "\n" for row in closed)
        with path.open("a", encoding="ascii") as file:
            if not file.tell():
                file.write(f"{HEADING}\n")
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        self._last_ms[symbol] = int(closed[-1][0])
        self.written += len(closed)


def mend(path: Path) -> int:
    """Given a bar file, cut half a line off its end, and return when its last bar opened; 0 where it has none.

    Raise Complaint where its last line is no bar.
    """
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(size - _LOOK_BACK, 0)
        file.seek(start)
        tail = file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            file.truncate(start + len(whole))
    last = whole.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii", "replace")
    if not last or last == HEADING:
        return 0
    open_ms = last.partition(",")[0]
    if not open_ms.isdigit():
        raise Complaint(f"{path}: its last line is no bar: {last[:60]!r}; choose another folder")
    return int(open_ms)


class PublicBars:
    """Reads klines over one kept connection, without any key."""

    def __init__(self, rest_url: str) -> None:
        """Given the base of the exchange's REST calls, begin. Nothing is sent yet."""
        parts = urlsplit(rest_url)
        if parts.hostname is None:
            raise Complaint(f"{rest_url}: not an address of an exchange")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._http, self._path = kind(parts.hostname, parts.port, timeout=TIMEOUT_S), parts.path.rstrip("/")

    def fetch(self, symbol: str, from_ms: int | None, limit: int) -> list[Row]:
        """Given a symbol, return up to `limit` minute bars from a time on, or the newest, oldest first; the last one
        may still be open. Raise BarsAway or UnknownSymbol."""
        query: dict[str, str | int] = {"symbol": symbol, "interval": "1m", "limit": limit}
        if from_ms is not None:
            query["startTime"] = from_ms
        try:
            self._http.request("GET", f"{self._path}/v1/klines?{urlencode(query)}")
            answer = self._http.getresponse()
            body = answer.read()
        except (OSError, HTTPException) as error:
            self._http.close()
            raise BarsAway(f"the exchange does not answer: {error or type(error).__name__}") from None
        if answer.status in (418, 429):
            wait = answer.headers.get("Retry-After", "")
            raise BarsAway("the exchange limits our rate", float(wait) if wait.isdigit() else PAUSE_S)
        try:
            found = json.loads(body, parse_float=str)
        except ValueError:
            raise BarsAway(f"the exchange answers with status {answer.status} and no JSON") from None
        if isinstance(found, dict) and found.get("code") == -1121:
            raise UnknownSymbol(symbol)
        if answer.status != 200 or not isinstance(found, list):
            raise BarsAway(f"the exchange answers {answer.status}: {body[:120].decode('utf-8', 'replace')}")
        return found

    def close(self) -> None:
        """Close the connection."""
        self._http.close()
