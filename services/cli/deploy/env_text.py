"""The text of an env file: keys set in place, and an upgrade that adds what is new and leaves what was edited."""

import re
from collections.abc import Mapping

_KEY = re.compile(r"\s*(#?)\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)")


def active(text: str) -> dict[str, str]:
    """Given a file's text, return the keys that are set in it."""
    return {found[2]: found[3].strip() for line in text.splitlines() if (found := _KEY.match(line)) and not found[1]}


def mentioned(text: str) -> set[str]:
    """Given a file's text, return every key in it, set or shown in a comment."""
    return {found[2] for line in text.splitlines() if (found := _KEY.match(line))}


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Given a file's text, return it with these keys set: where they are set, else where a comment shows them, else at
    the end."""
    lines, left = text.splitlines(), dict(values)
    for commented in ("", "#"):
        for index, line in enumerate(lines):
            found = _KEY.match(line)
            if found and found[1] == commented and found[2] in left:
                lines[index] = f"{found[2]}={left.pop(found[2])}"
    return "\n".join([*lines, *(f"{key}={value}" for key, value in left.items())]) + "\n"


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
