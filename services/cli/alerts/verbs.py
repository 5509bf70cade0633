"""The verbs of `quantum alerts`."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.alerts.given import Given
from services.cli.shared_options import DryRun, Json, RunDir

alerts_app = typer.Typer(help="Tell people what is wrong, and when it is over.", no_args_is_help=True)

WebhookFile = Annotated[
    Path | None, typer.Option("--webhook-file", metavar="FILE", help="In place of ALERTS_WEBHOOK_FILE.")
]
Program = Annotated[str, typer.Option("--command", metavar="WORDS", help="In place of ALERTS_COMMAND.")]


def register(app: typer.Typer) -> None:
    """Given the `quantum` command, add the verbs to it."""
    app.add_typer(alerts_app, name="alerts")


@alerts_app.command("run")
def run(webhook_file: WebhookFile = None, command: Program = "", dir_: RunDir = None) -> None:
    """Watch the pipeline and tell, until a signal. `quantum-alerts.service` runs this."""
    from services.cli.alerts.command import run_alerts  # noqa: PLC0415 - loads the HTTP client, which no question needs

    raise typer.Exit(run_alerts(Given(dir_, webhook_file, command)))


@alerts_app.command("test")
def try_out(webhook_file: WebhookFile = None, command: Program = "", dir_: RunDir = None) -> None:
    """Tell every channel that this is a test; exit 1 where one did not take it."""
    from services.cli.alerts.command import run_test  # noqa: PLC0415 - as above

    raise typer.Exit(run_test(Given(dir_, webhook_file, command)))


@alerts_app.command("list")
def list_(
    dir_: RunDir = None,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show what stands, since when, and who has taken note; exit 1 where something stands."""
    from services.cli.alerts.command import run_list  # noqa: PLC0415 - as above

    raise typer.Exit(run_list(Given(dir_), as_json=json))


@alerts_app.command("ack")
def ack(
    name: Annotated[str, typer.Argument(help="The check, such as drift.")],
    subject: Annotated[
        str, typer.Argument(help="Its subject, such as BTCUSDT; all of them where it is left out.")
    ] = "",
    dir_: RunDir = None,
    dry_run: DryRun = False,  # noqa: FBT002
) -> None:
    """Take note of what stands: it is not repeated, and its end is still told."""
    from services.cli.alerts.command import run_acknowledge  # noqa: PLC0415 - as above

    raise typer.Exit(run_acknowledge(Given(dir_), name, subject, dry_run=dry_run))
