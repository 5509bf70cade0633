"""One run of `quantum backtest`: open, play, write, show."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from quantum_common.settings import SettingsError, config_dir
from quantum_common.version import build_id
from services.ai_engine.card import ModelCard
from services.ai_engine.model_files import ModelRefused
from services.backtest.bars import Asked, NoBars
from services.backtest.opening import Request, opened
from services.backtest.replay import Replay, Terms, played
from services.backtest.result import result_of
from services.backtest.summary import summary
from services.cli.backtest.given import Given
from services.cli.complaint import Complaint
from services.cli.env_files import OURS, shipped_folder
from services.cli.options import EXIT_USAGE, parse_names, parse_time
from services.cli.process import resident_mib
from services.cli.signals import StopSignals
from services.cli.train.page import page as card_page
from services.paper_exchange.market.csv_files import FileFault

RESULT, REPORT = "result.json", "report.html"


def run_backtest(options: Given) -> int:
    """Given what was typed, run, write and show. Raise Complaint, one line, where something cannot be used."""
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


def _opened(options: Given) -> tuple[Replay, dict[str, Any] | None]:
    asked, terms = _asked(options), _terms(options)
    environ = {key: value for key, value in os.environ.items() if key not in OURS}
    config = _settings_folder(options.config)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    return opened(Request(options.data, asked, options.profile, options.model, config, environ), terms)


def _asked(options: Given) -> Asked:
    """Return which bars are wanted. Raise Complaint for what is no symbol or no time."""
    return Asked(parse_names(options.symbols), parse_time("--from", options.from_), parse_time("--to", options.to))


def _terms(options: Given) -> Terms:
    fee_bps = _number("--fee", options.fee, Decimal(1_000)) if options.fee else None
    return Terms(
        balance=_number("--balance", options.balance, Decimal(10) ** 12),
        latency_ms=options.latency_ms,
        taker_fee=fee_bps / 10_000 if fee_bps is not None else None,
        folder=options.out,
    )


def _settings_folder(given: Path | None) -> Path | None:
    """Return the folder of the env files: the given one, that of the machine, or the shipped one."""
    if given is not None:
        if not given.is_dir():
            raise NoBars(f"--config {given}: is not a folder; give the one with common.env in it")
        return given
    folder = config_dir()
    return folder if (folder / "common.env").is_file() else shipped_folder()


def _write(options: Given, replay: Replay, result: dict[str, Any]) -> None:
    if options.out is None:
        return
    from services.backtest.report import page  # noqa: PLC0415 - plotly takes a second to import, and few runs need it

    card = result["model"]["card"]
    card_text = card_page(ModelCard.model_validate(card)) if card is not None else ""
    try:
        (options.out / RESULT).write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
        (options.out / REPORT).write_text(page(result, replay.recorder.trips, card_text), encoding="utf-8")
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
