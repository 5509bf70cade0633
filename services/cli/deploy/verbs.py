"""The verbs that put Quantum on a machine under systemd, and take it off."""

from pathlib import Path
from typing import Annotated

import typer

from quantum_common.settings import Environment
from services.cli.complaint import Complaint
from services.cli.deploy.deploy_command import run_deploy
from services.cli.deploy.place import PREFIX, Place
from services.cli.deploy.uninstall_command import run_uninstall
from services.cli.deploy.wishes import Wishes
from services.cli.options import EXIT_USAGE, Profile, parse_names, parse_redis
from services.cli.shared_options import DryRun

Root = Annotated[Path | None, typer.Option(metavar="DIR", help="Install into this image instead of this machine.")]
Prefix = Annotated[str, typer.Option(metavar="PATH", help="Folder of the code and its packages.")]


def register(app: typer.Typer) -> None:
    """Given the `quantum` command, add the verbs to it."""
    app.command()(deploy)
    app.command()(uninstall)


def deploy(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command line
    root: Root = None,
    prefix: Prefix = PREFIX,
    env: Annotated[
        Environment | None, typer.Option(help="Where orders go. A first installation goes to paper.")
    ] = None,
    redis: Annotated[
        str, typer.Option(metavar="URL", help="A Redis that runs already, instead of a unit of our own.")
    ] = "",
    redis_server: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The server that our unit runs, such as /usr/bin/redis-server.")
    ] = None,
    symbols: Annotated[str, typer.Option(help="What is traded, in all four lists: BTCUSDT,ETHUSDT.")] = "",
    profile: Annotated[
        Profile | None, typer.Option(help="explore (the default on paper): without the edge gate; trade: every gate.")
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Run code and packages where they are.")] = False,  # noqa: FBT002
    start: Annotated[bool, typer.Option("--start", help="Start it now, and at every boot.")] = False,  # noqa: FBT002
    dry_run: DryRun = False,  # noqa: FBT002
) -> None:
    """Install services, units, settings and Redis users under systemd, or bring an installation up to date.

    Run again, it changes what differs and says so. Settings that you edited stay.
    """
    wishes = Wishes(
        place=_place(root, prefix, "deploy"),
        environment=env,
        redis_url=parse_redis(redis),
        redis_server=redis_server,
        symbols=parse_names(symbols),
        profile=profile,
        link=link,
    )
    raise typer.Exit(run_deploy(wishes, dry_run=dry_run, start=start))


def uninstall(
    root: Root = None,
    purge: Annotated[bool, typer.Option("--purge", help="Settings, keys, Redis' data and the users too.")] = False,  # noqa: FBT002
    dry_run: DryRun = False,  # noqa: FBT002
) -> None:
    """Stop the services and remove what `quantum deploy` installed; settings and data stay without --purge."""
    raise typer.Exit(run_uninstall(_place(root, PREFIX, "uninstall"), purge=purge, dry_run=dry_run))


def _place(root: Path | None, prefix: str, verb: str) -> Place:
    if not prefix.startswith("/") or prefix == "/" or any(sign.isspace() for sign in prefix):
        raise Complaint(
            f"{verb}: --prefix {prefix}: give an absolute path without spaces, such as {PREFIX}", EXIT_USAGE
        )
    if root is not None and not root.is_dir():
        raise Complaint(f"{verb}: --root {root}: is no folder", EXIT_USAGE)
    return Place(root.resolve() if root is not None else Path("/"), prefix.rstrip("/"))
