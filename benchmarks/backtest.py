"""The backtest's speed over real bars, flat as orders add up, beside its neighbours over the same bars in the same run.

Every symbol-bar goes through all five deciders. What differs from row to row is how often the first strategy may enter,
and so how many orders there are; the exchange, the settings and the bars are the same. All times are CPU times of one
thread, from the first bar to the last, loading and warm-up apart.
"""

import gc
import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from benchmarks.children import BenchmarkFailed
from benchmarks.machine import Machine
from benchmarks.tables import table
from services.ai_engine.fitness import FIT
from services.ai_engine.mind import Mind, universe_of
from services.ai_engine.momentum_model import momentum_model
from services.ai_engine.policy import EntryRules, ProfileName
from services.backtest.bars import Asked, Span, span_of
from services.backtest.replay import Replay, Terms
from services.backtest.result import result_of
from services.backtest.settings import load_settings
from services.cli.process import resident_mib
from services.intent_bridge.settings import EXPLORING
from services.paper_exchange.market.bars import MINUTE_MS
from services.paper_exchange.market.replay import ReplaySource

ROOT = Path(__file__).resolve().parents[1]
TENTHS = 10
NEIGHBOUR_SYMBOLS = 4
EMAS = ((400, 1600), (50, 200), (10, 20))  # few crossings, more, many
MANY = "1000000"
ROOM = {
    "governor": {
        "GOV_SYMBOL_ENTRIES_PER_5MIN_MAX": MANY, "GOV_SYMBOL_ENTRIES_PER_HOUR_MAX": MANY,
        "GOV_ENTRIES_PER_5MIN_MAX": MANY, "GOV_ENTRIES_PER_HOUR_MAX": MANY, "GOV_DAILY_NOTIONAL_USDT_MAX": MANY,
        "GOV_POSITIONS_MAX": "100", "GOV_DISARM_DRAWDOWN": "1", "GOV_DRAWDOWN_MAX": "1",
    },
    "intent-bridge": {"INTENT_BRIDGE_POSITIONS_MAX": "100"},
}  # fmt: skip


@dataclass(frozen=True)
class Pace:
    """How often a symbol may be entered: at which closes, and how far apart. `explores` leaves as exploring does."""

    name: str
    decision_minutes: int
    spacing_minutes: int
    explores: bool = False


PACES = (
    Pace("an entry a symbol and week", 15, 7 * 1440),
    Pace("three a symbol and day, the settings' own spacing", 15, 480),
    Pace("one an hour", 15, 60),
    Pace("exploring: every seven minutes", 1, 0, explores=True),
)


@dataclass(frozen=True)
class Row:
    """What one run came to; `last_tenth` is the time of its last tenth over that of the same bars played alone."""

    name: str
    bars: int
    orders: int
    cpu_s: float
    last_tenth: float
    mib: float


def run(klines: Path, minutes: int = 0) -> str:
    """Given the folder of the bars and how many minutes to play (0: all), return the tables. Raise BenchmarkFailed
    where there are no bars, and where a ledger is not the exchange's trades."""
    if not klines.is_dir():
        raise BenchmarkFailed(f"no folder {klines}; give the one of the <SYMBOL>-1m.csv files with --klines")
    machine = Machine.now("no Redis")
    began_s = time.process_time()
    source = ReplaySource(klines)
    loaded_s = time.process_time() - began_s
    rows = [_ours(source, pace, minutes) for pace in PACES]
    bars = sum(len(one) for one in source.bars.values())
    parts = [
        _table("this backtest, all five deciders", rows),
        f"loading {bars:,} bars: {loaded_s:.1f} s ({bars / loaded_s:,.0f} a second), once for all rows",
    ]
    symbols, span = tuple(source.bars)[:NEIGHBOUR_SYMBOLS], rows[0].bars // len(source.bars)
    parts += [
        _neighbour("NautilusTrader, its EMA cross", "nautilus", klines, symbols, span),
        _neighbour("freqtrade, an EMA cross", "freqtrade", klines, symbols, span),
    ]
    return "\n\n".join([*parts, machine.line()])


def _ours(source: ReplaySource, pace: Pace, minutes: int) -> Row:
    whole = _span(source, minutes)
    last_ms = whole.start_ms + whole.minutes * (TENTHS - 1) // TENTHS * MINUTE_MS
    run, cpu_s, last_s = _timed(source, pace, whole, last_ms)
    warm_ms = last_ms - (whole.start_ms - whole.warm_ms)
    _, alone_s, _ = _timed(source, pace, Span(warm_ms, last_ms, whole.end_ms), last_ms)
    bars = run.minutes * len(run.engine.lanes)
    return Row(pace.name, bars, run.recorder.orders, cpu_s, last_s / alone_s, resident_mib(os.getpid()) or 0.0)


def _timed(source: ReplaySource, pace: Pace, span: Span, mark_ms: int) -> tuple[Replay, float, float]:
    """Play a span; return the run, its CPU seconds and those from a time on. Raise BenchmarkFailed where a ledger is
    not the exchange's trades."""
    run = _replay(source, pace, span)
    run.warm_up()
    gc.collect()
    before = (mark_ms - span.start_ms) // MINUTE_MS
    began_s = mark_s = time.process_time()
    for done in run.run():
        if done == before:
            mark_s = time.process_time()
    run.finish()
    ended_s = time.process_time()
    result = result_of(run, Path("klines"), None, {})
    if not result["books"]["ledger_equals_exchange"]:
        raise BenchmarkFailed(f"{pace.name}: {result['books']['differences'][0]}")
    return run, ended_s - began_s, ended_s - mark_s


def _span(source: ReplaySource, minutes: int) -> Span:
    """Return all that can be played after the warm-up, or that many minutes of it."""
    settings = load_settings(None, tuple(source.bars), ProfileName.EXPLORE)
    span = span_of(source, Asked(), universe_of(settings.ai, None).history_bars)
    return replace(span, end_ms=min(span.end_ms, span.start_ms + minutes * MINUTE_MS)) if minutes else span


def _replay(source: ReplaySource, pace: Pace, span: Span) -> Replay:
    profile = ProfileName.EXPLORE if pace.explores else ProfileName.TRADE
    changes = {**ROOM, "intent-bridge": {**ROOM["intent-bridge"], **EXPLORING}}
    settings = load_settings(None, tuple(source.bars), profile, changes=changes)
    policy = settings.ai.policy
    if not pace.explores:
        entry: EntryRules = replace(
            policy.entry, edge_gate=False, confidence_min=0.5, p_trend_min=0.0, cooldown_bars=0,
            spacing_bars=pace.spacing_minutes,
        )  # fmt: skip
        policy = replace(policy, entry=entry, decision_ms=pace.decision_minutes * MINUTE_MS)
    mind = Mind(momentum_model(policy), policy, FIT, None)
    universe = universe_of(settings.ai, None)
    return Replay(source, span, settings, universe, mind, Terms(Decimal(10_000)))


def _neighbour(title: str, name: str, klines: Path, symbols: Sequence[str], bars: int) -> str:
    """Return a neighbour's table, or why there is none: it runs in a virtual environment of its own."""
    python = ROOT / f".venv-{name}" / "bin" / "python"
    script = Path(__file__).parent / f"neighbour_{name}.py"
    if not python.is_file():
        return f"{title}: not installed here; `make bench` does it where the package can be had"
    rows = []
    for fast, slow in EMAS:
        command = [str(python), str(script), str(klines), ",".join(symbols), str(bars), str(fast), str(slow)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{title}: did not run: {(done.stderr.strip().splitlines() or ['no word'])[-1]}"
        found = json.loads(done.stdout.strip().splitlines()[-1])
        rows.append(Row(f"EMA {fast} and {slow}", found["bars"], found["orders"], found["cpu"], 0.0, found["mib"]))
    return _table(f"{title}, {len(symbols)} of the symbols", rows)


def _table(title: str, rows: Sequence[Row]) -> str:
    return table(
        [title, "orders", "symbol-bars", "CPU s", "symbol-bars/s", "us a bar", "last tenth", "MiB"],
        [
            [
                row.name, f"{row.orders:,}", f"{row.bars:,}", f"{row.cpu_s:.1f}", f"{row.bars / row.cpu_s:,.0f}",
                f"{1e6 * row.cpu_s / row.bars:.1f}", f"{row.last_tenth:.2f} x" if row.last_tenth else "",
                f"{row.mib:.0f}",
            ]
            for row in rows
        ],
    )  # fmt: skip
