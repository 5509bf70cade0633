"""The files beside the settings: keys and passwords that nobody else may read, env files that nobody else may write."""

import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from quantum_common.exchange.addresses import require_fitting_key
from quantum_common.settings import CommonSettings, SettingsError, read_secret
from services.cli.config.edit import HALF
from services.cli.config.finding import Finding, Level, at, in_file
from services.cli.config.folder import CLI, ConfigFolder

TRADERS = ("position-state-brain", "intent-executor")
KEY, SECRET = "quantum_api_key_file", "quantum_api_secret_file"
LOADED = {KEY: "api-key", SECRET: "api-secret"}  # where the units load them from, where no setting names another file
ROOT = 0


def file_findings(folder: ConfigFolder, values: Mapping[str, CommonSettings]) -> Iterator[Finding]:
    """Given a folder and the settings in it, yield what is wrong with modes, owners and contents of the files."""
    yield from _env_files(folder)
    for half in sorted(folder.path.glob(f"*{HALF}")):
        problem = "a change of several files was cut off here; it is not in force, and the other files may have theirs"
        yield in_file(half, "", problem, "make the same change again, or delete this file")
    for service in TRADERS:
        yield from _keys(folder, service, values[service])
    for service, settings in values.items():
        for name, field in type(settings).model_fields.items():
            path = getattr(settings, name, None)
            if "mode 0600" in (field.description or "") and name not in LOADED and isinstance(path, Path):
                yield from _secret(folder, service, name, path)


def _env_files(folder: ConfigFolder) -> Iterator[Finding]:
    """Whoever can write an env file can point the pipeline at another Redis, account or size."""
    for path in (folder.path, *(folder.path / name for name in folder.files)):
        mode = path.stat().st_mode
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            who = "everybody" if mode & stat.S_IWOTH else "its group"
            yield in_file(path, "", f"mode {stat.S_IMODE(mode):04o}: {who} can write it", f"chmod go-w {path}")
        yield from _foreign(path)


def key_files(folder: ConfigFolder, settings: CommonSettings) -> tuple[Path, Path]:
    """Given a folder and settings, return where the API key is and where its secret."""
    key, secret = (getattr(settings, name) or folder.path / loaded for name, loaded in LOADED.items())
    return key, secret


def _keys(folder: ConfigFolder, service: str, settings: CommonSettings) -> Iterator[Finding]:
    paths = dict(zip(LOADED, key_files(folder, settings), strict=True))
    for name, path in paths.items():
        if getattr(settings, name) is None and not _there(path):
            problem = f"not set, and {path}, which the units load, is not there"
            yield in_file(folder.path / "common.env", name.upper(), problem, "give the path of a file with mode 0600")
        else:
            yield from _secret(folder, service, name, path)
    if paths[KEY] == paths[SECRET]:
        yield _at(folder, service, SECRET, f"{paths[KEY]} is the file of the key too", "give each a file of its own")
    try:
        require_fitting_key(settings.quantum_env, read_secret(paths[KEY], KEY.upper()))
    except SettingsError as error:
        if paths[KEY].exists() and str(error).startswith("settings: QUANTUM_API_KEY_FILE: "):
            problem = str(error).removeprefix("settings: QUANTUM_API_KEY_FILE: ")
            yield _at(folder, service, KEY, f"{paths[KEY]} {problem}")


def _secret(folder: ConfigFolder, service: str, name: str, path: Path) -> Iterator[Finding]:
    """Given a file that holds a secret, yield what keeps its service from reading it, or lets others read it."""
    key = name.upper()
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except PermissionError:
        me = pwd.getpwuid(os.geteuid()).pw_name
        yield _at(folder, service, name, f"{path} cannot be looked at as {me}", "ask as root", Level.WARNING)
        return
    except OSError as error:
        yield _at(folder, service, name, f"{path}: {error.strerror}", "make it, mode 0600, one line")
        return
    if mode & 0o077:
        problem = f"{path} has mode {stat.S_IMODE(mode):04o}: others can read it"
        yield _at(folder, service, name, problem, f"chmod 600 {path}; replace what it holds, if others were here")
    if not text.strip():
        yield _at(folder, service, name, f"{path} is empty", f"write the secret that {key} stands for into it")
    elif not text.isascii():
        yield _at(folder, service, name, f"{path} is not plain text", "one line of letters and digits")
    yield from _foreign(path)


def _foreign(path: Path) -> Iterator[Finding]:
    """A file that belongs to somebody other than root and us can be changed behind our back."""
    owner = path.stat().st_uid
    if owner not in {ROOT, os.geteuid()} and owner != path.parent.stat().st_uid:
        yield in_file(path, "", f"belongs to {_name(owner)}", f"chown root {path}", Level.WARNING)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True


def _at(
    folder: ConfigFolder, service: str, name: str, problem: str, remedy: str = "", level: Level = Level.ERROR
) -> Finding:
    line = folder.of(service).get(name.upper())
    if line is not None:
        return at(line, problem, remedy, level)
    home = folder.file(CLI) if service == CLI else folder.path / "common.env"
    return in_file(home, name.upper(), problem, remedy, level)
