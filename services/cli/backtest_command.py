"""`quantum backtest`: the five deciders over a folder of bars, in minutes, with a report."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from quantum_common.settings import SettingsError, config_dir
from quantum_common.version import build_id
from services.ai_engine.model_files import ModelRefused
from services.ai_engine.policy import ProfileName
from services.backtest.bars import Asked, NoBars
from services.backtest.opening import Request, opened
from services.backtest.replay import Replay, Terms, played
from services.backtest.result import result_of
from services.backtest.summary import summary
from services.cli.complaint import Complaint
from services.cli.env_files import OURS, shipped_folder
from services.cli.options import EXIT_USAGE, parse_time
from services.cli.process import resident_mib
from services.cli.signals import StopSignals
from services.paper_exchange.market.csv_files import FileFault

LATENCY_MS_MAX = 59_999
_SYMBOL = re.compile(r"[A-Z0-9]{2,32}")
RESULT, REPORT = "result.json", "report.html"


@dataclass(frozen=True, slots=True)
class Options:
    """Everything `quantum backtest` is told."""

    data: Path
    asked: Asked
    profile: ProfileName | None
    model: Path | None
    config: Path | None
    out: Path | None
    terms: Terms
    as_json: bool


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
    model: Annotated[Path | None, typer.Option(metavar="DIR", help="A trained model; else the first strategy.")] = None,
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
    names = tuple(dict.fromkeys(part.strip().upper() for part in symbols.split(","))) if symbols else ()
    wrong = [name for name in names if not _SYMBOL.fullmatch(name)]
    if wrong:
        raise Complaint(f"--symbols {symbols}: {wrong[0]!r} is not a symbol such as BTCUSDT", EXIT_USAGE)
    fee_bps = _number("--fee", fee, Decimal(1_000)) if fee else None
    options = Options(
        data=data,
        asked=Asked(names, parse_time("--from", from_), parse_time("--to", to)),
        profile=profile,
        model=model,
        config=config,
        out=out,
        terms=Terms(
            balance=_number("--balance", balance, Decimal(10) ** 12),
            latency_ms=latency_ms,
            taker_fee=fee_bps / 10_000 if fee_bps is not None else None,
            folder=out,
        ),
        as_json=json,
    )
    raise typer.Exit(run_backtest(options))


def run_backtest(options: Options) -> int:
    """Given the options, run, write and show. Raise Complaint, one line, where something cannot be used."""
    try:
        replay, card = _opened(options)
    except (FileFault, NoBars, SettingsError, ModelRefused) as fault:
        raise Complaint(f"backtest: {fault}") from None
    except OSError as error:
        raise Complaint(f"backtest: {error.filename}: {error.strerror}", status=1) from None
    signals = StopSignals()
    signals.install()
    began_s, cpu_s = time.perf_counter(), time.process_time()
    with _progress(replay, quiet=options.as_json) as told:
        played(replay, told, signals.requested)
    bars = replay.minutes * len(replay.engine.universe.symbols)
    seconds = time.perf_counter() - began_s
    run = {
        "build": build_id(),
        "seconds": round(seconds, 3),
        "cpu_seconds": round(time.process_time() - cpu_s, 3),
        "symbol_bars_per_s": round(bars / max(seconds, 1e-9)),
        "resident_mib": round(resident_mib(os.getpid()) or 0.0, 1),
    }
    result = result_of(replay, options.data, card, run)
    _write(options, replay, result)
    if options.as_json:
        sys.stdout.write(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        Console().print(summary(result, options.out))
    return 0 if result["books"]["ledger_equals_exchange"] else 1


def _opened(options: Options) -> tuple[Replay, dict[str, Any] | None]:
    environ = {key: value for key, value in os.environ.items() if key not in OURS}
    config = _settings_folder(options.config)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    request = Request(options.data, options.asked, options.profile, options.model, config, environ)
    return opened(request, options.terms)


def _settings_folder(given: Path | None) -> Path | None:
    """Return the folder of the env files: the given one, that of the machine, or the shipped one."""
    if given is not None:
        if not given.is_dir():
            raise NoBars(f"--config {given}: is not a folder; give the one with common.env in it")
        return given
    folder = config_dir()
    return folder if (folder / "common.env").is_file() else shipped_folder()


def _write(options: Options, replay: Replay, result: dict[str, Any]) -> None:
    if options.out is None:
        return
    from services.backtest.report import page  # noqa: PLC0415 - plotly takes a second to import, and few runs need it

    try:
        (options.out / RESULT).write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
        (options.out / REPORT).write_text(page(result, replay.recorder.trips), encoding="utf-8")
    except OSError as error:
        raise Complaint(f"backtest: --out {options.out}: cannot be written: {error.strerror}", status=1) from None


@contextmanager
def _progress(replay: Replay, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show how far a run is, on standard error, where somebody looks."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("minutes", total=replay.span.minutes)

        def told(minutes: int) -> None:
            if minutes % 64 == 0:
                orders = replay.recorder.orders
                bar.update(task, completed=minutes, description=f"minutes, {orders} orders")

        yield told


def _number(option: str, text: str, most: Decimal) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or not 0 <= found <= most:
        raise Complaint(f"{option} {text}: give a number from 0 to {most}", EXIT_USAGE)
    return found
