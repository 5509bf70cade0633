"""The checklist for people and for programs."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.cli.health.check import Check, Level, fit

RUNBOOK = "docs/runbook.md"
STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.BAD: "bold red"}
ORDER = (Level.BAD, Level.WARN, Level.OK)
NAMED_MAX = 3


def anchor(check: Check) -> str:
    """Given a check, return where the runbook tells of it."""
    return f"{RUNBOOK}#check-{check.name}"


def verdict_words(checks: Sequence[Check]) -> str:
    """Given the checks, return the verdict in a line: GO or NO-GO, how many, and what is bad."""
    counts = Counter(check.level for check in checks)
    many = "check" if len(checks) == 1 else "checks"
    told = f"{len(checks)} {many}, {counts[Level.BAD]} bad, {counts[Level.WARN]} to look at"
    bad = [f"{check.name} {check.subject}".strip() for check in checks if check.level is Level.BAD]
    named = ", ".join(bad[:NAMED_MAX]) + (f" and {len(bad) - NAMED_MAX} more" if len(bad) > NAMED_MAX else "")
    return f"GO: {told}" if fit(checks) else f"NO-GO: {named} ({told})"


def picture(checks: Sequence[Check], now_ms: int, source: str) -> RenderableType:
    """Given the checks, return them as people read them: what is bad first, each with what to do, the verdict last."""
    clock = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    style = "bold green" if fit(checks) else "bold red"
    words = verdict_words(checks)
    table = Table.grid(padding=(0, 1))
    for _ in ("level", "name", "figure"):
        table.add_column(overflow="fold")
    for level in ORDER:
        for check in checks:
            if check.level is level:
                _rows(table, check)
    return Group(Text.assemble((words, style), (f"  {source}  {clock}", "dim")), table, Text(words, style))


def _rows(table: Table, check: Check) -> None:
    name = Text(check.name)
    if check.subject:
        name.append(f" {check.subject}", "bold")
    limit = f"  limit {check.limit}" if check.limit else ""
    figure = Text.assemble(check.figure, (limit, "dim"), overflow="ellipsis", no_wrap=check.level is Level.OK)
    table.add_row(Text(f"{check.level:<4}", STYLES[check.level]), name, figure)
    if check.words:
        todo = Text.assemble((f"→ {check.words}", STYLES[check.level]), (f"  {anchor(check)}", "dim"))
        table.add_row("", "", todo)


def as_object(checks: Sequence[Check], now_ms: int) -> dict[str, Any]:
    """Given the checks, return the JSON object."""
    counts = Counter(check.level for check in checks)
    return {
        "verdict": "GO" if fit(checks) else "NO-GO",
        "ts_ms": now_ms,
        "counts": {level.lower(): counts[level] for level in Level},
        "checks": [
            {
                "name": check.name,
                "subject": check.subject,
                "level": check.level,
                "figure": check.figure,
                "limit": check.limit,
                "words": check.words,
                "runbook": anchor(check),
            }
            for check in checks
        ],
    }
