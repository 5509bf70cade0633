"""The verbs that are about the env files."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.completion import symbols
from services.cli.config.allowlist import Options, run_add, run_remove, run_show
from services.cli.config.check import run_check
from services.cli.shared_options import DryRun, Json

allowlist_app = typer.Typer(
    help="Show the symbols that may be traded, or change every list at once.", no_args_is_help=True
)
config_app = typer.Typer(help="Check the env files of a pipeline.", no_args_is_help=True)

ConfigDir = Annotated[
    Path | None, typer.Option("--dir", "--config", metavar="DIR", help="This folder of env files, or of a run.")
]


def register(app: typer.Typer) -> None:
    """Given the `quantum` command, add the verbs to it."""
    app.add_typer(config_app, name="config")
    app.add_typer(allowlist_app, name="allowlist")


@config_app.command("check")
def check(
    dir_: ConfigDir = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither the exchange nor Redis.")] = False,  # noqa: FBT002
    json: Json = False,  # noqa: FBT002
) -> None:
    """Say everything that is wrong with the env files, by file and line, and write nothing. Exit 0 where no error is
    found, 1 where one is, 78 where they cannot be read."""
    raise typer.Exit(run_check(dir_, offline=offline, as_json=json))


Symbols = Annotated[list[str], typer.Argument(metavar="SYMBOL...", help="Such as BTCUSDT.", autocompletion=symbols)]
Engine = Annotated[bool, typer.Option("--engine", help="AI_SYMBOLS too, which the engine reads at its start.")]
Reload = Annotated[bool, typer.Option("--reload", help="Have the services concerned take it up at once.")]


@allowlist_app.command("show")
def allowlist_show(
    dir_: ConfigDir = None,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show the lists side by side, with positions and the exchange's word; exit 1 where the lists differ."""
    raise typer.Exit(run_show(dir_, as_json=json))


@allowlist_app.command("add")
def allowlist_add(
    symbol: Symbols,
    engine: Engine = False,  # noqa: FBT002
    dry_run: DryRun = False,  # noqa: FBT002
    reload: Reload = False,  # noqa: FBT002
    force: Annotated[bool, typer.Option("--force", help="Even one that the exchange does not trade.")] = False,  # noqa: FBT002
    dir_: ConfigDir = None,
) -> None:
    """Add symbols to every allowlist; all files change, or none does."""
    raise typer.Exit(run_add(symbol, dir_, Options(engine=engine, force=force, dry_run=dry_run, reload=reload)))


@allowlist_app.command("remove")
def allowlist_remove(
    symbol: Symbols,
    engine: Engine = False,  # noqa: FBT002
    dry_run: DryRun = False,  # noqa: FBT002
    reload: Reload = False,  # noqa: FBT002
    force: Annotated[bool, typer.Option("--force", help="Even where the engine forgets a position.")] = False,  # noqa: FBT002
    dir_: ConfigDir = None,
) -> None:
    """Take symbols off every allowlist; all files change, or none does. One with a position becomes close-only."""
    raise typer.Exit(run_remove(symbol, dir_, Options(engine=engine, force=force, dry_run=dry_run, reload=reload)))
