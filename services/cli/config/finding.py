"""One thing that is wrong with a configuration: where it stands, what it is, what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from quantum_common.env_file import Line


class Level(StrEnum):
    """An ERROR keeps a service from starting or from trading what it should; a WARNING wants a look."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """`line` is 0 where it is about the file as a whole, or about a key that the file lacks."""

    level: Level
    path: Path
    line: int
    key: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else str(self.path)
        key = f"{self.key}: " if self.key else ""
        return f"{where}: {self.level}: {key}{self.problem}" + (f"; {self.remedy}" if self.remedy else "")


def at(line: Line, problem: str, remedy: str = "", level: Level = Level.ERROR) -> Finding:
    """Given a line of a file and what is wrong with it, return the finding."""
    return Finding(level, line.path, line.number, line.key, problem, remedy)


def in_file(path: Path, key: str, problem: str, remedy: str = "", level: Level = Level.ERROR) -> Finding:
    """Given a file and what it lacks or is as a whole, return the finding."""
    return Finding(level, path, 0, key, problem, remedy)


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Given findings, return each once, by file and line, errors before warnings of the same line."""
    return sorted(set(found), key=lambda one: (str(one.path), one.line, one.level, one.key, one.problem))


def errors(found: Iterable[Finding]) -> int:
    """Return how many are errors."""
    return sum(one.level is Level.ERROR for one in found)
