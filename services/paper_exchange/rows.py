"""The engine's rows as JSON text and back, by the types of their fields."""

from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_type_hints

import orjson

R = TypeVar("R")


def encode_row(row: object) -> bytes:
    """Given a row, return its JSON text; decimals are strings."""
    return orjson.dumps(row, default=str)


def decode_row(kind: type[R], text: bytes) -> R:
    """Given a row's type and its JSON text, return the row. Fields the text lacks take their defaults."""
    values = orjson.loads(text)
    makers = _makers(kind)  # type: ignore[arg-type]  # a class is hashable, a type variable of one is not seen so
    return kind(**{name: makers[name](value) for name, value in values.items() if name in makers})


@cache
def _makers(kind: type[Any]) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(kind)
    return {item.name: _maker(hints[item.name]) for item in fields(kind)}


def _maker(hint: Any) -> Callable[[Any], Any]:
    if isinstance(hint, UnionType):
        inner = _maker(next(part for part in get_args(hint) if part is not NoneType))
        return lambda value: None if value is None else inner(value)
    if isinstance(hint, type) and (issubclass(hint, Enum) or hint is Decimal):
        return hint
    return lambda value: value
