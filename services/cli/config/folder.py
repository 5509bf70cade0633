"""A folder of env files as it stands on the disk: which files there are, whose they are, and what their lines say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from quantum_common.env_file import Line, lines
from quantum_common.settings import COMMON_FILE, CommonSettings
from services.cli.complaint import Complaint
from services.cli.reference import PROGRAMS

CLI = "cli"
MODELS: dict[str, type[CommonSettings]] = {**PROGRAMS, CLI: CommonSettings}
COMMON_KEYS = frozenset(name.upper() for name in CommonSettings.model_fields)


@dataclass(frozen=True, slots=True)
class ConfigFolder:
    """The env files of a folder, by name; one that is missing has no lines."""

    path: Path
    files: Mapping[str, tuple[Line, ...]]

    def of(self, service: str) -> dict[str, Line]:
        """Given a service, return the line that is in force for each key that its files set: its own file wins over
        common.env, and an empty value counts as not set."""
        found: dict[str, Line] = {}
        for file in (COMMON_FILE, file_of(service)):
            found |= {line.key: line for line in self.files.get(file, ()) if line.key}
        return {key: line for key, line in found.items() if line.value}

    def file(self, service: str) -> Path:
        """Return the path of a service's own file."""
        return self.path / file_of(service)


def file_of(service: str) -> str:
    """Given a service, return the name of its env file."""
    return f"{service}.env"


def home_of(key: str) -> str:
    """Given a known key, return the file that it belongs in; an empty string for an unknown one."""
    if key in COMMON_KEYS:
        return COMMON_FILE
    homes = (file_of(name) for name, model in MODELS.items() if key.lower() in model.model_fields)
    return next(homes, "")


def known_keys() -> Iterator[str]:
    """Yield every key of every file."""
    for model in MODELS.values():
        yield from (name.upper() for name in model.model_fields)


def read_folder(path: Path) -> ConfigFolder:
    """Given a folder, read every env file in it. Raise Complaint where it is none, or a file cannot be read."""
    if not path.is_dir():
        raise Complaint(f"{path}: no such folder; name the folder of common.env by --dir, or set QUANTUM_CONFIG_DIR")
    names = sorted(one.name for one in path.glob("*.env"))
    if COMMON_FILE not in names:
        raise Complaint(f"{path}: holds no {COMMON_FILE}; name the folder of the env files by --dir")
    return ConfigFolder(path, {name: _read(path / name) for name in names})


def _read(path: Path) -> tuple[Line, ...]:
    try:
        return tuple(lines(path))
    except OSError as error:
        raise Complaint(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Complaint(f"{path}: cannot be read: it is not UTF-8 text") from None
