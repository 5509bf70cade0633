"""The one reader of env files: KEY=VALUE with quotes and comments as shells have them, and where each line stands."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import parse_stream


@dataclass(frozen=True, slots=True)
class Line:
    """One setting of a file. `problem` is set where the line is none; then `key` is empty and `value` its text."""

    path: Path
    number: int
    key: str
    value: str
    problem: str = ""

    @property
    def where(self) -> str:
        """Return file and line."""
        return f"{self.path}:{self.number}"


def lines(path: Path) -> Iterator[Line]:
    """Given an env file, yield its settings in order, comments left out. Raise OSError or UnicodeDecodeError where it
    cannot be read."""
    yield from lines_of(path.read_text(encoding="utf-8"), path)


def lines_of(content: str, path: Path = Path()) -> Iterator[Line]:
    """Given what stands in an env file, or is to stand there, yield its settings in order."""
    for binding in parse_stream(io.StringIO(content)):
        text = binding.original.string
        number = binding.original.line + len(text) - len(text.lstrip("\n"))
        if binding.error or (binding.key is not None and binding.value is None):
            yield Line(path, number, "", text.strip(), problem=f"not KEY=VALUE: {text.strip()!r}")
        elif binding.key is not None:
            yield Line(path, number, binding.key, binding.value or "")
