"""The questions as verbs of the command line."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.completion import plans, symbols
from services.cli.health.command import run_health
from services.cli.options import parse_duration
from services.cli.questions.answer import Manner
from services.cli.questions.gates import run_gates
from services.cli.questions.lag import run_lag
from services.cli.questions.orders import run_orders
from services.cli.questions.positions import run_positions
from services.cli.questions.tail import NAMES, Wanted, run_tail
from services.cli.questions.trace import run_trace
from services.cli.questions.why_command import run_why
from services.cli.shared_options import Json, RunDir

Watch = Annotated[bool, typer.Option("--watch", help="Ask again and again, until Ctrl-C.")]
Every = Annotated[str, typer.Option("--every", metavar="TIME", help="How often to look again.")]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="How far back: 90s, 10m, 24h.")]


def _streams(incomplete: str) -> list[str]:
    return [name for name in (*NAMES, *(f"{one}.dead" for one in NAMES[:4])) if name.startswith(incomplete)]


OneSymbol = Annotated[str | None, typer.Argument(help="One symbol; each where it is left out.", autocompletion=symbols)]


def register(app: typer.Typer) -> None:
    """Given the `quantum` command, add the questions to it."""
    for verb in (health, why, trace, positions, orders, gates, lag, tail, top):
        app.command()(verb)


def manner(folder: Path | None, as_json: bool, watch: bool, every: str) -> Manner:  # noqa: FBT001 - as typed
    """Given the options that all questions have, return how to answer."""
    return Manner(folder, as_json, parse_duration("--every", every) if watch else None)


def health(
    since: Since = "10m",
    executions_min: Annotated[int, typer.Option(min=0, help="Executions that this time must show; 0: no limit.")] = 0,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
    watch: Watch = False,  # noqa: FBT002
    every: Every = "2s",
    dir_: RunDir = None,
) -> None:
    """Is it fit to trade? Every check with figure and limit, then GO (0) or NO-GO (1)."""
    raise typer.Exit(run_health(manner(dir_, json, watch, every), parse_duration("--since", since), executions_min))


def why(
    symbol: OneSymbol = None,
    since: Since = "24h",
    json: Json = False,  # noqa: FBT002
    watch: Watch = False,  # noqa: FBT002
    every: Every = "2s",
    dir_: RunDir = None,
) -> None:
    """Why is it not trading? Entries and exits apart, with the value and the limit that decided."""
    raise typer.Exit(run_why(symbol, manner(dir_, json, watch, every), parse_duration("--since", since)))


def trace(
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="A wish, plan, order, client order or trade.", autocompletion=plans)
    ],
    json: Json = False,  # noqa: FBT002
    watch: Watch = False,  # noqa: FBT002
    every: Every = "2s",
    dir_: RunDir = None,
) -> None:
    """Every hop of one wish with its time, from the intent to the ledger. The beginning of an id will do."""
    raise typer.Exit(run_trace(id_, manner(dir_, json, watch, every)))


def positions(
    json: Json = False,  # noqa: FBT002
    watch: Watch = False,  # noqa: FBT002
    every: Every = "2s",
    dir_: RunDir = None,
) -> None:
    """What we did beside what the exchange says, with age, profit and stop; 1 where they differ."""
    raise typer.Exit(run_positions(manner(dir_, json, watch, every)))


def orders(
    symbol: OneSymbol = None,
    last: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    json: Json = False,  # noqa: FBT002
    watch: Watch = False,  # noqa: FBT002
    every: Every = "2s",
    dir_: RunDir = None,
) -> None:
    """The latest orders: quantity, filled, price, position after."""
    raise typer.Exit(run_orders(symbol, last, manner(dir_, json, watch, every)))


def gates(
    since: Since = "10m",
    json: Json = False,  # noqa: FBT002
    watch: Watch = False,  # noqa: FBT002
    every: Every = "2s",
    dir_: RunDir = None,
) -> None:
    """How plans ended: entries and exits apart, the share of each gate, an example."""
    raise typer.Exit(run_gates(parse_duration("--since", since), manner(dir_, json, watch, every)))


def lag(
    last: Annotated[int, typer.Option(min=1, max=10_000, help="Over how many of the latest wishes.")] = 500,
    json: Json = False,  # noqa: FBT002
    watch: Watch = False,  # noqa: FBT002
    every: Every = "2s",
    dir_: RunDir = None,
) -> None:
    """How far each consumer group is, and what each hop takes: p50, p99, maximum."""
    raise typer.Exit(run_lag(last, manner(dir_, json, watch, every)))


def tail(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command line
    stream: Annotated[str, typer.Argument(help=f"{', '.join(NAMES[:-1])} or {NAMES[-1]}.", autocompletion=_streams)],
    symbol: Annotated[str | None, typer.Option(help="Entries of this symbol alone.", autocompletion=symbols)] = None,
    gate: Annotated[str | None, typer.Option(help="Entries with this gate alone.")] = None,
    decision: Annotated[str | None, typer.Option(help="EXECUTE, BLOCKED; of permits ALLOW, REFUSE.")] = None,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="All from so long ago.")] = "",
    last: Annotated[int, typer.Option(min=0, max=10_000, help="Without --since: how many of before.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what comes.")] = True,  # noqa: FBT002
    json: Json = False,  # noqa: FBT002
    dir_: RunDir = None,
) -> None:
    """The entries of a stream as they come, in words, until Ctrl-C."""
    wanted = Wanted(symbol, gate, decision, parse_duration("--since", since) if since else None, last)
    raise typer.Exit(run_tail(stream, wanted, manner(dir_, json, watch=False, every="1s"), follow=follow))


def top(every: Every = "1s", dir_: RunDir = None) -> None:
    """The pipeline on the whole terminal: 1 to 6 choose a view, s sorts, r reverses, q quits."""
    from services.cli.top.command import run_top  # noqa: PLC0415 - its library takes longer to load than others to answer

    raise typer.Exit(run_top(dir_, parse_duration("--every", every)))
