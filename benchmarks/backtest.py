"""The backtest's speed over real bars, flat as orders add up, beside its neighbours over the same bars in the same run.

Every symbol-bar goes through all five deciders. What differs from row to row is how often the first strategy may enter,
and so how many orders there are; the exchange, the settings and the bars are the same. All times are CPU times of one
thread, from the first bar to the last, loading and warm-up apart.
"""

import gc
import itertools
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
    """What one run came to; `last_tenth` is the cost of a bar in the last tenth of it over that in the first two."""

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
    replay = _replay(source, pace, minutes)
    replay.warm_up()
    gc.collect()
    total = replay.span.minutes
    marks = [time.process_time()]
    ends = {total * tenth // TENTHS for tenth in range(1, TENTHS + 1)}
    marks += [time.process_time() for done in replay.run() if done in ends]
    replay.finish()
    cpu_s = time.process_time() - marks[0]
    result = result_of(replay, Path("klines"), None, {})
    if not result["books"]["ledger_equals_exchange"]:
        raise BenchmarkFailed(f"{pace.name}: {result['books']['differences'][0]}")
    tenths = [after - before for before, after in itertools.pairwise(marks)]
    flat = tenths[-1] / (sum(tenths[:2]) / 2)
    bars = replay.minutes * len(replay.engine.lanes)
    return Row(pace.name, bars, replay.recorder.orders, cpu_s, flat, resident_mib(os.getpid()) or 0.0)


def _replay(source: ReplaySource, pace: Pace, minutes: int) -> Replay:
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
    span = span_of(source, Asked(), universe.history_bars)
    if minutes:
        span = Span(span.warm_ms, span.start_ms, min(span.end_ms, span.start_ms + minutes * MINUTE_MS))
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
