"""The verbs that are about the governor: the trading state, its formulas, its verdicts, and recordings."""

from pathlib import Path
from typing import Annotated

import typer

from quantum_common.state import TradingState
from services.cli.formula_check import run_check
from services.cli.options import parse_duration
from services.cli.trading_state import run_flatten, run_state

governor_app = typer.Typer(help="Check the cutoffs, explain a verdict, or try other settings.", no_args_is_help=True)

RunDir = Annotated[Path | None, typer.Option("--dir", metavar="DIR", help="The run in this folder.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in governor.events.")]


def register(app: typer.Typer) -> None:
    """Given the `quantum` command, add the verbs to it."""
    app.command()(halt)
    app.command()(reduce)
    app.command()(resume)
    app.command()(flatten)
    app.add_typer(governor_app, name="governor")


def halt(reason: Reason, dir_: RunDir = None) -> None:
    """Stop everything, exits too: the trading state becomes HALTED."""
    raise typer.Exit(run_state("halt", TradingState.HALTED, reason, dir_))


def reduce(reason: Reason, dir_: RunDir = None) -> None:
    """Let only exits pass: the trading state becomes REDUCING."""
    raise typer.Exit(run_state("reduce", TradingState.REDUCING, reason, dir_))


def resume(reason: Reason, dir_: RunDir = None) -> None:
    """Let entries pass again: the trading state becomes ACTIVE. Nothing but this ever does it."""
    raise typer.Exit(run_state("resume", TradingState.ACTIVE, reason, dir_))


def flatten(
    reason: Reason,
    wait: Annotated[str, typer.Option(metavar="TIME", help="How long to wait until all is flat.")] = "60s",
    dir_: RunDir = None,
) -> None:
    """Close every position through the chain, and let no entry pass: the trading state becomes REDUCING."""
    raise typer.Exit(run_flatten(reason, parse_duration(wait), dir_))


@governor_app.command("check")
def check(dir_: RunDir = None) -> None:
    """Evaluate the cutoffs on every corner: where they are undefined, and where they run the wrong way."""
    raise typer.Exit(run_check(dir_))
