"""Writes a file whole: whoever reads it sees the old one or the new one, also after a crash."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Given a path, what the file must hold and its mode, put it there in one step; nobody sees a secret meanwhile.

    Raise OSError where that fails; the old file then stands.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")  # two who write at once must not take each other's
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Given a folder, bring to the disk which files it holds under which names."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
