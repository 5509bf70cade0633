"""From bars to rows: one pass of the engine's own features, and what became of each decision bar afterwards."""

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from quantum_common.clock import MINUTE_MS
from quantum_common.exchange.port import Bar
from services.ai_engine.bars import BarFault
from services.ai_engine.features import Features, Ignored, SymbolFeatures, Updated
from services.ai_engine.leader import Leader, Leading
from services.ai_engine.model import Signal
from services.ai_engine.training.plan import Plan, TrainingFault

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
First = Callable[[Features], Signal | None]  # the first strategy, to compare with
LeaderNotes = dict[int, Leading]


@dataclass(frozen=True)
class Rows:
    """Decision bars with what followed, column by column. Times are those of the bar's end, in epoch milliseconds."""

    symbol: Integers  # the place in a list of names
    time_ms: Integers
    inputs: Floats
    sigma: Floats  # of one minute, as the engine knew it
    move: Floats  # the log return over the horizon
    variance: Floats  # the mean square of a minute's log return over the horizon
    first_p_up: Floats  # what the first strategy said
    first_bps: Floats

    def __len__(self) -> int:
        return len(self.time_ms)

    def where(self, chosen: npt.NDArray[np.bool_] | Integers) -> "Rows":
        """Given which, return those rows."""
        return Rows(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True)
class Series:
    """What one symbol gave: its rows, how many bars there were and were missing, and the digest of them all."""

    rows: Rows
    bars: int
    missing: int
    from_ms: int
    until_ms: int
    digest: str


def pooled(parts: Sequence[Series]) -> Rows:
    """Given every symbol's series, return all rows in order of time, and of the symbols within a time."""
    whole = Rows(*(np.concatenate([getattr(part.rows, field.name) for part in parts]) for field in fields(Rows)))
    return whole.where(np.lexsort((whole.symbol, whole.time_ms)))


def leader_notes(bars: Iterable[Bar], plan: Plan) -> tuple[LeaderNotes, str]:
    """Given the leader's bars, return where it stood whenever the others will ask, and the bars' digest. Raise
    TrainingFault."""
    leader = Leader(plan.leader, kept=None)
    engine, digest = SymbolFeatures(MINUTE_MS, plan.decision_ms, leader), hashlib.sha256()
    for bar in bars:
        _updated(engine, bar)
        digest.update(_line(bar))
    return leader.notes, digest.hexdigest()


def _line(bar: Bar) -> bytes:
    """Given a bar, return what a digest takes of it: a line of times and prices, whatever file it came from."""
    return f"{bar.open_ms},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}\n".encode()


def _updated(engine: SymbolFeatures, bar: Bar) -> Updated:
    match engine.update(bar):
        case Updated() as update:
            return update
        case BarFault() | Ignored() as fault:
            raise TrainingFault(f"{bar.symbol}: the bar of {bar.open_ms} is {fault}; fetch the file anew")


class _Taken:
    """The bars of a symbol as columns, and which of them were decided on."""

    def __init__(self) -> None:
        self.end_ms: list[int] = []
        self.logs: list[float] = []
        self.squares: list[float] = [0.0]
        self.runs: list[int] = []
        self.decided: list[tuple[int, Features, Signal | None]] = []
        self.missing = 0

    def add(self, bar: Bar, update: Updated, first: First) -> None:
        found = update.features
        self.end_ms.append(bar.close_ms + 1)
        self.logs.append(math.log(bar.close))
        self.squares.append(self.squares[-1] + found.log_return * found.log_return)
        self.runs.append((self.runs[-1] if self.runs else 0) + update.restarted)
        self.missing += update.missing
        if found.inputs:
            self.decided.append((len(self.logs) - 1, found, first(found)))


def series_of(number: int, bars: Iterable[Bar], plan: Plan, notes: LeaderNotes | None, first: First) -> Series:
    """Given a symbol's place and its bars, return its rows; those whose horizon the bars do not cover are left out.

    Raise TrainingFault where a bar contradicts itself or is out of order.
    """
    leader = None if notes is None else Leader(plan.leader, kept=None, notes=notes)
    engine, taken, digest = SymbolFeatures(MINUTE_MS, plan.decision_ms, leader), _Taken(), hashlib.sha256()
    for bar in bars:
        taken.add(bar, _updated(engine, bar), first)
        digest.update(_line(bar))
    if not taken.end_ms:
        raise TrainingFault("a symbol has no bars in that time; give other times, or fetch its file anew")
    rows = _labelled(number, taken, plan)
    return Series(rows, len(taken.logs), taken.missing, taken.end_ms[0], taken.end_ms[-1], digest.hexdigest())


def _labelled(number: int, taken: _Taken, plan: Plan) -> Rows:
    """Given the bars and the decisions, return the decisions whose horizon ends in the same unbroken run of bars."""
    end_ms, logs, squares = np.array(taken.end_ms), np.array(taken.logs), np.array(taken.squares)
    runs = np.array(taken.runs)
    at = np.array([place for place, _, _ in taken.decided], dtype=np.int64)
    wanted = end_ms[at] + plan.horizon_ms
    after = np.minimum(np.searchsorted(end_ms, wanted), len(end_ms) - 1)
    kept = (end_ms[after] == wanted) & (runs[after] == runs[at])
    chosen = [decided for decided, keep in zip(taken.decided, kept, strict=True) if keep]
    at, after = at[kept], after[kept]
    width = len(chosen[0][1].inputs) if chosen else 0
    return Rows(
        symbol=np.full(len(at), number, dtype=np.int64),
        time_ms=end_ms[at],
        inputs=np.array([found.inputs for _, found, _ in chosen], dtype=np.float64).reshape(len(at), width),
        sigma=np.array([found.sigma for _, found, _ in chosen], dtype=np.float64),
        move=logs[after] - logs[at],
        variance=(squares[after + 1] - squares[at + 1]) / plan.horizon_bars,
        first_p_up=np.array([0.5 if said is None else said.p_up for _, _, said in chosen], dtype=np.float64),
        first_bps=np.array([0.0 if said is None else said.expected_move_bps for _, _, said in chosen]),
    )
