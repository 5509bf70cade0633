"""`python -m services.cli.man_pages DIR`: write the manual pages from the command itself, so that they cannot be wrong.

One page for `quantum`, one for each of its verbs: `man quantum`, `man quantum-allowlist`. What a verb does, its options
and their defaults are those that `--help` shows.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from quantum_common.settings import EXIT_CONFIG
from services.cli.__main__ import app
from services.cli.options import EXIT_USAGE

SECTION = "1"
STATUSES = {
    0: "All is well, or what was asked for was done.",
    1: "The answer is a bad one (something is wrong, not flat yet, NO-GO), or Redis or the exchange did not do it.",
    EXIT_USAGE: "The command was not understood.",
    EXIT_CONFIG: "A setting is wrong, or a file cannot be read; one line says which.",
    130: "Ended by Ctrl-C.",
}
KINDS = {
    "str": "TEXT",
    "int": "NUMBER",
    "int range": "NUMBER",
    "float": "NUMBER",
    "float range": "NUMBER",
    "path": "PATH",
}
FILES = {
    "/etc/quantum": "The env files: common.env, and one for each service. cli.env is for this command.",
    "/etc/quantum/api-key, /etc/quantum/api-secret": "Key and secret of the exchange, mode 0600.",
}
ENVIRONMENT = {
    "QUANTUM_CONFIG_DIR": "The folder of the env files, in place of /etc/quantum.",
    "NO_COLOR": "Set to anything: no colours.",
}


def pages() -> dict[str, str]:
    """Return every manual page by its file's name."""
    root: Any = typer.main.get_command(app)
    found = {f"quantum.{SECTION}": _root_page(root)}
    for name, command in sorted(root.commands.items()):
        found[f"quantum-{name}.{SECTION}"] = _verb_page(name, command)
    return found


def _root_page(root: Any) -> str:
    lines = [*_head("quantum", str(root.help)), ".SH SYNOPSIS", ".B quantum", ".I VERB", "[options]"]
    lines += [".SH DESCRIPTION", *_text(str(root.help)), ".SH VERBS"]
    for name, command in sorted(root.commands.items()):
        lines += _tagged(f"\\fB{_escaped(name)}\\fR", f"{_first(command)} See quantum-{name}({SECTION}).")
    lines += [".SH OPTIONS", *_options(root)]
    return _closed(lines, [f"quantum-{name}" for name in sorted(root.commands)])


def _verb_page(name: str, command: Any) -> str:
    """Given a verb, return its page; a family's page has a part for each verb of its own."""
    lines = [*_head(f"quantum-{name}", _first(command)), ".SH SYNOPSIS"]
    inner: Mapping[str, Any] = getattr(command, "commands", {})
    alone = not inner or getattr(command, "invoke_without_command", False)
    lines += _synopsis(name, command) if alone else []
    for part, verb in sorted(inner.items()):
        lines += [*([".br"] if lines[-1] != ".SH SYNOPSIS" else []), *_synopsis(f"{name} {part}", verb)]
    lines += [".SH DESCRIPTION", *_text(str(command.help or ""))]
    if alone:
        lines += [".SH OPTIONS", *_options(command)]
    for part, verb in sorted(inner.items()):
        lines += [f".SH {_escaped(f'{name} {part}'.upper())}", *_text(str(verb.help or "")), *_options(verb)]
    return _closed(lines, ["quantum"])


def _head(name: str, words: str) -> list[str]:
    short = words.splitlines()[0].rstrip(".")
    return [
        f".TH {name.upper()} {SECTION}",
        ".SH NAME",
        f"{_escaped(name)} \\- {_escaped(short[0].lower() + short[1:])}",
    ]


def _closed(lines: list[str], others: list[str]) -> str:
    """Given a page so far and what else there is to read, return the page with what every one ends with."""
    lines = [*lines, ".SH EXIT STATUS"]
    for status, words in STATUSES.items():
        lines += _tagged(f"\\fB{status}\\fR", words)
    for title, entries in (("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT)):
        lines.append(f".SH {title}")
        for name, words in entries.items():
            lines += _tagged(f"\\fI{_escaped(name)}\\fR", words)
    lines += [".SH SEE ALSO", " ,\n".join(f".BR {_escaped(other)} ({SECTION})" for other in others)]
    return "\n".join(lines) + "\n"


def _synopsis(words: str, command: Any) -> list[str]:
    """Return how a verb is called: its arguments, what it must be given, and that there are options."""
    parts = [f"\\fBquantum {_escaped(words)}\\fR"]
    for one in command.params:
        if one.param_type_name == "argument":
            name = _escaped(one.metavar or one.name.strip("_").upper())
            parts.append(f"\\fI{name}\\fR" if one.required else f"[\\fI{name}\\fR]")
        elif one.required:
            parts.append(f"\\fB{_escaped(one.opts[0])}\\fR \\fI{_escaped(_value(one, command))}\\fR")
    return [" ".join([*parts, "[options]"])]


def _options(command: Any) -> Iterator[str]:
    for one in command.params:
        if one.param_type_name == "argument":
            title = f"\\fI{_escaped(one.metavar or one.name.strip('_').upper())}\\fR"
        else:
            names = ", ".join(f"\\fB{_escaped(name)}\\fR" for name in one.opts)
            title = names if one.is_flag else f"{names} \\fI{_escaped(_value(one, command))}\\fR"
        yield from _tagged(title, f"{one.help or ''}{_default(one)}")
    yield from _tagged("\\fB\\-\\-help\\fR", "Show this in short.")


def _value(option: Any, command: Any) -> str:
    """Given an option and its verb, return what stands for its value."""
    if option.metavar:
        return str(option.metavar)
    kind = str(option.display_type(typer.Context(command))).strip("<>")
    return kind if "|" in kind else KINDS[kind.lower()]


def _default(option: Any) -> str:
    shown = getattr(option.default, "value", option.default)
    if option.param_type_name == "argument" or option.is_flag or shown in {None, "", 0} or callable(shown):
        return ""
    return f" Default: {shown}."


def _tagged(title: str, words: str) -> list[str]:
    return [".TP", title, *_text(words)]


def _text(words: str) -> list[str]:
    """Given words of a docstring, return them as lines of a page: a blank line begins a paragraph."""
    lines = [line.strip() for line in words.replace("\b", "").splitlines()]
    return [_escaped(line) if line else ".PP" for line in lines] or [""]


def _escaped(text: str) -> str:
    """Given plain text, return it so that nothing in it is an instruction to the formatter."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe


def _first(command: Any) -> str:
    """Return a verb's first sentence."""
    words = " ".join(str(command.help or "").split())
    return words.partition(". ")[0].rstrip(".") + "."


def main() -> None:
    """Write the pages into the folder that is named."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "man")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(pages())} pages in {folder}; read one by: man -l {folder}/quantum.{SECTION}\n")


if __name__ == "__main__":
    main()
