"""A gate's word before it is worded: the measured value and the limit as they are, turned into text where it is read.

Most decisions that are made again (what-if, replay) look only at which gate fails; wording takes longer than deciding.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from quantum_common.money import plain
from quantum_common.reasons import Gate
from quantum_common.verdicts import UNKNOWN, Verdict

Part = str | int | float | Decimal
Said = Part | tuple[Part, ...]  # a tuple is put together in its order


class Check(NamedTuple):
    """One gate's word: whether it passed, the value, and the limit that it was held against."""

    gate: Gate
    ok: bool
    value: Said = ""
    limit: Said = ""


def not_asked(gate: Gate) -> Check:
    """Given a gate that does not concern the plan, return its passing word."""
    return Check(gate, ok=True)


def unknown(gate: Gate, limit: Said) -> Check:
    """Given a gate whose input is not known, return its failing word."""
    return Check(gate, ok=False, value=UNKNOWN, limit=limit)


def first_failed(checks: Iterable[Check]) -> Gate | None:
    """Given the gates' words in order, return the first gate that failed, or None where all passed."""
    for check in checks:
        if not check.ok:
            return check.gate
    return None


def worded(checks: Iterable[Check]) -> tuple[Verdict, ...]:
    """Given the gates' words, return them as verdicts for people."""
    return tuple(Verdict(one.gate, one.ok, _text(one.value), _text(one.limit)) for one in checks)


def _text(said: Said) -> str:
    match said:
        case str():
            return said
        case Decimal():
            return plain(said)
        case float():
            return f"{said:.4f}"
        case tuple():
            return "".join(_text(part) for part in said)
        case _:
            return str(said)
