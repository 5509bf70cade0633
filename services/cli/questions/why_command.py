"""`quantum why [SYMBOL]`: why it is not trading, or that it is."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from redis import Redis
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys
from quantum_common.messages import EvalType
from services.cli.health.books import position
from services.cli.health.collect import collect
from services.cli.health.judge import judge
from services.cli.health.limits import Limits, limits_of
from services.cli.health.picture import Picture
from services.cli.operator_requests import checked_symbol
from services.cli.questions.answer import Answer, Manner, answer
from services.cli.questions.causes import Cause, general
from services.cli.questions.threads import Thread, threads_of
from services.cli.questions.why import How, Line, Why, why
from services.cli.spans import span

VERB = "why"
ENTRIES_MAX = 1_000  # of each stream: what a symbol was asked last is among them
STYLES = {How.TRADES: "green", How.NO_WISH: "dim", How.WAITS: "yellow", How.STOPPED: "red"}


def run_why(symbol: str | None, manner: Manner, since_s: float) -> int:
    """Say why one symbol or each is not trading; return 1 where something other than the engine's own word stops
    entries or exits. Raise Complaint."""
    wanted = checked_symbol(VERB, symbol) if symbol else None
    limits = limits_of(VERB, manner.folder)

    def read(redis: Redis, keys: Keys) -> Answer:
        now_ms = epoch_ms()
        symbols = {*limits.symbols, *([wanted] if wanted else [])}
        found = collect(redis, keys, symbols, now_ms - int(since_s * 1000), entries_max=ENTRIES_MAX)
        return explained(found, limits, wanted, now_ms)

    return answer(VERB, manner, read)


def explained(picture: Picture, limits: Limits, wanted: str | None, now_ms: int) -> Answer:
    """Given one look at a pipeline, return the answer on one symbol or on all."""
    every = general(judge(picture, limits, now_ms))
    known = threads_of(picture)
    names = [wanted] if wanted else [name for name in picture.symbols if _matters(name, picture, limits)]
    found = [why(name, picture, every, known, limits, now_ms) for name in names]
    good = not every and all(How.STOPPED not in {one.entries.how, one.exits.how} for one in found)
    reach_ms = min(now_ms - picture.window("apply.result").since_ms, limits.window_ms)
    headline, style = _headline(every, found, known, now_ms, reach_ms)
    lines: list[RenderableType] = [Text(headline, style)]
    lines += [Text.assemble(("  also ", "dim"), f"{cause.name}: {cause.words}") for cause in every[1:]]
    lines.append(_table(found, {cause.name for cause in every}, now_ms))
    if not wanted:
        lines.append(Text("quantum why SYMBOL tells one; quantum trace PLAN every hop of a plan", "dim"))
    return Answer(Group(*lines), _as_object(headline, every, found), good)


def _matters(name: str, picture: Picture, limits: Limits) -> bool:
    return name in limits.symbols or bool(position(picture.symbols[name]))


def _headline(
    every: Sequence[Cause], found: Sequence[Why], known: Sequence[Thread], now_ms: int, reach_ms: int
) -> tuple[str, str]:
    """Return the one line that an operator must understand at night."""
    if every:
        what = "NOTHING PASSES" if any(cause.exits for cause in every) else "NO ENTRIES"
        return f"{what}: {every[0].name}, {every[0].words}", "bold red"
    if len(found) == 1:
        line = found[0].entries
        since = f", for {span(now_ms - line.since_ms)}" if line.since_ms and line.how is not How.TRADES else ""
        return f"{found[0].symbol} {line.how}: {line.words}{since}", f"bold {STYLES[line.how]}"
    lately = [one for one in known if one.began_ms >= now_ms - reach_ms and one.said("executed") == "True"]
    kinds = Counter(one.said("eval_type") for one in lately)
    if lately:
        told = f"{kinds[EvalType.ENTRY]} entries and {kinds[EvalType.EXIT]} exits"
        return f"TRADING: {told} executed in the last {span(reach_ms)}", "bold green"
    reasons = Counter(one.entries.gauge.gate if one.entries.gauge else one.entries.stage for one in found)
    told = ", ".join(f"{reason} on {count}" for reason, count in reasons.most_common(3))
    return f"NOTHING EXECUTED in the last {span(reach_ms)}: {told or 'no symbol'}", "bold yellow"


def _table(found: Sequence[Why], told: set[str], now_ms: int) -> Table:
    """Return a row for entries and one for exits of each symbol. What was told of all is not told again."""
    table = Table.grid(padding=(0, 1))
    for _ in ("symbol", "kind", "how", "where", "words"):
        table.add_column(overflow="fold")
    for one in found:
        table.add_row(Text(one.symbol, "bold"), Text("entries", "dim"), *_cells(one.entries, told, now_ms))
        table.add_row("", Text("exits", "dim"), *_cells(one.exits, told, now_ms))
    return table


def _cells(line: Line, told: set[str], now_ms: int) -> tuple[Text, Text, Text]:
    words = Text("as all, see above" if line.stage in told else line.words)
    if line.since_ms and line.how is not How.TRADES:
        words.append(f", for {span(now_ms - line.since_ms)}", "dim")
    if line.plan_id and line.how is not How.TRADES:
        words.append(f"  plan {line.plan_id}", "dim")
    return Text(line.how, STYLES[line.how]), Text(line.stage, "dim"), words


def _as_object(headline: str, every: Sequence[Cause], found: Sequence[Why]) -> dict[str, Any]:
    return {
        "headline": headline,
        "for_all": [
            {"name": cause.name, "words": cause.words, "entries": cause.entries, "exits": cause.exits}
            for cause in every
        ],
        "symbols": {one.symbol: {"entries": _line(one.entries), "exits": _line(one.exits)} for one in found},
    }


def _line(line: Line) -> dict[str, Any]:
    gauge = line.gauge
    return {
        "how": line.how.lower().replace(" ", "_"),
        "stage": line.stage,
        "gate": gauge.gate if gauge else None,
        "value": gauge.value if gauge else None,
        "limit": gauge.limit if gauge else None,
        "since_ms": line.since_ms,
        "plan_id": line.plan_id or None,
        "words": line.words,
    }
