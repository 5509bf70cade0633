"""A week of real minute bars through the governor's own decision, under formulas, the reference, and the fixed limit.

Every symbol asks for an entry every half hour while it is flat, on the side of its last hour, and for a full close two
hours after; nothing else is made up: features, kill scores, statistics and verdicts are the services' own code. Each
profile has an account of its own, so that what it refuses it also does not carry. The fixed limit is the one that was
before: one number for entries and exits alike; an exit that it refuses is asked again every half hour.
"""

import csv
import gzip
import heapq
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from benchmarks.children import BenchmarkFailed
from benchmarks.governor_account import STOP, Account
from benchmarks.machine import Machine
from benchmarks.tables import table
from quantum_common.exchange.port import Bar
from quantum_common.messages import Action, Decision, EvalType, OrderType, Plan, Side
from quantum_common.money import floor_to_step
from quantum_common.state import GovernorState, MarketState, TradingState
from services.ai_engine.features import SymbolFeatures, Updated
from services.ai_engine.market_state import market_state
from services.governor.decide import Judgement, judge
from services.governor.normalisation import UNSEEN, Moments, Statistics, observed
from services.governor.settings import GovernorSettings
from services.governor.view import Limits, Spent, View

KLINES = Path(__file__).resolve().parents[2] / "shared" / "data" / "klines"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "LINKUSDT", "LTCUSDT")
MINUTE_MS = 60_000
WARM_BARS, WEEK_BARS = 1_000, 7 * 24 * 60
ASK_BARS, HOLD_BARS, LOOK_BACK = 30, 120, 60
FIXED_LIMIT = 0.75  # the published one
SIZE_USD = Decimal(1_500)
ALL = "all"
DAY_BARS = 24 * 60
ACTIVE = GovernorState(trading_state=TradingState.ACTIVE, reason="", by="replay", since_ms=1)
NOTHING_SPENT = Spent(0, 0, 0, 0, Decimal(0))
PLOT_ROWS = 28
PLOT_SPAN = (-3.0, 3.0)
PLOT_WIDTH = 49


@dataclass
class Look:
    """One verdict of the week, for the plot."""

    bar: int
    eval_type: EvalType
    z: float
    cutoff: float
    ok: bool


@dataclass
class Run:
    """One profile's week. `fixed` judges by the old limit instead of the gates."""

    name: str
    limits: Limits
    fixed: bool = False
    account: Account = field(default_factory=Account)
    statistics: dict[tuple[str, EvalType], Moments] = field(default_factory=dict)
    gates: Counter[tuple[EvalType, str]] = field(default_factory=Counter)
    looks: list[Look] = field(default_factory=list)
    waited: int = 0  # bars that closes were put off by refusals

    def learn(self, symbol: str, eval_type: EvalType, score: float) -> None:
        """Let symbol and portfolio learn a score, as the permit's script does."""
        for name in (symbol, ALL):
            before = self.statistics.get((name, eval_type), UNSEEN)
            self.statistics[name, eval_type] = observed(before, score, self.limits.yardstick.alpha)


def run(klines: Path = KLINES, symbols: Sequence[str] = SYMBOLS, bars: int = WEEK_BARS) -> str:
    """Given the folder of the bars, return the tables and the plot. Raise BenchmarkFailed where it is not there, and
    where an exit was refused that lowers exposure."""
    settings = GovernorSettings.model_validate({})
    reference = GovernorSettings.model_validate({"gov_cutoff_profile": "reference"})
    runs = (
        Run("formula", settings.limits), Run("reference", reference.limits),
        Run(f"fixed {FIXED_LIMIT}", settings.limits, fixed=True),
    )  # fmt: skip
    machine, began_s, seen = Machine.now("no Redis"), time.perf_counter(), 0
    history: dict[str, list[Decimal]] = {symbol: [] for symbol in symbols}
    for number, symbol, state in _states(klines, symbols, bars):
        past = history[symbol]
        past.append(state.price)
        for one in runs:
            one.account.price[symbol] = state.price
            if number >= WARM_BARS and number % ASK_BARS == symbols.index(symbol) % ASK_BARS:
                _ask(one, number, symbol, state, rising=past[-1] >= past[-min(LOOK_BACK, len(past))])
        seen += 1
    for one in runs[:2]:
        refused = sum(count for (kind, gate), count in one.gates.items() if kind is EvalType.EXIT and gate != "passed")
        if refused:
            raise BenchmarkFailed(f"{one.name}: {refused} exits that lower exposure were refused")
    seconds = time.perf_counter() - began_s
    decided = sum(sum(one.gates.values()) for one in runs)
    return "\n\n".join(
        (
            _gates(runs), _weeks(runs), _plot(runs[0]),
            f"{seen} bars of {len(symbols)} symbols, {decided} decisions in {seconds:.1f} s\n{machine.line()}",
        )
    )  # fmt: skip


def _ask(run: Run, number: int, symbol: str, state: MarketState, *, rising: bool) -> None:
    """Ask for an entry where the symbol is flat, for the close where its time has come; act on the verdict."""
    account, now_ms = run.account, state.ts_ms
    held = account.held.get(symbol)
    if held is not None and now_ms - held.opened_ms < HOLD_BARS * MINUTE_MS:
        return
    eval_type = EvalType.ENTRY if held is None else EvalType.EXIT
    plan = _plan(symbol, state, number, rising=rising) if held is None else _close(symbol, held.amount, state, number)
    own, everything = (run.statistics.get((name, eval_type), UNSEEN) for name in (symbol, ALL))
    view = View(
        ACTIVE, account.portfolio(now_ms), state, account.ledger(symbol), account.snapshot(symbol, now_ms),
        NOTHING_SPENT, Statistics(own, everything),
    )  # fmt: skip
    judged = judge(plan, view, run.limits, now_ms)
    score = judged.found.kill.score
    if score is None or judged.found.z is None:
        raise BenchmarkFailed(f"{symbol}: a kill score without all its inputs in a replay")
    run.learn(symbol, eval_type, score)
    gate = _verdict(run, judged, score)
    run.gates[eval_type, gate] += 1
    run.looks.append(Look(number, eval_type, judged.found.z, judged.found.cutoff.value or 0.0, gate == "passed"))
    if gate != "passed":
        run.waited += ASK_BARS if eval_type is EvalType.EXIT else 0
    elif held is not None:
        account.close(symbol)
    else:
        account.open(symbol, plan.side.sign * (plan.qty if run.fixed else judged.qty), now_ms)


def _verdict(run: Run, judged: Judgement, score: float) -> str:
    if run.fixed:
        return "kill_score over the limit" if score > FIXED_LIMIT else "passed"
    return "passed" if judged.reason is None else judged.reason.value


def _plan(symbol: str, state: MarketState, number: int, *, rising: bool) -> Plan:
    side, step = Side.BUY if rising else Side.SELL, Decimal("0.001")
    qty = floor_to_step(SIZE_USD / state.price, step)
    return _of(symbol, side, Action.OPEN, qty, state, number, state.price * (1 - side.sign * STOP))


def _close(symbol: str, amount: Decimal, state: MarketState, number: int) -> Plan:
    return _of(symbol, Side.SELL if amount > 0 else Side.BUY, Action.CLOSE_FULL, abs(amount), state, number, None)


def _of(
    symbol: str, side: Side, action: Action, qty: Decimal, state: MarketState, number: int, stop: Decimal | None
) -> Plan:  # fmt: skip
    return Plan(
        plan_id=f"{symbol}-{number}", intent_id=f"{symbol}-{number}", decision=Decision.EXECUTE, gate=None,
        symbol=symbol, side=side, eval_type=action.eval_type, action=action, type=OrderType.MARKET, qty=qty,
        reduce_only=action is not Action.OPEN, price=state.price, leverage=None, stop_loss=stop, take_profit=None,
        confidence=None, regime="", expires_ms=state.ts_ms + 1, source="replay", gates="[]",
        timestamp=state.ts_ms // 1000, ts_ms=state.ts_ms,
    )  # fmt: skip


def _states(klines: Path, symbols: Sequence[str], bars: int) -> Iterator[tuple[int, str, MarketState]]:
    """Yield each symbol's market state bar by bar, all symbols in step."""
    yield from heapq.merge(*(_of_symbol(klines, symbol, bars) for symbol in symbols), key=lambda row: row[0])


def _of_symbol(klines: Path, symbol: str, bars: int) -> Iterator[tuple[int, str, MarketState]]:
    path = klines / f"{symbol}-1m.csv.gz"
    if not path.is_file():
        raise BenchmarkFailed(f"no {path.name} in the folder of real bars; give it with --klines DIR")
    features = SymbolFeatures(MINUTE_MS)
    with gzip.open(path, "rt", encoding="ascii") as file:
        rows = (row for row in csv.reader(file) if row[0].isdigit())
        for number, row in zip(range(WARM_BARS + bars), rows, strict=False):
            opened, high, low, close, volume = (Decimal(value) for value in row[1:6])
            bar = Bar(symbol, int(row[0]), int(row[6]), opened, high, low, close, volume)
            update = features.update(bar)
            if isinstance(update, Updated):
                yield number, symbol, market_state(update.features, bar.close_ms)


def _gates(runs: Sequence[Run]) -> str:
    kinds = sorted({key for one in runs for key in one.gates})
    rows = [[f"{kind} {gate}", *(f"{one.gates[kind, gate]}" for one in runs)] for kind, gate in kinds]
    return table(["verdict", *(one.name for one in runs)], rows)


def _weeks(runs: Sequence[Run]) -> str:
    rows = []
    for one in runs:
        entries = [look for look in one.looks if look.eval_type is EvalType.ENTRY]
        exits = [look for look in one.looks if look.eval_type is EvalType.EXIT]
        rows.append(
            [
                one.name, _share(entries), _share(exits), f"{one.waited}",
                f"{min(look.cutoff for look in entries):.2f} to {max(look.cutoff for look in entries):.2f}",
            ]
        )  # fmt: skip
    return table(["profile", "entries passed", "exits passed", "bars exits waited", "entry cutoff"], rows)


def _share(looks: Sequence[Look]) -> str:
    return f"{100 * sum(look.ok for look in looks) / max(len(looks), 1):.1f} %"


def _plot(run: Run) -> str:
    """Return kill_z of entries over the week as text: a row each quarter day, `.` passed, `x` refused, `|` the mean
    cutoff."""
    lines = [
        f"kill_z of entries, {run.name}: . passed, x refused, | the mean cutoff; from {PLOT_SPAN[0]} to {PLOT_SPAN[1]}"
    ]
    entries = [look for look in run.looks if look.eval_type is EvalType.ENTRY]
    per_row = max(1, math.ceil((entries[-1].bar + 1 - WARM_BARS) / PLOT_ROWS))
    for row in range(PLOT_ROWS):
        inside = [look for look in entries if (look.bar - WARM_BARS) // per_row == row]
        cells = [" "] * PLOT_WIDTH
        for look in inside:
            cells[_column(look.z)] = "." if look.ok else "x"
        if inside:
            cells[_column(sum(look.cutoff for look in inside) / len(inside))] = "|"
        lines.append(f"day {1 + row * per_row / DAY_BARS:4.2f} {''.join(cells).rstrip()}")
    return "\n".join(lines)


def _column(z: float) -> int:
    low, high = PLOT_SPAN
    return round((min(max(z, low), high) - low) / (high - low) * (PLOT_WIDTH - 1))
