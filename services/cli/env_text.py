"""The text of an env file: one key's value in its line, all else as it stands; and an upgrade that adds what is new."""

import re
from collections.abc import Mapping

from quantum_common.env_file import lines_of

_KEY = re.compile(r"\s*#?\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=")


def active(text: str) -> dict[str, str]:
    """Given a file's text, return the keys that are set in it, with their values as a service reads them."""
    return {line.key: line.value for line in lines_of(text) if line.key}


def mentioned(text: str) -> set[str]:
    """Given a file's text, return every key in it, set or shown in a comment."""
    return {found[1] for line in text.splitlines() if (found := _KEY.match(line))}


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Given a file's text, return it with these keys set, one after the other. Raise ValueError as `with_value`."""
    for key, value in values.items():
        text = with_value(text, key, value)
    return text


def with_value(text: str, key: str, value: str) -> str:
    """Given an env file's text, return it with a key set: in its line, quotes and the comment behind it kept; else in
    the place of the line that shows its default; else at the end. Raise ValueError where the line cannot be changed."""
    lines = text.splitlines(keepends=True)
    standing = [number for number, line in enumerate(lines) if re.match(rf"\s*(?:export\s+)?{key}\s*=", line)]
    if len(standing) > 1:
        raise ValueError(f"{key} is set twice")
    if standing:
        lines[standing[0]] = _changed(lines[standing[0]], key, value)
        return "".join(lines)
    shown = next((number for number, line in enumerate(lines) if re.match(rf"#\s*{key}=", line)), None)
    if shown is not None:
        lines[shown] = f"{key}={value}\n"
        return "".join(lines)
    return text + ("" if text.endswith("\n") or not text else "\n") + f"{key}={value}\n"


def _changed(line: str, key: str, value: str) -> str:
    found = re.fullmatch(
        r"(?P<head>[^=]*=\s*)(?P<quote>[\"']?)(?P<old>[^\"'#\n]*?)(?P=quote)(?P<tail>\s*(?:#.*)?\n?)", line
    )
    if found is None:
        raise ValueError(f"the line of {key} is not one that can be changed without guessing: {line.strip()!r}")
    return f"{found['head']}{found['quote']}{value}{found['quote']}{found['tail']}"


def with_news(text: str, shipped: str) -> tuple[str, list[str]]:
    """Given an edited file and the one that is shipped now, return it with the paragraphs of keys that it lacks, as
    comments, and those keys."""
    known = mentioned(text)
    paragraphs = [part for part in re.split(r"\n\s*\n", shipped.strip()) if mentioned(part) - known]
    if not paragraphs:
        return text, []
    news = [key for part in paragraphs for key in sorted(mentioned(part) - known)]
    commented = "\n\n".join("\n".join(_as_comment(line) for line in part.splitlines()) for part in paragraphs)
    return f"{text.rstrip()}\n\n# New since this file was edited:\n\n{commented}\n", news


def _as_comment(line: str) -> str:
    return line if line.startswith("#") or not line.strip() else f"#{line}"
