"""Walk-forward: each fold is judged by what was known before it, and nothing that overlaps with it.

Labels look a horizon ahead, so rows just before a fold already know its beginning: they are purged, and one more
horizon is left out as an embargo. A shuffled split of such rows shows an accuracy of .8 where there is none.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.ai_engine.training.plan import Plan, TrainingFault
from services.ai_engine.training.rows import Integers, Rows

TRAIN_SHARE = 0.4  # of the time, before the first fold begins
ROWS_MIN = 400  # to learn from, in the shortest training


class Fold(NamedTuple):
    """The rows to learn from and the rows to be judged on, as places; and when the judged ones begin."""

    learn: Integers
    judge: Integers
    from_ms: int


def folds_of(rows: Rows, plan: Plan) -> tuple[Fold, ...]:
    """Given rows in order of time, return the folds: `plan.folds`, and one before them that only calibrates.

    Raise TrainingFault where there is too little of anything.
    """
    if not len(rows):
        raise TrainingFault(_too_few(0))
    first, last = int(rows.time_ms[0]), int(rows.time_ms[-1])
    begin = first + round((last - first) * TRAIN_SHARE)
    edges = np.linspace(begin, last + 1, plan.folds + 2).astype(np.int64)
    found = []
    for start, stop in pairwise(edges.tolist()):
        learn = np.flatnonzero(known_before(rows.time_ms, start, plan, embargo=True))
        judge = np.flatnonzero((rows.time_ms >= start) & (rows.time_ms < stop))
        if len(learn) < ROWS_MIN or not len(judge):
            raise TrainingFault(_too_few(len(rows)))
        found.append(Fold(learn, judge, start))
    return tuple(found)


def known_before(time_ms: Integers, start_ms: int, plan: Plan, *, embargo: bool) -> npt.NDArray[np.bool_]:
    """Given rows' times, return which rows' labels had ended by a time; with an embargo, a horizon before it."""
    return time_ms + plan.horizon_ms * (2 if embargo else 1) <= start_ms


def _too_few(count: int) -> str:
    return (
        f"{count} decision bars with a day before and a horizon after them are too few to learn and to be judged; "
        "give more days or more symbols"
    )


def joined(parts: Sequence[Integers]) -> Integers:
    """Given places of several folds, return them in one."""
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
