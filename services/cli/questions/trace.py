"""`quantum trace ID`: every hop of a wish, with its time and how long it took after the one before, as a tree."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys
from services.cli.complaint import Complaint
from services.cli.options import EXIT_USAGE
from services.cli.questions.answer import Answer, Manner, answer
from services.cli.questions.locate import Found, Locator
from services.cli.questions.story import Mark, Step, standing, story
from services.cli.questions.threads import Thread
from services.cli.redis_link import Entry, written_ms
from services.cli.spans import span

VERB = "trace"
PREFIX_MIN = 4
STYLES = {Mark.DONE: "green", Mark.STOPPED: "bold red", Mark.WAITING: "bold yellow"}
SIGNS = {Mark.DONE: "✓", Mark.STOPPED: "✗", Mark.WAITING: "…"}


def run_trace(wanted: str, manner: Manner) -> int:
    """Show every hop of what an id leads to; return 1 where nothing is found or the wish was stopped or still waits.
    Raise Complaint."""
    wanted = wanted.strip()
    if len(wanted) < PREFIX_MIN:
        raise Complaint(f"{VERB}: {wanted!r} is too short: give at least {PREFIX_MIN} characters of the id", EXIT_USAGE)

    def read(redis: Redis, keys: Keys) -> Answer:
        return told(wanted, Locator(redis, keys).find(wanted), epoch_ms())

    return answer(VERB, manner, read)


def told(wanted: str, found: Found, now_ms: int) -> Answer:
    """Given what an id led to, return the answer."""
    if not found.threads and found.trades:
        lines = [Text(f"{wanted}: a trade without a plan of ours", "bold yellow"), *map(_trade, found.trades)]
        return Answer(Group(*lines), {"id": wanted, "trades": [fields for _, fields in found.trades]}, good=False)
    if not found.threads:
        return _unknown(wanted, found, now_ms)
    if len(found.threads) > 1:
        return _several(wanted, found.threads, now_ms)
    thread = found.threads[0]
    steps, ends = story(thread, now_ms), standing(thread, now_ms)
    data = {"id": wanted, "plan_id": thread.said("plan_id"), "intent_id": thread.said("intent_id"),
            "symbol": thread.said("symbol"), "stands": ends.mark, "hops": _hops(steps)}  # fmt: skip
    return Answer(_tree(thread, steps, ends), data, good=ends.mark is Mark.DONE)


def _tree(thread: Thread, steps: Sequence[Step], ends: Step) -> RenderableType:
    took = ""
    times = [step.at_ms for step in steps if step.at_ms is not None]
    if len(times) > 1:
        took = f", {span(times[-1] - times[0])} in all"
    head = f"{thread.said('symbol')} {thread.said('action')}: {ends.name} {ends.words}{took}"
    tree = Tree(Text(head, STYLES[ends.mark]), guide_style="dim")
    tree.add(Text(f"intent {thread.said('intent_id') or 'unknown'}  plan {thread.said('plan_id') or 'none'}", "dim"))
    before: int | None = None
    for step in steps:
        branch = tree.add(_hop(step, before))
        for line in step.lines:
            branch.add(Text(line, "red" if line.startswith("NO") else "dim"))
        before = step.at_ms or before
    return tree


def _hop(step: Step, before: int | None) -> Text:
    clock = _clock(step.at_ms) if step.at_ms is not None else " " * 12
    later = f"+{span(step.at_ms - before)}" if step.at_ms is not None and before is not None else ""
    return Text.assemble(
        (f"{SIGNS[step.mark]} ", STYLES[step.mark]), (f"{clock} {later:>9}  ", "dim"), (f"{step.name}: ", "bold"),
        step.words,
    )  # fmt: skip


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:12]


def _hops(steps: Sequence[Step]) -> list[dict[str, Any]]:
    rows, before = list[dict[str, Any]](), None
    for step in steps:
        later = None if step.at_ms is None or before is None else step.at_ms - before
        rows.append(
            {
                "name": step.name,
                "at_ms": step.at_ms,
                "after_ms": later,
                "mark": step.mark,
                "words": step.words,
                "gate": step.gauge.gate if step.gauge else None,
                "lines": list(step.lines),
            }
        )
        before = step.at_ms or before
    return rows


def _trade(entry: Entry) -> Text:
    said = entry[1]
    words = (
        f"  {_clock(written_ms(entry[0]))} {said.get('symbol')} {said.get('kind')} {said.get('side')} "
        f"{said.get('qty')} at {said.get('price')}, trade {said.get('trade_id')}, order {said.get('order_id')}, "
        f"{said.get('client_order_id')}: {said.get('origin')}"
    )
    return Text(words)


def _unknown(wanted: str, found: Found, now_ms: int) -> Answer:
    lines = [Text(f"{wanted}: nothing begins with it or is called so", "bold yellow")]
    for reach in found.reach:
        back = f"back to {span(now_ms - reach.oldest_ms)} ago" if reach.oldest_ms else "which is empty"
        lines.append(Text(f"  looked through {reach.entries} entries of {reach.stream}, {back}", "dim"))
    lines.append(Text("  older ones are trimmed; a recording (quantum record) keeps them", "dim"))
    reach_rows = [{"stream": one.stream, "entries": one.entries, "oldest_ms": one.oldest_ms} for one in found.reach]
    return Answer(Group(*lines), {"id": wanted, "hops": [], "searched": reach_rows}, good=False)


def _several(wanted: str, threads: Sequence[Thread], now_ms: int) -> Answer:
    lines = [Text(f"{wanted} begins several ids; give more of it", "bold yellow")]
    for one in threads:
        ids = f"plan {one.said('plan_id')}  intent {one.said('intent_id')}"
        age = span(now_ms - one.began_ms)
        lines.append(Text(f"  {ids}  {one.said('symbol')} {one.said('action')}, {age} ago"))
    rows = [{"plan_id": one.said("plan_id"), "intent_id": one.said("intent_id")} for one in threads]
    return Answer(Group(*lines), {"id": wanted, "hops": [], "candidates": rows}, good=False)
