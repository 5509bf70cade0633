"""The manual pages have every verb and every option, and the formatter takes them without a word."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from services.cli import man_pages
from services.cli.__main__ import app

ROOT: Any = typer.main.get_command(app)
PAGES = man_pages.pages()


def verbs(command: Any, words: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb with its words, families and their own verbs too."""
    for name, one in getattr(command, "commands", {}).items():
        yield f"{words}{name}", one
        yield from verbs(one, f"{words}{name} ")


def plain(text: str) -> str:
    """A page without the formatter's escapes."""
    return re.sub(r"\\f[BIR]", "", text).replace("\\-", "-").replace("\\e", "\\").replace("\\&", "")


def page_of(words: str) -> str:
    return plain(PAGES[f"quantum-{words.split(' ', maxsplit=1)[0]}.1"])


VERBS = list(verbs(ROOT))


@pytest.mark.parametrize(("words", "command"), VERBS, ids=[words for words, _ in VERBS])
def test_every_verb_stands_on_its_page_with_every_option(words: str, command: Any) -> None:
    page = page_of(words)
    assert f"quantum {words}" in page or f".TH QUANTUM-{words.upper()} " in page
    for option in command.params:
        if option.param_type_name == "option":
            assert all(name in page for name in option.opts), option.opts
    assert " ".join(str(command.help).split())[:60] in " ".join(page.split())


def test_the_first_page_names_every_verb() -> None:
    assert {f"quantum-{name}(1)" for name in ROOT.commands} <= set(
        re.findall(r"quantum-[a-z-]+\(1\)", plain(PAGES["quantum.1"]))
    )


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_has_its_parts_in_order(page: str) -> None:
    parts = [line.removeprefix(".SH ") for line in page.splitlines() if line.startswith(".SH ")]
    assert parts[:3] == ["NAME", "SYNOPSIS", "DESCRIPTION"]
    assert parts[-4:] == ["EXIT STATUS", "FILES", "ENVIRONMENT", "SEE ALSO"]
    assert len(parts) == len(set(parts))


def test_the_formatter_takes_every_page(tmp_path: Path) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    subprocess.run([sys.executable, "-m", "services.cli.man_pages", str(tmp_path)], check=True, timeout=60)
    paths = sorted(map(str, tmp_path.iterdir()))
    assert len(paths) == len(PAGES)
    done = subprocess.run(
        [groff, "-man", "-Tutf8", "-ww", "-z", *paths], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_in_a_text_is_an_instruction_to_the_formatter() -> None:
    assert man_pages._text(".SH x\n'y\n\na\\b-c") == ["\\&.SH x", "\\&'y", ".PP", "a\\eb\\-c"]
