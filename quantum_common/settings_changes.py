"""What a reload finds: which keys differ from those a service runs with, and which of them it can take up at once.

A settings class names its hot fields in `HOT`; every other one waits for the next start. A new key is therefore cold
until somebody has made its service take it up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from quantum_common.settings import CommonSettings, without_password

S = TypeVar("S", bound=CommonSettings)


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs, with both values as a file would hold them; an empty one stands for none."""

    key: str
    old: str
    new: str
    hot: bool

    def __str__(self) -> str:
        return f"{self.key}: {self.old or 'none'} -> {self.new or 'none'}"


def hot(model: type[CommonSettings], name: str) -> bool:
    """Given a settings class and a field's name, return whether a running service takes a new value up."""
    return any(fnmatchcase(name, pattern) for base in model.__mro__ for pattern in base.__dict__.get("HOT", ()))


def changes(old: CommonSettings, new: CommonSettings) -> tuple[Change, ...]:
    """Given two settings of one class, return what differs, in the order of the class. Raise TypeError for two
    classes."""
    return tuple(
        Change(name.upper(), written(before), written(after), hot(type(old), name))
        for name, before, after in _differing(old, new)
    )


def taken_up(old: S, new: S) -> S:
    """Given what a service runs with and what was read anew, return what it runs with from now on: the hot fields of
    the new, the rest of the old. Raise TypeError for two classes."""
    return old.model_copy(update={name: after for name, _, after in _differing(old, new) if hot(type(old), name)})


def written(value: object) -> str:
    """Given a setting's value, return it as a file holds it, without a password that is part of an address."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(map(written, value))
        case _:
            return without_password(str(value))


def _differing(old: CommonSettings, new: CommonSettings) -> Iterator[tuple[str, Any, Any]]:
    if type(old) is not type(new):
        raise TypeError(f"{type(old).__name__} and {type(new).__name__} cannot be compared")
    for name in type(old).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield name, before, after
