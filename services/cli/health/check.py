"""One line of the checklist: what was looked at, what was found, what it was held against, and the verdict."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """OK is as it should be; WARN wants a look before it bites; BAD means that it is not fit to trade."""

    OK = "OK"
    WARN = "WARN"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Check:
    """One verdict. `name` is stable; `subject` tells checks of one name apart (a service, a symbol, a stream), empty
    where it is about all. `words` say what is the matter and what to do; a good line may have none."""

    name: str
    subject: str
    level: Level
    figure: str
    limit: str = ""
    words: str = ""


def fit(checks: Iterable[Check]) -> bool:
    """Return whether nothing is BAD: GO."""
    return all(check.level is not Level.BAD for check in checks)


def graded(level: Level, *, bad: bool = False, warn: bool = False) -> Level:
    """Given the level so far, return it raised to BAD or WARN where that holds."""
    if bad or level is Level.BAD:
        return Level.BAD
    return Level.WARN if warn or level is Level.WARN else Level.OK
