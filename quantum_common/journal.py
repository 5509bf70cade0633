"""journald's native protocol: a log line as an entry with fields, so that `journalctl PLAN_ID=...` finds a plan.

One datagram an entry; one that is too large goes as a sealed memory file. A journald that does not take an entry never
holds trading up: what could not be sent is counted, and said with the next one that can. Why no package does this:
docs/decisions/2026-11-28-journal-by-hand.md.
"""

import array
import errno
import fcntl
import os
import re
import socket
import struct
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson

SOCKET = "/run/systemd/journal/socket"
PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
NAME_MAX = 64
WAIT_S = 0.05  # a burst may find the socket full; longer than this nobody waits
STALLED_S = 1.0  # once it did not take an entry, it is left alone for so long
_OURS = frozenset({"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "EVENT"})
_META = frozenset({"event", "level", "timestamp", "exception"})  # of structlog; the journal has its own time
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_TOO_LARGE = frozenset({errno.EMSGSIZE, errno.ENOBUFS})


def in_journal(environ: Mapping[str, str], descriptor: int) -> bool:
    """Given the environment and a file, return whether what is written to it goes to the journal."""
    try:
        seen = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{seen.st_dev}:{seen.st_ino}"


def entry(event: Mapping[str, Any]) -> bytes:
    """Given what structlog knows of a line, return it as journald takes it: each key is a field, in capitals."""
    service = str(event.get("service", ""))
    fields = {
        "MESSAGE": sentence(event),
        "PRIORITY": str(PRIORITIES.get(str(event.get("level")), 6)),
        "SYSLOG_IDENTIFIER": f"quantum-{service}" if service else "quantum",
        "EVENT": str(event.get("event", "")),
    }
    fields |= {field_name(key): text(value) for key, value in event.items() if key not in _META}
    short = "".join([f"{name}={value}\n" for name, value in fields.items() if "\n" not in value])
    return short.encode(errors="replace") + b"".join(
        _with_lines(name, value) for name, value in fields.items() if "\n" in value
    )


def sentence(event: Mapping[str, Any]) -> str:
    """Given a line, return it as people read it: the event, then what belongs to it, then a traceback if there is."""
    words = [str(event.get("event", ""))]
    for key, value in event.items():
        if key not in _META and key != "service":
            said = text(value)
            words.append(f"{key}={said}" if len(said.split()) == 1 else f'{key}="{said}"')
    return "\n".join([" ".join(words), *([str(event["exception"])] if event.get("exception") else [])])


def text(value: object) -> str:
    """Given a value, return it as a field holds it; lists and mappings as JSON."""
    if isinstance(value, dict | list | tuple):
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return str(value)


@lru_cache(maxsize=1024)
def field_name(key: str) -> str:
    """Given a key, return a name that journald accepts, and that is none of those which it or we have given a
    meaning."""
    name = re.sub(r"[^A-Z0-9_]", "_", key.upper())
    if name in _OURS or not name[:1].isalpha() or name.startswith(("SYSLOG_", "CODE_", "COREDUMP_", "OBJECT_")):
        name = f"QUANTUM_{name.lstrip('_')}"
    return name[:NAME_MAX]


def _with_lines(name: str, value: str) -> bytes:
    """A value of several lines is announced by its length."""
    data = value.encode(errors="replace")
    return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"


class Journal:
    """The logger behind structlog: every level sends the entry that the processors have made."""

    def __init__(self, path: str = SOCKET, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.settimeout(WAIT_S)
        self._unsent = 0
        self._stalled_until_s = float("-inf")

    def msg(self, data: bytes) -> None:
        """Given an entry, send it; where journald does not take it, count it."""
        if self._clock() < self._stalled_until_s:
            self._unsent += 1
            return
        try:
            if self._unsent:
                self._send(entry({"event": "log lines were dropped", "level": "warning", "count": self._unsent}))
                self._unsent = 0
            self._send(data)
        except OSError:  # a timeout is one
            self._unsent += 1
            self._stalled_until_s = self._clock() + STALLED_S

    debug = info = warning = warn = error = critical = exception = fatal = log = msg

    def close(self) -> None:
        """Give the socket back."""
        self._channel.close()

    def _send(self, data: bytes) -> None:
        try:
            self._channel.sendto(data, self._path)
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            self._send_file(data)

    def _send_file(self, data: bytes) -> None:
        """Pass an entry as a memory file that nobody can change any more."""
        descriptor = os.memfd_create("quantum-journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(data)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
            passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
            self._channel.sendmsg([], passed, 0, self._path)
        finally:
            os.close(descriptor)
