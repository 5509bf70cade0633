"""The verbs that are about the governor: the trading state, its formulas, its verdicts, and recordings."""

from pathlib import Path
from typing import Annotated

import typer

from quantum_common.state import TradingState
from services.cli.completion import plans
from services.cli.explain import run_explain
from services.cli.formula_check import run_check
from services.cli.options import parse_duration
from services.cli.record_command import run_record
from services.cli.shared_options import DryRun, RunDir
from services.cli.trading_state import run_flatten, run_state
from services.cli.whatif import run_whatif

governor_app = typer.Typer(help="Check the cutoffs, explain a verdict, or try other settings.", no_args_is_help=True)

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in governor.events.")]


def register(app: typer.Typer) -> None:
    """Given the `quantum` command, add the verbs to it."""
    app.command()(halt)
    app.command()(reduce)
    app.command()(resume)
    app.command()(flatten)
    app.command()(record)
    app.add_typer(governor_app, name="governor")


def halt(reason: Reason, dir_: RunDir = None, dry_run: DryRun = False) -> None:  # noqa: FBT002
    """Stop everything, exits too: the trading state becomes HALTED."""
    raise typer.Exit(run_state("halt", TradingState.HALTED, reason, dir_, dry_run=dry_run))


def reduce(reason: Reason, dir_: RunDir = None, dry_run: DryRun = False) -> None:  # noqa: FBT002
    """Let only exits pass: the trading state becomes REDUCING."""
    raise typer.Exit(run_state("reduce", TradingState.REDUCING, reason, dir_, dry_run=dry_run))


def resume(reason: Reason, dir_: RunDir = None, dry_run: DryRun = False) -> None:  # noqa: FBT002
    """Let entries pass again: the trading state becomes ACTIVE. Nothing but this ever does it."""
    raise typer.Exit(run_state("resume", TradingState.ACTIVE, reason, dir_, dry_run=dry_run))


def flatten(
    reason: Reason,
    wait: Annotated[str, typer.Option(metavar="TIME", help="How long to wait until all is flat.")] = "60s",
    dir_: RunDir = None,
    dry_run: DryRun = False,  # noqa: FBT002
) -> None:
    """Close every position through the chain, and let no entry pass: the trading state becomes REDUCING."""
    raise typer.Exit(run_flatten(reason, parse_duration("--wait", wait), dir_, dry_run=dry_run))


def record(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the recording is, or begins.")],
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="Stop after that long: 90s, 10m, 2h.")] = "",
    dir_: RunDir = None,
) -> None:
    """Keep the streams before they are trimmed, and the minute bars; goes on where the recording ended."""
    raise typer.Exit(run_record(to, parse_duration("--for", for_) if for_ else None, dir_))


@governor_app.command("check")
def check(dir_: RunDir = None) -> None:
    """Evaluate the cutoffs on every corner: where they are undefined, and where they run the wrong way."""
    raise typer.Exit(run_check(dir_))


Recording = Annotated[Path | None, typer.Option("--from", metavar="DIR", help="A recording, in place of the streams.")]


@governor_app.command("explain")
def explain(
    plan_id: Annotated[str, typer.Argument(help="The plan, as it stands in apply.plan.", autocompletion=plans)],
    from_: Recording = None,
    dir_: RunDir = None,
) -> None:
    """Show every number that went into the governor's verdict on a plan, and make the verdict again."""
    raise typer.Exit(run_explain(plan_id, from_, dir_))


@governor_app.command("whatif")
def whatif(
    since: Annotated[str, typer.Option(metavar="TIME", help="How far back: 90s, 10m, 24h.")] = "24h",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A key of governor.env; repeatable.")
    ] = None,
    from_: Recording = None,
    dir_: RunDir = None,
) -> None:
    """Decide recorded plans again under other settings, and show what would have passed."""
    raise typer.Exit(run_whatif(parse_duration("--since", since), set_ or (), from_, dir_))
