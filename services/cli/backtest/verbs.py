"""The verb `quantum backtest` of the command line."""

from pathlib import Path
from typing import Annotated

import typer

from services.ai_engine.policy import ProfileName
from services.cli.backtest.given import LATENCY_MS_MAX, Given


def register(app: typer.Typer) -> None:
    """Given the `quantum` command, add the verb to it."""
    app.command()(backtest)


def backtest(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command line
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of <SYMBOL>-1m.csv[.gz].")],
    symbols: Annotated[str, typer.Option(help="Such as BTCUSDT,ETHUSDT; all of the folder where left out.")] = "",
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="2025-05-10, 2025-05-10T12:00 or ms; UTC.")] = "",
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="Up to here, excluded.")] = "",
    profile: Annotated[
        ProfileName | None, typer.Option(help="trade or explore; AI_PROFILE of the settings where left out.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A trained model, for the profile trade; AI_MODEL_DIR.")
    ] = None,
    balance: Annotated[str, typer.Option(metavar="USDT", help="The deposit.")] = "10000",
    config: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the env files; /etc/quantum, or the shipped ones.")
    ] = None,
    fee: Annotated[str, typer.Option(metavar="BPS", help="A taker's fee; the exchange's where left out.")] = "",
    latency_ms: Annotated[
        int, typer.Option(min=0, max=LATENCY_MS_MAX, help="From a bar's close to its orders on the exchange.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where report.html, result.json, trades.csv, plans.jsonl go.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="No screen; result.json on standard output.")] = False,  # noqa: FBT002
) -> None:
    """Run bridge, governor, P3.3, executor and the AI engine over bars of the past, on the paper exchange's engine.

    Exit status 1 where the ledgers do not come out as the exchange's trades.
    """
    from services.cli.backtest.run import run_backtest  # noqa: PLC0415 - loads all five services, which no question needs

    given = Given(data, symbols, from_, to, profile, model, balance, config, fee, latency_ms, out, as_json=json)
    raise typer.Exit(run_backtest(given))
