"""The keys of each file: lines that are none, keys that nobody knows, that stand twice, or in another's file."""

import difflib
from collections.abc import Iterator

from quantum_common.env_file import Line
from quantum_common.settings import COMMON_FILE, LIVE_CONFIRM
from services.cli.config.finding import Finding, Level, at, in_file
from services.cli.config.folder import COMMON_KEYS, MODELS, ConfigFolder, file_of, home_of, known_keys

READ_BY_UNITS = frozenset({"paper-exchange.env"})  # by systemd itself, for the command line of a unit
OTHER_READER_KEYS = "nothing reads this file; its keys are not in force"


def key_findings(folder: ConfigFolder) -> Iterator[Finding]:
    """Given a folder, yield what is wrong with the keys of its files, whatever their values are."""
    readers = {COMMON_FILE: COMMON_KEYS} | {
        file_of(name): frozenset(field.upper() for field in model.model_fields) for name, model in MODELS.items()
    }
    for file, lines in folder.files.items():
        if file in READ_BY_UNITS:
            continue
        known = readers.get(file)
        if known is None:
            near = difflib.get_close_matches(file, readers, n=1)
            hint = f"did you mean {near[0]}?" if near else "remove it"
            yield in_file(folder.path / file, "", OTHER_READER_KEYS, hint, Level.WARNING)
        else:
            yield from _of_file(lines, known)


def _of_file(lines: tuple[Line, ...], known: frozenset[str]) -> Iterator[Finding]:
    first: dict[str, Line] = {}
    for line in lines:
        if line.problem:
            yield at(line, line.problem, "write KEY=VALUE, or begin the line with #")
        elif line.key not in known:
            yield at(line, *_unknown(line.key, known))
        elif line.key in first:
            yield at(line, f"set twice, first at line {first[line.key].number}", "keep one of them")
        elif line.key == LIVE_CONFIRM and line.path.name != COMMON_FILE:
            yield at(line, f"is taken from {COMMON_FILE} alone", "move it there")
        first.setdefault(line.key, line)


def _unknown(key: str, known: frozenset[str]) -> tuple[str, str]:
    """Given a key that its file does not know, return what is wrong and what to do."""
    home = home_of(key)
    if home:
        return f"is a key of {home}, and here nothing reads it", f"move it to {home}"
    near = difflib.get_close_matches(key, known, n=1) or difflib.get_close_matches(key, list(known_keys()), n=1)
    if not near:
        return "unknown key", "remove it"
    file = "" if near[0] in known else f" of {home_of(near[0])}"
    return "unknown key", f"did you mean {near[0]}{file}?"
