"""The folder of one run of `quantum up`: its data, its settings, its logs, and the note by which others find it.

A lock is held on it while the run lives, so two runs never share one, and a note whose lock is free is stale.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from services.cli.complaint import Complaint

NOTE_FILE = "run.json"
LOCK_FILE = "lock"


class RunNote(BaseModel):
    """`run.json`: what a run is, for `quantum redis`, for a resumption in the same folder, and for tests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    folder: str
    market: str
    embedded: bool
    listed: int
    speed: int
    redis_url: str
    redis_port: int
    paper_url: str
    started_ms: int
    children: dict[str, int]
    metrics: dict[str, int] = {}


@dataclass
class RunFolder:
    """A folder that is ours while we run. `kept` says whether it stays when we end."""

    root: Path
    kept: bool
    resumed: RunNote | None = None
    _lock: IO[str] | None = field(default=None, repr=False)
    _pointer: Path | None = field(default=None, repr=False)

    @property
    def redis(self) -> Path:
        """Return the folder of the embedded Redis."""
        return self.root / "redis"

    @property
    def exchange(self) -> Path:
        """Return the folder of the paper exchange's state."""
        return self.root / "exchange"

    @property
    def etc(self) -> Path:
        """Return the folder of this run's env files."""
        return self.root / "etc"

    @property
    def logs(self) -> Path:
        """Return the folder of the logs."""
        return self.root / "logs"

    def write_note(self, note: RunNote) -> None:
        """Given what the run is, write it down, and make it findable while we live."""
        temporary = self.root / f".{NOTE_FILE}"
        temporary.write_bytes(orjson.dumps(note.model_dump(), option=orjson.OPT_INDENT_2))
        temporary.replace(self.root / NOTE_FILE)
        if self._pointer is None:
            pointer = _pointers() / str(note.pid)
            with contextlib.suppress(OSError):
                pointer.unlink(missing_ok=True)
                pointer.symlink_to(self.root)
                self._pointer = pointer

    def close(self, *, failed: bool) -> bool:
        """Give the folder free; a fresh one is removed unless something failed. Return whether it is still there."""
        if self._pointer is not None:
            self._pointer.unlink(missing_ok=True)
        if self.kept or failed:
            self._unlock()
            return True
        shutil.rmtree(self.root, ignore_errors=True)
        self._unlock()
        return False

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()


def open_folder(folder: Path | None) -> RunFolder:
    """Given a folder to keep and resume, or None for a fresh temporary one, make it ours.

    Raise Complaint where another run has it or it cannot be used.
    """
    try:
        if folder is None:
            root = Path(tempfile.mkdtemp(prefix="quantum-up-"))
        else:
            root = folder.expanduser().resolve()
            root.mkdir(parents=True, exist_ok=True)
        lock = (root / LOCK_FILE).open("a")
        for part in ("redis", "exchange", "etc", "logs"):
            (root / part).mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise Complaint(f"--dir {folder}: cannot be used: {error.strerror}; choose another folder") from None
    if not _taken(lock):
        lock.close()
        raise Complaint(f"--dir {folder}: another quantum up runs there; stop it, or choose another folder")
    return RunFolder(root, kept=folder is not None, resumed=_read_note(root), _lock=lock)


def running() -> list[RunNote]:
    """Return the notes of this user's live runs, the newest first."""
    notes = []
    for pointer in list(_pointers().iterdir()):
        note = live_note(pointer)
        if note is not None:
            notes.append(note)
        else:
            pointer.unlink(missing_ok=True)  # of a run that was killed
    return sorted(notes, key=lambda note: note.started_ms, reverse=True)


def live_note(root: Path) -> RunNote | None:
    """Given a run's folder, return its note while the run lives."""
    try:
        with (root / LOCK_FILE).open("r") as lock:
            if _taken(lock):
                return None
    except OSError:
        return None
    return _read_note(root)


def _taken(lock: IO[str]) -> bool:
    """Try to take the lock; return whether it is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read_note(root: Path) -> RunNote | None:
    try:
        return RunNote.model_validate_json((root / NOTE_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def _pointers() -> Path:
    """Return the folder where live runs of this user stand. Raise Complaint where somebody else owns it."""
    folder = Path(tempfile.gettempdir()) / f"quantum-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise Complaint(f"{folder}: belongs to somebody else; remove it, or set TMPDIR to a folder of your own")
    return folder
