"""A run's history: what was begun (invoke), what came of it (ok, fail) and what nobody can know (info). A line each.

Checkers and figures read it back; whoever looks into a failure reads it with `jq`.
"""

import time
from pathlib import Path
from typing import Any, Literal, Self

import orjson

Kind = Literal["invoke", "ok", "fail", "info"]


class History:
    """Appends to a file, and keeps the lines. Times are epoch milliseconds of this machine, as everyone's here."""

    def __init__(self, path: Path) -> None:
        self.lines: list[dict[str, Any]] = []
        self._file = path.open("ab")

    def note(self, kind: Kind, what: str, **details: Any) -> int:
        """Given what happened, write it down and return when."""
        now_ms = time.time_ns() // 1_000_000
        line = {"ms": now_ms, "kind": kind, "what": what, **details}
        self.lines.append(line)
        self._file.write(orjson.dumps(line, default=str) + b"\n")
        self._file.flush()
        return now_ms

    def of(self, what: str, kind: Kind) -> list[dict[str, Any]]:
        """Return the lines on one matter."""
        return [line for line in self.lines if line["what"] == what and line["kind"] == kind]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
