"""A plan of steps: each says what it would do to one path, and does it when asked."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from services.cli.deploy.host import tell
from services.cli.deploy.place import Place
from services.cli.whole_file import write_whole


class Mark(StrEnum):
    """How a step is shown."""

    ADD = "+"
    CHANGE = "~"
    REMOVE = "-"
    KEEP = "="
    NOTE = "!"


class Kind(StrEnum):
    """What a path is: OURS goes with `uninstall`, CONFIG and SECRET stay until `--purge`."""

    OURS = "ours"
    CONFIG = "config"
    SECRET = "secret"  # noqa: S105 - a kind of file


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the plan. Without an act it only says something."""

    mark: Mark
    path: str
    words: str = ""
    act: Callable[[], None] | None = None

    def __str__(self) -> str:
        return f"{self.mark} {self.path}" + (f"  {self.words}" if self.words else "")


def take(steps: Iterable[Step], *, dry_run: bool) -> bool:
    """Given steps, show each and take it unless this is a dry run; return whether there was one to take."""
    doing = False
    for step in steps:
        tell(str(step))
        doing |= step.act is not None
        if step.act is not None and not dry_run:
            step.act()
    return doing


def digest(content: bytes) -> str:
    """Return the SHA-256 of some content."""
    return hashlib.sha256(content).hexdigest()


def file_step(place: Place, path: str, content: bytes, mode: int = 0o644, words: str = "") -> Iterator[Step]:
    """Given what a file must hold and its mode, return the step that makes it so, if one is needed."""
    there = place.at(path)
    if there.is_file() and not there.is_symlink():
        if there.read_bytes() != content:
            yield Step(Mark.CHANGE, path, words, lambda: write(there, content, mode))
        elif there.stat().st_mode & 0o777 != mode:
            yield Step(Mark.CHANGE, path, f"mode {mode:04o}", lambda: there.chmod(mode))
    else:
        yield Step(Mark.ADD, path, words, lambda: write(there, content, mode))


def link_step(place: Place, path: str, to: str) -> Iterator[Step]:
    """Given where a symbolic link must lead, return the step that makes it so, if one is needed."""
    there = place.at(path)
    if there.is_symlink() and os.readlink(there) == to:  # noqa: PTH115 - the text of the link, not what it leads to
        return
    mark = Mark.CHANGE if there.is_symlink() or there.exists() else Mark.ADD
    yield Step(mark, path, f"-> {to}", lambda: link(there, to))


def remove_step(place: Place, path: str, words: str = "", before: Callable[[], object] | None = None) -> Iterator[Step]:
    """Given a path that must not be there, return the step that removes it, if it is, and does something before."""
    there = place.at(path)

    def act() -> None:
        if before is not None:
            before()
        remove(there)

    if there.is_symlink() or there.exists():
        yield Step(Mark.REMOVE, path, words, act)


def write(path: Path, content: bytes, mode: int) -> None:
    """Write a file, in folders that are made where they are not there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    write_whole(path, content, mode)


def link(path: Path, to: str) -> None:
    """Make a symbolic link, in the place of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(to)
    fresh.replace(path)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
