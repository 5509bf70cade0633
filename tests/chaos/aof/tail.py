"""The end of an append-only file: what a script wrote there, command by command. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

MULTI, EXEC = b"*1\r\n$5\r\nMULTI\r\n", b"*1\r\n$4\r\nEXEC\r\n"


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one script wrote: the file before it, and its bytes."""

    before: bytes
    written: bytes

    def cut(self, at: int) -> bytes:
        """Given a number of bytes, return the file that ends after so many of the script's."""
        return self.before + self.written[:at]

    @property
    def commands(self) -> tuple[bytes, ...]:
        """Return the commands between MULTI and EXEC; a script of one command has neither."""
        return tuple(one for one in split(self.written) if one.upper() not in {MULTI, EXEC})

    def torn(self, kept: int) -> bytes:
        """Given a number of commands, return the file in which so many took effect and the others did not."""
        return self.before + b"".join(self.commands[:kept])


def split(written: bytes) -> Iterator[bytes]:
    """Given whole commands in the server's protocol, yield each."""
    at = 0
    while at < len(written):
        start, (count, at) = at, _number(written, at, b"*")
        for _ in range(count):
            length, at = _number(written, at, b"$")
            at += length + 2
        yield written[start:at]


def _number(written: bytes, at: int, mark: bytes) -> tuple[int, int]:
    """Given where a number with its mark begins, return it and where it ends. Raise ValueError for anything else."""
    end = written.index(b"\r\n", at)
    if written[at : at + 1] != mark:
        raise ValueError(f"no {mark!r} at byte {at}")
    return int(written[at + 1 : end]), end + 2
