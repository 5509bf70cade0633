"""A training as the command runs it: files in, processes at work, a folder with a model out."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from quantum_common.clock import epoch_ms
from services.ai_engine.ensemble import Ensemble
from services.ai_engine.model_files import ModelRefused, save_model
from services.ai_engine.momentum_model import MomentumModel
from services.ai_engine.training.evidence import Bars, Made, card_of
from services.ai_engine.training.learners import lightgbm_or_fault
from services.ai_engine.training.plan import Plan, TrainingFault
from services.ai_engine.training.rows import LeaderNotes, Rows, Series, leader_notes, pooled, series_of
from services.ai_engine.training.trades import Funding
from services.ai_engine.training.trainer import Map, Trained, train
from services.cli.complaint import Complaint
from services.cli.train.bars import VERB, Span, bars_of, funding_of
from services.paper_exchange.market.csv_files import FileFault, bar_files


@dataclass(frozen=True)
class Order:
    """What is asked for: bars from a folder (none of `symbols`: all of them), a model in another."""

    folder: Path
    out: Path
    symbols: Sequence[str]
    plan: Plan
    span: Span
    expires_ms: int
    jobs: int


@dataclass(frozen=True)
class Training:
    """What is left of a training: the model, what it was made from, and how many seconds each phase took."""

    model: Ensemble
    trained: Trained
    rows: Rows
    plan: Plan
    funding: Funding
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FeatureTask:
    """One symbol's pass through the features."""

    number: int
    symbol: str
    path: Path
    span: Span
    plan: Plan
    notes: LeaderNotes | None


class Teller:
    """Progress on a terminal, and lines on standard error."""

    def __init__(self, *, bars: bool) -> None:
        """Given whether there is somebody to look at progress bars, begin."""
        self._progress = Progress(
            TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=Console(stderr=True), disable=not bars, transient=True,
        )  # fmt: skip

    def say(self, words: str) -> None:
        """Write a line."""
        sys.stderr.write(f"quantum {VERB}: {words}\n")

    @contextmanager
    def phase(self, name: str, total: int) -> Iterator[Callable[[], None]]:
        """Given a phase and its number of parts, show it, and yield what is called after each part."""
        with self._progress:
            task: TaskID = self._progress.add_task(name, total=total)
            yield lambda: self._progress.advance(task)


@contextmanager
def pool(jobs: int) -> Iterator[Map]:
    """Given how many processes, yield a map that spreads work over them, in order; one process needs no pool."""
    if jobs == 1:
        yield map
        return
    executor = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_deaf)
    try:
        yield executor.map
    except BrokenProcessPool:
        raise TrainingFault("a process of the training was killed; it may need more memory, or fewer symbols") from None
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _deaf() -> None:
    """Ctrl-C is for the command; its processes end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_training(order: Order, teller: Teller) -> Training:
    """Given an order, train, save and return the model. Raise Complaint with one line where it cannot be."""
    _require_room(order.out)
    try:
        lightgbm_or_fault()
        files = bar_files(order.folder, order.symbols)
        with pool(min(order.jobs, len(files))) as run:
            return _train(order, files, run, teller)
    except (FileFault, TrainingFault, ModelRefused) as fault:
        raise Complaint(f"{VERB}: {fault}", status=1) from None


def _require_room(out: Path) -> None:
    """Given where the model goes, raise Complaint where it cannot: before minutes of work, not after them."""
    if out.exists():
        raise Complaint(f"{VERB}: {out}: is there already; give a folder that is not", status=1)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            return
    except OSError as error:
        raise Complaint(f"{VERB}: {out}: cannot be written: {error.strerror}", status=1) from None


def _train(order: Order, files: dict[str, Path], run: Map, teller: Teller) -> Training:
    seconds, symbols = dict[str, float](), list(files)
    with timed(seconds, "features"):
        plan, series, leader_digest = _features(order, files, run, teller)
        rows = pooled(series)
    with timed(seconds, "folds"), teller.phase("folds", plan.folds + 2) as tick:
        trained = train(rows, plan, run, tick)
    with timed(seconds, "card"):
        funding = funding_of(order.folder, symbols)
        if bare := [name for number, name in enumerate(symbols) if number not in funding]:
            teller.say(f"no funding rates of {', '.join(bare)}: the card counts none for them")
        bars, now_ms = Bars(symbols, series, leader_digest), epoch_ms()
        made = Made(now_ms, now_ms + order.expires_ms)
        model = save_model(order.out, trained.fitted, card_of(trained, rows, bars, plan, funding, made))
    return Training(model, trained, rows, plan, funding, seconds)


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Given where to note it, note how long a phase took."""
    begun = time.perf_counter()
    yield
    seconds[phase] = time.perf_counter() - begun


def _features(order: Order, files: dict[str, Path], run: Map, teller: Teller) -> tuple[Plan, list[Series], str]:
    """Given the files, return the plan with the leader that there is, every symbol's rows, and the leader's digest."""
    plan, notes, leader_digest = order.plan, None, ""
    leads = bar_files(order.folder).get(plan.leader)  # whether or not it is trained on
    if leads is None:
        teller.say(f"no bars of {plan.leader} in {order.folder}: the model learns without a leader")
        plan = replace(plan, leader="")
    series: list[Series] = []
    with teller.phase("features", len(files) + 1) as tick:
        if leads is not None:
            notes, leader_digest = leader_notes(bars_of(leads, plan.leader, order.span), plan)
        tick()
        tasks = [
            FeatureTask(number, name, path, order.span, plan, notes)
            for number, (name, path) in enumerate(files.items())
        ]
        for one in run(feature_pass, tasks):
            series.append(one)
            tick()
    for name, one in zip(files, series, strict=True):
        if one.missing:
            teller.say(f"{name}: {one.missing} minutes are missing; decision bars that need them are left out")
    return plan, series, leader_digest


def feature_pass(task: FeatureTask) -> Series:
    """Given a task, return the symbol's rows. Raise TrainingFault."""
    first = MomentumModel(version="", horizon_bars=task.plan.horizon_bars)
    return series_of(task.number, bars_of(task.path, task.symbol, task.span), task.plan, task.notes, first.predict)


def cores() -> int:
    """Return how many processes this machine lets us run at once."""
    return len(os.sched_getaffinity(0))
