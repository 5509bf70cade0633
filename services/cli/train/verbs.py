"""The verbs about models: train one, and read the card of one."""

import json as json_format
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from quantum_common.clock import MINUTE_MS, epoch_ms
from services.ai_engine.model_files import ModelRefused, load_model
from services.ai_engine.settings import AiSettings
from services.cli.complaint import Complaint
from services.cli.options import EXIT_USAGE, parse_duration, parse_names, parse_time
from services.cli.train.page import page

INTERVALS = {"15m": 15, "1h": 60}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # cores are for processes; one thread adds up in one order
HORIZON_MINUTES = (60, 240)

CardJson = Annotated[bool, typer.Option("--json", help="The card as JSON instead of the page.")]


def register(app: typer.Typer) -> None:
    """Given the `quantum` command, add the verbs to it."""
    app.command()(train)
    app.command()(card)


def _default(name: str) -> float:
    """Return what the engine assumes where it is told nothing else."""
    value = AiSettings.model_fields[name].default
    return float(Decimal(value))


def train(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command line
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of <SYMBOL>-1m.csv[.gz], or a recording.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The model's folder; it must not be there yet.")],
    symbols: Annotated[str, typer.Option(help="Which to learn from, such as BTCUSDT,ETHUSDT; else all.")] = "",
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="2025-05-10 or 2025-05-10T12:00, UTC.")] = "",
    to: Annotated[str, typer.Option(metavar="TIME", help="Up to here, excluded; backtest on what comes after.")] = "",
    interval: Annotated[str, typer.Option(help="How often is decided: 15m or 1h.")] = "15m",
    horizon: Annotated[str, typer.Option(help="How far ahead: 1h to 4h.")] = "4h",
    folds: Annotated[int, typer.Option(min=2, max=50, help="Stretches of time that are judged.")] = 5,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Of everything drawn; the same seed, the same model.")
    ] = 1,
    expires: Annotated[str, typer.Option(metavar="TIME", help="How long the engine may use it: 12h, 30d.")] = "30d",
    taker_fee_bps: Annotated[float, typer.Option(min=0.0, max=100.0, help="Taker fee of one side.")] = _default(
        "ai_taker_fee_bps"
    ),
    slippage_bps: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Half spread and slippage of one side.")
    ] = _default("ai_slippage_bps"),
    jobs: Annotated[int, typer.Option(min=0, max=64, help="Processes; 0 for one a core.")] = 0,
    json: CardJson = False,  # noqa: FBT002
) -> None:
    """Train a model on minute bars, judge it on what it had not seen, save it, and show its card.

    Funding rates are counted where <SYMBOL>-fundingRate.csv[.gz] lie in the folder or in a sibling called funding.
    """
    if interval not in INTERVALS:
        raise Complaint(f"train: --interval {interval}: give {', '.join(INTERVALS)}", EXIT_USAGE)
    minutes = int(parse_duration("--horizon", horizon) // 60)
    if not HORIZON_MINUTES[0] <= minutes <= HORIZON_MINUTES[1]:
        raise Complaint(f"train: --horizon {horizon}: give 1h to 4h; below an hour nothing pays its fees", EXIT_USAGE)
    expires_ms = int(parse_duration("--expires", expires) * 1000)
    names = parse_names(symbols)
    first_ms, end_ms = parse_time("--from", from_), parse_time("--to", to)
    for name in THREADS:
        os.environ.setdefault(name, "1")
    # Loading numpy takes a moment that no other verb should wait for; its libraries read THREADS only then.
    from services.ai_engine.training.plan import Plan  # noqa: PLC0415
    from services.cli.train.bars import ALL, Span  # noqa: PLC0415
    from services.cli.train.run import Order, Teller, cores, run_training  # noqa: PLC0415

    plan = Plan(
        decision_ms=INTERVALS[interval] * MINUTE_MS, horizon_bars=minutes, folds=folds, seed=seed,
        taker_fee_bps=taker_fee_bps, slippage_bps=slippage_bps, margin_bps=_default("ai_edge_margin_bps"),
    )  # fmt: skip
    span = Span(first_ms or ALL.from_ms, end_ms or ALL.until_ms)
    order = Order(data.expanduser(), out.expanduser(), names, plan, span, expires_ms, jobs or cores())
    done = run_training(order, Teller(bars=sys.stderr.isatty()))
    show(done.model.card.model_dump(), page(done.model.card), as_json=json)
    if not json:
        took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in done.seconds.items())
        sys.stdout.write(f"\nsaved in {out} ({took})\n")


def card(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A model's folder.")],
    json: CardJson = False,  # noqa: FBT002
) -> None:
    """Check a model's files as the engine does, and show its card; exit 1 where the engine would refuse it."""
    try:
        found = load_model(folder.expanduser(), epoch_ms()).card
    except ModelRefused as refused:
        raise Complaint(f"card: {refused}", status=1) from None
    show(found.model_dump(), page(found), as_json=json)


def show(card: dict[str, object], text: str, *, as_json: bool) -> None:
    """Write the card in one of its forms."""
    sys.stdout.write(json_format.dumps(card) + "\n" if as_json else text)
