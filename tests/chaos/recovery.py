"""How long the chain needs to make progress again. Pure.

The clock starts when the last fault of an episode is over: the killed process was killed (so its restart counts), the
frozen one goes on, the link lets everything through, the exchange's fault has run out. It stops when the first plan
that was written *after* that moment has come the whole way: its order filled, its result written, and a trade of it in
the ledger's journal. Where the next episode begins before that, the clock runs on, so that nothing is hidden; where
the run ends before that, the recovery is as long as the rest of the run. It never stops at a plan from before.
"""

import math
from collections.abc import Sequence

from services.cli.facts import Facts


def recoveries_ms(ends_ms: Sequence[int], facts: Facts, end_ms: int) -> list[int]:
    """Given when each episode's faults were over, what the run left and when it ended, return each recovery."""
    done = completed_ms(facts)
    return [
        min((at_ms for made_ms, at_ms in done if made_ms > over_ms), default=end_ms) - over_ms for over_ms in ends_ms
    ]


def completed_ms(facts: Facts) -> list[tuple[int, int]]:
    """Given what a run left, return for every plan that filled when it was written and when it was booked."""
    booked: dict[str, int] = {}
    for entry in facts.journal:
        if entry.message.kind == "fill" and entry.message.plan_id:
            booked.setdefault(entry.message.plan_id, entry.written_ms)
    resulted = {one.message.plan_id: one.written_ms for one in facts.results if one.message.executed}
    return [
        (plan.written_ms, max(booked[name], resulted[name]))
        for plan in facts.plans
        if (name := plan.message.plan_id) in booked and name in resulted
    ]


def percentile(values: Sequence[float], part: float) -> float:
    """Given values and a part in (0, 1], return the smallest one that so many do not exceed; 0 for none."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(part * len(ranked)) - 1)] if ranked else 0.0
