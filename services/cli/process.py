"""Child processes that cannot outlive their parent, and whose last words can be read.

A child has a session of its own, so a Ctrl-C on the terminal reaches only us and we stop it in order. Where we are
killed without a chance to do so, the kernel kills the child (Linux: the parent-death signal).
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import orjson

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_TAIL_BYTES = 16_384
_WORDS_MAX = 300


def spawn(
    command: Sequence[str], log: Path | None, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Given a command, start it with its output appended to the log, bound to our own life. Raise OSError if it cannot.

    Call it from the main thread: the kernel binds the child to the thread that started it.
    """
    output = open(log, "ab") if log is not None else None  # noqa: PTH123, SIM115 - closed below, after the child has it
    try:
        return subprocess.Popen(  # noqa: S603 - our own words
            list(command), stdin=subprocess.DEVNULL, stdout=output or subprocess.DEVNULL,
            stderr=subprocess.STDOUT if output else subprocess.DEVNULL, env=environ,
            start_new_session=True, preexec_fn=bound_to(os.getpid()),  # noqa: PLW1509 - we run no threads
        )  # fmt: skip
    finally:
        if output is not None:
            output.close()


def bound_to(parent: int) -> Callable[[], None]:
    """Given the process id of a parent, return what its child does first so that it cannot outlive it."""

    def bind() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the binding stood
            os._exit(1)

    return bind


def last_words(log: Path) -> str:
    """Given a child's log, return its last line in words: the reason or error of a structured line, else the line."""
    try:
        with log.open("rb") as stream:
            stream.seek(begins := max(0, log.stat().st_size - _TAIL_BYTES))
            lines = stream.read().decode(errors="replace").splitlines()[1 if begins else 0 :]  # not a part of a line
    except OSError:
        return ""
    told = [words for words in map(_words, map(str.strip, lines)) if words]
    return told[-1][:_WORDS_MAX] if told else ""


def _words(line: str) -> str:
    """Return what a line tells of a failure; an event of the ordinary course tells nothing."""
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    if not isinstance(entry, dict) or entry.get("level") not in {"error", "critical"}:
        return ""
    return str(entry.get("reason") or entry.get("error") or entry.get("event", ""))


def resident_mib(pid: int) -> float | None:
    """Given a process id, return its resident memory in MiB, or None where it is gone or cannot be told."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024, 1)
    except (OSError, ValueError):
        return None
    return None
