"""What the command line of `quantum alerts` may say."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line said: the run's folder, and channels in place of those of the settings."""

    folder: Path | None = None
    webhook_file: Path | None = None
    command: str = ""
