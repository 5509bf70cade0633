"""What a gate said: the measured value, the limit it was held against, and whether it passed.

A plan and a permit carry the verdicts of all gates of their stage, in order, so that any decision can be explained
later. A gate that does not concern the wish passes with an empty value; a gate whose input is not known fails with the
value `unknown`: what is not known never lets an entry through.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from quantum_common.reasons import Gate

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate's word. `value` and `limit` are written for people; nothing is decided from them again."""

    gate: Gate
    ok: bool
    value: str = ""
    limit: str = ""


def not_asked(gate: Gate) -> Verdict:
    """Given a gate that does not concern the wish, return its passing verdict."""
    return Verdict(gate, ok=True)


def unknown(gate: Gate, limit: str) -> Verdict:
    """Given a gate whose input is not known, return its failing verdict."""
    return Verdict(gate, ok=False, value=UNKNOWN, limit=limit)


def first_failed(verdicts: Iterable[Verdict]) -> Gate | None:
    """Given verdicts in the order of their stage, return the first gate that failed, or None where all passed."""
    return next((verdict.gate for verdict in verdicts if not verdict.ok), None)


def as_rows(verdicts: Iterable[Verdict]) -> list[dict[str, str | bool]]:
    """Given verdicts, return them as they are written: one object a gate, in order."""
    return [{"gate": one.gate.value, "value": one.value, "limit": one.limit, "ok": one.ok} for one in verdicts]


def as_json(verdicts: Iterable[Verdict]) -> str:
    """Given verdicts, return the JSON list that a plan carries in `gates`."""
    return orjson.dumps(as_rows(verdicts)).decode()
