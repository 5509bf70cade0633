"""Field tables of the exchange's answers: name → type, written from the protocol's document.

A table is exact: a field too many is as wrong as one too few. A list holds the table of its items.
"""

import re
from typing import Any

_DECIMAL = re.compile(r"^-?\d+(\.\d+)?$")

DEC = "decimal string"
STR = "string"
INT = "integer"
BOOL = "boolean"
NUM = "JSON number"
NULL = "null"
STRINGS = "list of strings"

Table = dict[str, Any]


def violations(answer: Any, table: Any, where: str = "answer") -> list[str]:
    """Given an answer and its table, return every place where they differ."""
    if isinstance(table, dict):
        if not isinstance(answer, dict):
            return [f"{where} is no object: {answer!r}"]
        found = [f"{where}.{name} is missing" for name in table if name not in answer]
        found += [f"{where}.{name} is not in the document" for name in answer if name not in table]
        for name in table.keys() & answer.keys():
            found += violations(answer[name], table[name], f"{where}.{name}")
        return found
    if isinstance(table, list):
        if not isinstance(answer, list):
            return [f"{where} is no list: {answer!r}"]
        if len(table) > 1:
            if len(answer) != len(table):
                return [f"{where} has {len(answer)} items, not {len(table)}"]
            return [line for i, kind in enumerate(table) for line in violations(answer[i], kind, f"{where}[{i}]")]
        return [line for i, item in enumerate(answer) for line in violations(item, table[0], f"{where}[{i}]")]
    return [] if _is(answer, table) else [f"{where} is no {table}: {answer!r}"]


def _is(value: Any, kind: str) -> bool:
    match kind:
        case "decimal string":
            return isinstance(value, str) and bool(_DECIMAL.match(value))
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "JSON number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "null":
            return value is None
        case "list of strings":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case _:
            raise ValueError(kind)


def fits(answer: Any, table: Any) -> None:
    """Fail with every field in which the answer differs from its table."""
    assert violations(answer, table) == []
