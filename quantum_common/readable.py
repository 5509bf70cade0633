"""Reads what stands at a key of somebody else's: a record that breaks its contract counts as absent, and is said."""

from collections.abc import Sequence
from typing import TypeVar

from quantum_common.log import Log
from quantum_common.messages import Malformed, Record

R = TypeVar("R", bound=Record)


def readable(record: type[R], flat: Sequence[str], key: str, log: Log) -> R | None:
    """Given a hash as a script returns it, fields and values in turn, return its record, or None where there is none
    or it cannot be read: then the log names the key."""
    if not flat:
        return None
    try:
        return record.from_fields(dict(zip(flat[::2], flat[1::2], strict=True)))
    except Malformed as fault:
        log.error("a record breaks its contract; it counts as absent", key=key, field=fault.field, reason=fault.reason)
        return None
