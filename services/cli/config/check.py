"""`quantum config check`: everything that is wrong with a folder of env files, in one run. Nothing is written."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from services.cli.config.agreement import ALLOWLISTS, UNIVERSE, agreement_findings, symbols_of
from services.cli.config.finding import Finding, Level, errors, in_file, in_order
from services.cli.config.folder import CLI, ConfigFolder, read_folder
from services.cli.config.key_rights import rights_findings
from services.cli.config.keys import key_findings
from services.cli.config.model_folder import model_findings
from services.cli.config.outside import NotAnswered, ask_listing, redis_findings, symbol_findings
from services.cli.config.place import config_folder
from services.cli.config.secret_files import file_findings
from services.cli.config.values import Read, read_values

VERB = "config check"


def run_check(place: Path | None, *, offline: bool, as_json: bool) -> int:
    """Given a folder, or None for the one in use, print what is wrong with it; return 1 where there is an error.

    Raise Complaint where it cannot be read.
    """
    folder = read_folder(config_folder(VERB, place))
    found = in_order(findings(folder, offline=offline))
    words = as_text(folder, found, offline=offline) if not as_json else orjson.dumps(as_object(folder, found)).decode()
    sys.stdout.write(words + "\n")
    return 1 if errors(found) else 0


def findings(folder: ConfigFolder, *, offline: bool) -> list[Finding]:
    """Given a folder, return everything that is wrong with it; offline, neither exchange nor Redis is asked."""
    read = read_values(folder)
    values, found = read.settings, list(read.findings)
    found += key_findings(folder)
    found += agreement_findings(folder, values)
    found += file_findings(folder, values)
    found += model_findings(folder, read)
    return found if offline else [*found, *_asked(folder, read)]


def _asked(folder: ConfigFolder, read: Read) -> Iterator[Finding]:
    """Yield what only the exchange and Redis know. Where settings are wrong none is asked: they may lead elsewhere."""
    if CLI not in read.sound:
        problem = "neither the exchange nor Redis was asked: what is wrong here may lead elsewhere"
        yield in_file(folder.path, "", problem, "mend it, and check again", Level.WARNING)
        return
    try:
        yield from symbol_findings(folder, read.settings, ask_listing(read.settings[CLI]))
        yield from rights_findings(folder, read)
    except NotAnswered as unanswered:
        problem = f"{unanswered}: whether it trades these symbols, and what the key may do, is not known"
        yield in_file(folder.path, "", problem, "start it and check again, or leave it out by --offline", Level.WARNING)
    yield from redis_findings(folder, read.settings[CLI])


def as_text(folder: ConfigFolder, found: list[Finding], *, offline: bool) -> str:
    """Given the findings, return them as lines for people, with a sum at the end."""
    count = Counter(one.level for one in found)
    keys = sum(bool(line.key) for lines in folder.files.values() for line in lines)
    size = f"{len(folder.files)} files, {keys} keys{_symbols(folder)}"
    verdict = ", ".join(f"{count[level]} {level}{'s' if count[level] != 1 else ''}" for level in Level if count[level])
    lines = [*map(str, found), f"{folder.path}: {size}: {verdict or 'nothing is wrong'}"]
    if offline:
        lines.append("the exchange and Redis were not asked (--offline)")
    return "\n".join(lines)


def as_object(folder: ConfigFolder, found: list[Finding]) -> dict[str, Any]:
    """Given the findings, return them as one JSON object."""
    rows = [
        {"level": one.level, "file": str(one.path), "line": one.line or None, "key": one.key, "problem": one.problem,
         "remedy": one.remedy}
        for one in found
    ]  # fmt: skip
    return {"folder": str(folder.path), "ok": not errors(found), "findings": rows}


def _symbols(folder: ConfigFolder) -> str:
    values = read_values(folder).settings
    symbols = {symbol for one in (UNIVERSE, *ALLOWLISTS) for symbol in symbols_of(values, one) or ()}
    return f", {len(symbols)} symbols" if symbols else ""
