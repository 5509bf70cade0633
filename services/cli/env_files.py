"""The env files of one run: a copy of the ones that were shipped, with what this run needs set.

The keys that tie the run together (`OURS`) are the run's own: the caller's environment cannot move one daemon to
another Redis or another exchange. Every other key of the environment wins over the files, as it does under systemd.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from quantum_common.settings import DEFAULT_CONFIG_DIR
from services.cli.complaint import Complaint
from services.cli.env_text import with_values

SHIPPED = Path(__file__).resolve().parents[2] / "etc" / "quantum"
FILES = ("common", "ai-engine", "intent-bridge", "governor", "intent-executor", "position-state-brain", "cli", "alerts")

OURS = frozenset(
    {
        "QUANTUM_ENV",
        "QUANTUM_CONFIG_DIR",
        "QUANTUM_REDIS_URL",
        "QUANTUM_REDIS_USER",
        "QUANTUM_REDIS_PASSWORD_FILE",
        "QUANTUM_PAPER_URL",
        "QUANTUM_API_KEY_FILE",
        "QUANTUM_API_SECRET_FILE",
    }
)

Values = Mapping[str, Mapping[str, str]]


def shipped_folder() -> Path | None:
    """Return where the shipped env files are: beside the code in a checkout, with an installed package, else on this
    machine; None where nowhere."""
    for folder in (SHIPPED, Path(sys.prefix) / "share" / "quantum" / "etc" / "quantum", DEFAULT_CONFIG_DIR):
        if (folder / "common.env").is_file():
            return folder
    return None


def write_env_files(folder: Path, values: Values) -> None:
    """Given the run's folder and the keys to set in each file, write all env files. Raise Complaint where it fails."""
    base = shipped_folder()
    try:
        for name in FILES:
            path = base / f"{name}.env" if base is not None else None
            text = path.read_text(encoding="utf-8") if path is not None and path.is_file() else ""
            (folder / f"{name}.env").write_text(with_values(text, values.get(name, {})), encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Complaint(f"{folder}: the settings of this run cannot be written: {error}") from None


def write_secret(path: Path, secret: str) -> Path:
    """Given a path and a secret, write it so that only we can read it, and return the path."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(secret + "\n")
    return path


def child_environment(folder: Path, environ: Mapping[str, str] | None = None) -> tuple[dict[str, str], list[str]]:
    """Given the folder of the env files, return the environment of the daemons, and which keys of ours were ignored."""
    given = os.environ if environ is None else environ
    ignored = sorted(key for key in OURS if given.get(key))
    kept = {key: value for key, value in given.items() if key not in OURS and key != "NOTIFY_SOCKET"}
    return {**kept, "QUANTUM_CONFIG_DIR": str(folder), "PYTHONUNBUFFERED": "1"}, ignored
