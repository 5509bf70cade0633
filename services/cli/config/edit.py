"""Changes to several env files at once: all of them, or none."""

import difflib
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.cli.complaint import Complaint
from services.cli.whole_file import sync_folder

HALF = ".half-edited"  # what a rename has not put in its place yet


@dataclass(frozen=True, slots=True)
class Edit:
    """One file's text before and after."""

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """Return what changes, as a unified diff."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True), self.after.splitlines(keepends=True), str(self.path), str(self.path)
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder of env files against another edit at the same time. Raise Complaint where one is going on."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Complaint(f"{folder}: cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Complaint(f"{folder}: somebody else is changing it; try again", status=1) from None
    finally:
        os.close(handle)


def write_all(edits: Sequence[Edit]) -> None:
    """Given edits, put all of them in place, or none: every new text is on the disk before the first file changes.

    A crash between two renames leaves a file ending in HALF beside each one that is still the old: `quantum config
    check` names it, and the same edit again finishes. Raise Complaint where a file cannot be written; none has changed
    then.
    """
    ready: list[tuple[Path, Path]] = []
    try:
        for edit in edits:
            real = edit.path.resolve()
            ready.append((real.with_name(real.name + HALF), real))
            _write_beside(*ready[-1], edit.after)
    except OSError as error:
        for half, _ in ready:
            half.unlink(missing_ok=True)
        raise Complaint(f"{edit.path}: cannot be written: {error.strerror}; nothing was changed", status=1) from None
    for half, real in ready:
        half.replace(real)
    for folder in {real.parent for _, real in ready}:
        sync_folder(folder)


def _write_beside(half: Path, real: Path, text: str) -> None:
    """Write a text beside the file that it is for, with that file's owner and mode, and bring it to the disk."""
    owner = real.stat()
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
        os.fchmod(stream.fileno(), owner.st_mode & 0o7777)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
