"""Every check that the checklist can name has its section in the runbook, and no other has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from services.cli.health.check import Check, Level
from services.cli.health.shown import anchor
from services.cli.questions.causes import STOPPING

ROOT = Path(__file__).resolve().parents[4]


def named() -> Iterator[str]:
    """The name of every check that the code makes."""
    for path in (ROOT / "services" / "cli" / "health").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Check":
                assert isinstance(node.args[0], ast.Constant), path
                yield str(node.args[0].value)


def test_every_check_has_its_section_and_no_other_has() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    told = re.findall(r"^### Check (\w+)$", page, re.MULTILINE)
    assert len(told) == len(set(told))
    assert set(told) == set(named())
    assert anchor(Check("drift", "", Level.OK, "")) == "docs/runbook.md#check-drift"


def test_what_why_takes_from_the_checklist_is_there() -> None:
    assert STOPPING.keys() <= set(named())
