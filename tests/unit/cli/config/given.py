"""A sound folder of env files with its keys, and ways to spoil it."""

import os
import shutil
from pathlib import Path

from services.cli.config.check import findings
from services.cli.config.finding import Finding
from services.cli.config.folder import read_folder

SHIPPED = Path(__file__).resolve().parents[4] / "etc" / "quantum"
PAPER_KEY = "paper-key-of-a-test"


def sound_folder(where: Path) -> Path:
    """Return a copy of the shipped files that a pipeline on paper could start with."""
    folder = where / "quantum"
    shutil.copytree(SHIPPED, folder)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for name, text in (("api-key", PAPER_KEY), ("api-secret", "secret")):
        (folder / name).write_text(text + "\n", encoding="utf-8")
        (folder / name).chmod(0o600)
    return folder


def add(folder: Path, file: str, *lines: str) -> int:
    """Put lines at the end of a file; return the number of the first."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\n".join(lines) + "\n", encoding="utf-8")
    return len(text.splitlines()) + 1


def put(folder: Path, file: str, key: str, value: str) -> int:
    """Set a key where it stands; return the number of its line."""
    path = folder / file
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next(number for number, line in enumerate(lines) if line.startswith(f"{key}="))
    lines[number] = f"{key}={value}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return number + 1


def found(folder: Path) -> list[Finding]:
    """Return what is wrong, nobody outside asked."""
    return findings(read_folder(folder), offline=True)


def told(folder: Path) -> set[str]:
    """Return the same as it is printed, with the folder's path left out."""
    return {str(one).replace(f"{folder}{os.sep}", "") for one in found(folder)}
