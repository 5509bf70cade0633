"""`python -m services.cli.streams_page FILE`: write docs/streams.md from the contracts, so that it cannot be wrong.

Fields and types are those of the models, who writes and reads is what Redis' users may, and what a field means stands
in `quantum_common/meanings.py`.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum
from inspect import getdoc
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from quantum_common import codec
from quantum_common.acl import ACL_TABLE, ANY, SEE_ALL, Access, Row
from quantum_common.keys import GROUP_BRIDGE, GROUP_EXECUTOR, GROUP_GOVERNOR, GROUP_P33, Keys
from quantum_common.meanings import MEANINGS
from quantum_common.messages import GovernorEvent, Intent, JournalEntry, Permit, Plan, ReconcileEvent, Record, Result
from quantum_common.reasons import FIRST_OF_STAGE, Gate
from quantum_common.state import (
    EngineModel,
    EngineVerdict,
    GovernorState,
    Hold,
    Ledger,
    MarketState,
    OrderRecord,
    Portfolio,
    Snapshot,
)
from services.cli.written_page import write_page

STREAMS: dict[str, type[Record]] = {
    "intents": Intent,
    "plans": Plan,
    "permits": Permit,
    "results": Result,
    "journal": JournalEntry,
    "governor_events": GovernorEvent,
    "reconcile_events": ReconcileEvent,
}
RECORDS: dict[str, type[Record]] = {
    "snapshot": Snapshot,
    "ledger": Ledger,
    "hold": Hold,
    "portfolio": Portfolio,
    "market_state": MarketState,
    "engine_verdict": EngineVerdict,
    "engine_model": EngineModel,
    "governor_state": GovernorState,
    "order": OrderRecord,
}
GROUPS = {
    "intent-bridge": GROUP_BRIDGE,
    "governor": GROUP_GOVERNOR,
    "position-state-brain": GROUP_P33,
    "intent-executor": GROUP_EXECUTOR,
}
KINDS: dict[Any, str] = {
    codec.EpochMs: "epoch ms", codec.EpochSeconds: "epoch s", codec.Flag: "`True` or `False`", codec.Name: "text",
    codec.Symbol: "symbol", codec.Positive: "decimal, over 0", codec.NotNegative: "decimal, 0 or more",
    codec.Number: "decimal", codec.Integer: "whole number", str: "text", int: "whole number", Decimal: "decimal",
}  # fmt: skip
KEYS = Keys()
HEAD = """\
# Streams and records, field by field

This page is written from the contracts by `python -m services.cli.streams_page docs/streams.md`. Do not edit it: change
the model, the rights in `quantum_common/acl.py` or the words in `quantum_common/meanings.py`, then write the page anew.
How to ask for all this, and what a good answer looks like: [redis.md](redis.md).

Every field is always there, as a flat string. An empty one is not known. Decimals have no exponent, `epoch ms` are
milliseconds. In shard N the prefix is `quantum:{N}`.

Streams are trimmed by age (`QUANTUM_STREAM_KEEP_MS`, a day), and never past an entry that a group has not acknowledged.
What breaks its contract goes to the stream's `.dead`, with `dead_field`, `dead_reason`, `dead_group`, `dead_entry_id`
and `dead_ts_ms`.
"""


def render() -> str:
    """Return the whole page."""
    parts = [HEAD, "## Streams\n", *(stream(name, model) for name, model in STREAMS.items())]
    parts += ["## Records\n", *(record(name, model) for name, model in RECORDS.items()), reasons()]
    return "\n".join(parts)


def stream(name: str, model: type[Record]) -> str:
    """Given a stream's name and message, return its section."""
    row = _row(name)
    groups = [f"`{GROUPS[user]}`" for user in row.grants.get(Access.CONSUME, ())]
    facts = [f"Written by {_users(row, Access.PRODUCE, Access.APPEND)}."]
    facts += [f"Consumer groups: {', '.join(groups)}." if groups else "No consumer group."]
    return _section(row.pattern(KEYS), " ".join(facts), model)


def record(name: str, model: type[Record]) -> str:
    """Given a record's name and model, return its section."""
    row = _row(name)
    also = [user for user in row.readers if not row.may(user, Access.KEEP)]
    readers = f"Read by {', '.join(also)}." if also else f"Read by {' and '.join(SEE_ALL)} alone."
    bound = " ".join((getdoc(_member(name)) or "").split())
    return _section(_shown(name), f"{bound} Written by {_users(row, Access.KEEP)}. {readers}", model)


def reasons() -> str:
    """Return the section of the reason codes."""
    lines = ["## Reason codes", "", "In the order in which they are asked. What to do: [runbook.md](runbook.md).", ""]
    lines += ["| code | asked first by |", "| --- | --- |"]
    stage = ""
    firsts = {first: name for name, first in FIRST_OF_STAGE.items()}
    for gate in Gate:
        stage = firsts.get(gate, stage)
        lines.append(f"| [`{gate}`](runbook.md#{gate}) | {stage} |")
    return "\n".join(lines) + "\n"


def fields(model: type[Record]) -> Iterator[tuple[str, str, bool, str]]:
    """Given a record, yield each field's name on the wire, its kind, whether it may be empty, and its meaning.

    Raise KeyError for a field whose meaning nobody has written down.
    """
    hints = get_type_hints(model, include_extras=True)
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    for wire in model.wire_names():
        options = _options(hints[names[wire]])
        given = [one for one in options if one is not NoneType]
        empty = NoneType in options or given[0] is str
        meaning = MEANINGS.get(f"{model.__name__}.{wire}") or MEANINGS[wire]
        yield wire, kind(given[0]), empty, meaning


def kind(hint: Any) -> str:
    """Given a field's type, return what its text is."""
    found = next((words for known, words in KINDS.items() if known == hint), None)
    if found is not None:
        return found
    if get_origin(hint) is Annotated:
        return kind(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return " ".join(f"`{one}`" for one in get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Gate):
        return "[reason code](#reason-codes)"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return " ".join(f"`{one}`" for one in hint)
    raise TypeError(f"a field of a contract has a type without a name: {hint}")


def _section(title: str, words: str, model: type[Record]) -> str:
    lines = [f"### `{title}`", "", words, "", "| field | kind | may be empty | meaning |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{name}` | {what} | {'yes' if empty else ''} | {words} |" for name, what, empty, words in fields(model)
    ]
    return "\n".join(lines) + "\n"


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _row(family: str) -> Row:
    return next(row for row in ACL_TABLE if row.family == family)


def _users(row: Row, *accesses: Access) -> str:
    return " and ".join(dict.fromkeys(user for access in accesses for user in row.grants.get(access, ())))


def _member(name: str) -> Any:
    member = getattr(Keys, name)
    return member.fget if isinstance(member, property) else member


def _shown(name: str) -> str:
    """Return a key as a person would read it: with the name of what is put in."""
    member: str | Callable[[str], str] = getattr(KEYS, name)
    if isinstance(member, str):
        return member
    argument = "PLAN" if name == "order" else "SYMBOL"
    return member(ANY).replace(ANY, argument)


if __name__ == "__main__":
    write_page(render())
