"""`quantum gates`: how the plans of the last minutes ended, entries and exits apart, each gate with an example."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from redis import Redis
from rich.console import Group, RenderableType
from rich.text import Text

from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys
from quantum_common.messages import EvalType
from services.cli.health.collect import WINDOW_ENTRIES_MAX, collect
from services.cli.questions.answer import Answer, Manner, answer
from services.cli.questions.story import Mark, standing
from services.cli.questions.tables import table
from services.cli.questions.threads import Thread, threads_of
from services.cli.questions.why import stage_of
from services.cli.spans import span

VERB = "gates"
EXECUTED, UNDER_WAY = "executed", "under way"
LEFT = ("GATE", "STAGE", "EXAMPLE")


def run_gates(since_s: float, manner: Manner) -> int:
    """Show how plans ended; return 0. Raise Complaint."""

    def read(redis: Redis, keys: Keys) -> Answer:
        now_ms = epoch_ms()
        since_ms = now_ms - int(since_s * 1000)
        found = collect(redis, keys, (), since_ms)
        known = [one for one in threads_of(found) if one.began_ms >= since_ms]
        cut = max(one.since_ms for one in found.windows.values()) > since_ms
        return shown(known, int(since_s * 1000), now_ms, cut=cut)

    return answer(VERB, manner, read)


def shown(known: Sequence[Thread], since_ms: int, now_ms: int, *, cut: bool = False) -> Answer:
    """Given the threads of the last `since_ms`, return the gates' shares. `cut` says that not all could be read."""
    parts: list[RenderableType] = []
    data: dict[str, Any] = {"since_ms": since_ms, "whole": not cut}
    for eval_type in EvalType:
        mine = [one for one in known if one.said("eval_type") == eval_type]
        ends = [(one, *_end(one, now_ms)) for one in mine]
        counts = Counter(gate for _, gate, _, _ in ends)
        word = "entries" if eval_type is EvalType.ENTRY else "exits"
        done = f", {100 * counts[EXECUTED] / len(mine):.0f} % executed" if mine else ""
        parts.append(Text(f"{word}: {len(mine)} in {span(since_ms)}{done}", "bold"))
        rows, listed = [], []
        for gate, count in counts.most_common():
            thread, _, stage, words = next(end for end in ends if end[1] == gate)
            share = 100 * count / len(mine)
            example = f"{thread.said('symbol')} {words}  plan {thread.said('plan_id')}"
            style = "green" if gate == EXECUTED else "yellow"
            rows.append((Text(gate, style), Text(stage, "dim"), str(count), f"{share:.1f} %", example))
            listed.append({"gate": gate, "stage": stage, "count": count, "share": round(share / 100, 4),
                           "example": {"plan_id": thread.said("plan_id"), "symbol": thread.said("symbol"),
                                       "words": words}})  # fmt: skip
        if rows:
            parts.append(
                table(("GATE", "STAGE", "COUNT", "SHARE", "EXAMPLE"), rows, LEFT, folds=("EXAMPLE",), spare=("STAGE",))
            )
        data[word] = {"count": len(mine), "gates": listed}
    if cut:
        parts.append(Text(f"only the latest {WINDOW_ENTRIES_MAX} entries of a stream were read", "yellow"))
    return Answer(Group(*parts), data)


def _end(thread: Thread, now_ms: int) -> tuple[str, str, str]:
    """Return the gate that a thread ended at, the stage, and the value and limit in words."""
    step = standing(thread, now_ms)
    stage = stage_of(step)
    if step.mark is Mark.STOPPED and step.gauge is not None:
        return step.gauge.gate, stage, step.gauge.words().removeprefix(f"{step.gauge.gate}: ")
    if step.mark is Mark.WAITING:
        return UNDER_WAY, stage, f"{step.name}: {step.words}"
    return EXECUTED, "exchange", thread.done()
