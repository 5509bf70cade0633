"""The questions as verbs of the command line."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.health.command import run_health
from services.cli.options import parse_duration
from services.cli.questions.answer import Manner
from services.cli.questions.trace import run_trace
from services.cli.questions.why_command import run_why

RunDir = Annotated[Path | None, typer.Option("--dir", metavar="DIR", help="The run in this folder.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of the picture.")]
Watch = Annotated[bool, typer.Option("--watch", help="Ask again and again, until Ctrl-C.")]
Every = Annotated[str, typer.Option("--every", metavar="TIME", help="With --watch: how often.")]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="How far back: 90s, 10m, 24h.")]


def register(app: typer.Typer) -> None:
    """Given the `quantum` command, add the questions to it."""
    app.command()(health)
    app.command()(why)
    app.command()(trace)


def manner(folder: Path | None, as_json: bool, watch: bool, every: str) -> Manner:  # noqa: FBT001 - as typed
    """Given the options that all questions have, return how to answer."""
    return Manner(folder, as_json, parse_duration(every) if watch else None)


def health(
    since: Since = "10m",
    executions_min: Annotated[int, typer.Option(min=0, help="Executions that this time must show; 0: no limit.")] = 0,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
    watch: Watch = False,  # noqa: FBT002
    every: Every = "2s",
    dir_: RunDir = None,
) -> None:
    """Is it fit to trade? Every check with figure and limit, then GO (0) or NO-GO (1)."""
    raise typer.Exit(run_health(manner(dir_, json, watch, every), parse_duration(since), executions_min))


def why(
    symbol: Annotated[str | None, typer.Argument(help="One symbol; each where it is left out.")] = None,
    since: Since = "24h",
    json: Json = False,  # noqa: FBT002
    watch: Watch = False,  # noqa: FBT002
    every: Every = "2s",
    dir_: RunDir = None,
) -> None:
    """Why is it not trading? Entries and exits apart, with the value and the limit that decided."""
    raise typer.Exit(run_why(symbol, manner(dir_, json, watch, every), parse_duration(since)))


def trace(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A wish, plan, order, client order or trade.")],
    json: Json = False,  # noqa: FBT002
    watch: Watch = False,  # noqa: FBT002
    every: Every = "2s",
    dir_: RunDir = None,
) -> None:
    """Every hop of one wish with its time, from the intent to the ledger. The beginning of an id will do."""
    raise typer.Exit(run_trace(id_, manner(dir_, json, watch, every)))
