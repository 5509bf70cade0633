"""`quantum record`: the streams in compressed files, before trimming takes them; and how they are read back.

A folder holds one file for each stream and UTC hour, `<stream>-<YYYYMMDDTHH>.jsonl.gz`: a line an entry, its id and its
fields. Each batch is a gzip member of its own, written and synced before the cursor moves: a recorder that is killed
leaves at most one torn member at a file's end, which the next start cuts off, and reads those entries again. Beside
them lie the minute bars of every symbol that the engine follows (see `kept_bars`).
"""

import gzip
import os
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from redis import Redis

from quantum_common.keys import Keys
from quantum_common.redis_client import why_gone
from services.ai_engine.leader import LEADER
from services.cli.complaint import Complaint
from services.cli.kept_bars import BarKeeper
from services.cli.redis_link import GONE, PAGE, Entry, written_ms
from services.cli.whole_file import write_whole

CURSORS = "cursors.json"
BLOCK_MS = 500
START = "0-0"


class Recorder:
    """Writes what is new in every stream to a folder."""

    def __init__(
        self, redis: Redis, keys: Keys, folder: Path, say: Callable[[str], None], bars: BarKeeper | None = None
    ) -> None:  # fmt: skip
        """Given a folder, go on where its recording ended; `bars` keeps those of what the engine follows."""
        self._redis, self._keys, self._folder, self._say, self._bars = redis, keys, folder, say, bars
        folder.mkdir(parents=True, exist_ok=True)
        self.cursors = dict.fromkeys(keys.streams, START) | _cursors(folder)
        self.written = 0

    def run(self, stopped: Callable[[], bool], for_s: float | None) -> None:
        """Record until stopped, or for a time; Redis out of reach is waited for."""
        for stream in self.cursors:
            self._mend(stream)
        self._say_gaps()
        ends_s = None if for_s is None else time.monotonic() + for_s
        while not stopped() and (ends_s is None or time.monotonic() < ends_s):
            try:
                self.step()
                if self._bars is not None and self._bars.due:
                    self._bars.step(self._followed())
            except GONE as error:
                self._say(f"redis is gone; trying again: {why_gone(error)}")
                time.sleep(BLOCK_MS / 1000)

    def _followed(self) -> set[str]:
        """Return the symbols whose market state stands in Redis, and whoever leads them."""
        prefix = self._keys.market_state("")
        found = {key.removeprefix(prefix) for key in self._redis.scan_iter(f"{prefix}*", count=PAGE)}
        return found | {LEADER} if found else found

    def step(self, block_ms: int = BLOCK_MS) -> int:
        """Wait a moment for what is new, write it, and move the cursors. Return how many entries there were."""
        after: dict[Any, Any] = dict(self.cursors)
        reply: Any = self._redis.xread(after, count=PAGE, block=block_ms)
        count = 0
        for stream, rows in reply or ():
            for path, lines in _by_file(self._folder, stream, rows).items():
                _append(path, lines)
            self.cursors[stream] = rows[-1][0]
            count += len(rows)
        if count:
            write_whole(self._folder / CURSORS, orjson.dumps(self.cursors))
        self.written += count
        return count

    def _say_gaps(self) -> None:
        """Say where the entry at the cursor is gone: what came right after it may be missing from the recording."""
        for stream, cursor in self.cursors.items():
            first: Any = self._redis.xrange(stream, count=1) if cursor != START else ()
            if first and _order(first[0][0]) > _order(cursor):
                self._say(f"{stream}: trimmed beyond {cursor}; entries until {first[0][0]} may be missing")

    def _mend(self, stream: str) -> None:
        """Cut off of the stream's newest files what a killed recorder left half written, or beyond its cursor."""
        for path in sorted(self._folder.glob(f"{_file_name(stream)}-*.jsonl.gz"))[-2:]:
            whole = [row for row in _rows(path) if _order(row[0]) <= _order(self.cursors[stream])]
            write_whole(path, gzip.compress(b"".join(_line(entry_id, fields) for entry_id, fields in whole)))


def recorded(folder: Path, stream: str, since_ms: int = 0) -> Iterator[Entry]:
    """Given a recording's folder, yield a stream's entries from a time on, oldest first. Raise Complaint where the
    folder is no recording."""
    if not (folder / CURSORS).is_file():
        raise Complaint(f"{folder}: holds no recording; `quantum record --to {folder}` makes one")
    since_hour = _hour(since_ms)
    name = _file_name(stream)
    for path in sorted(folder.glob(f"{name}-*.jsonl.gz")):
        if path.name.removeprefix(f"{name}-").removesuffix(".jsonl.gz") >= since_hour:
            yield from (row for row in _rows(path) if written_ms(row[0]) >= since_ms)


def _cursors(folder: Path) -> dict[str, str]:
    path = folder / CURSORS
    if not path.exists():
        return {}
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Complaint(f"{path}: is not the cursors of a recording: {error}; choose another folder") from None
    return {str(stream): str(cursor) for stream, cursor in found.items()}


def _by_file(folder: Path, stream: str, rows: list[Entry]) -> dict[Path, list[bytes]]:
    found: dict[Path, list[bytes]] = {}
    for entry_id, fields in rows:
        path = folder / f"{_file_name(stream)}-{_hour(written_ms(entry_id))}.jsonl.gz"
        found.setdefault(path, []).append(_line(entry_id, fields))
    return found


def _line(entry_id: str, fields: dict[str, str]) -> bytes:
    return orjson.dumps([entry_id, fields]) + b"\n"


def _append(path: Path, lines: list[bytes]) -> None:
    """Add one gzip member and bring it to the disk."""
    with path.open("ab") as file:
        file.write(gzip.compress(b"".join(lines)))
        file.flush()
        os.fsync(file.fileno())


def _rows(path: Path) -> Iterator[Entry]:
    """Yield a file's entries. A torn member at its end is left out."""
    with gzip.open(path, "rb") as file:
        try:
            for line in file:
                entry_id, fields = orjson.loads(line)
                yield entry_id, fields
        except (EOFError, zlib.error, gzip.BadGzipFile, orjson.JSONDecodeError):
            return


def _file_name(stream: str) -> str:
    """Given a stream's name, return what its files are called: a shard's braces are no letters of a file name."""
    return stream.replace(":stream:", ".").replace(":", ".").replace("{", "").replace("}", "")


def _hour(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y%m%dT%H")


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number or 0)
