"""The outcome of a run as one JSON object: the same bars and settings give the same bytes, but for `run`."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quantum_common.clock import MINUTE_MS
from quantum_common.money import plain
from services.backtest import metrics
from services.backtest.books import differences
from services.backtest.replay import Replay
from services.backtest.settings import shown

STAGES = ("intent-bridge", "governor", "position-state-brain", "intent-executor")
SOURCE = (
    "every figure of profit, cost and count is computed from the fills, fees and funding of the paper exchange, and "
    "the equity from its account; none from what a service believes"
)


def result_of(replay: Replay, data: Path, card: Mapping[str, Any] | None, run: Mapping[str, Any]) -> dict[str, Any]:
    """Given a run that has ended, return all that is told of it. `run` is what differs from time to time."""
    recorder, span, curve, symbols = replay.recorder, replay.span, replay.curve, replay.engine.universe.symbols
    account, balance = recorder.account, float(replay.terms.balance)
    unrealised = replay.venue.engine.account().unrealized_pnl
    wrong = differences(account.symbols, replay.board.ledgers)
    wrong += _money(replay, unrealised)
    return {
        "format": 1,
        "source": SOURCE,
        "headline": metrics.headline(account.total, curve, recorder.all_trips, balance, float(unrealised))
        | {"orders": recorder.orders, "plans": recorder.plans, "buy_and_hold_pct": _held(replay)},
        "definitions": metrics.DEFINITIONS,
        "books": {"ledger_equals_exchange": not wrong, "differences": wrong},
        "period": {
            "start_ms": span.start_ms,
            "end_ms": span.start_ms + replay.minutes * MINUTE_MS,
            "minutes": replay.minutes,
            "whole": replay.minutes == span.minutes,
            "warm_up_bars": (span.start_ms - span.warm_ms) // MINUTE_MS,
        },
        "data": {"folder": str(data), "symbols": list(symbols), "symbol_bars": replay.minutes * len(symbols)},
        "account": {
            "deposit_usd": balance,
            "latency_ms": replay.terms.latency_ms,
            "taker_fee_bps": float(next(iter(replay.venue.engine.symbols().values())).taker_fee * 10_000),
            "open_positions": account.open_positions,
        },
        "model": _model(replay, card),
        "per_symbol": metrics.per_symbol(account.symbols, recorder.by_symbol),
        "per_exit_reason": {name: metrics.tally(one) for name, one in sorted(recorder.by_reason.items())},
        "per_side": {name: metrics.tally(one) for name, one in sorted(recorder.by_side.items())},
        "per_day": metrics.daily(curve, balance),
        "gates": _gates(recorder.gates),
        "engine": _ordered(replay.engine.counts),
        "outcomes": _nested(recorder.outcomes),
        "events": [
            {"ts_ms": event.ts_ms, "kind": event.kind, "trading_state": event.trading_state, "reason": event.reason}
            for event in recorder.events
        ],
        "warnings": {
            name: {"count": count, "first": replay.chain.notes.first[name]}
            for name, count in sorted(replay.chain.notes.counts.items())
        },
        "settings": shown(replay.settings),
        "curve": {
            "times_ms": curve.times,
            "equity_usd": curve.equities,
            "drawdown": curve.drawdowns,
        },
        "run": dict(run),
    }


def _money(replay: Replay, unrealised: Any) -> list[str]:
    """The wallet is the deposit and what the fills came to; anything else is an error of ours."""
    engine, total = replay.venue.engine, replay.recorder.account.total
    wallet = engine.account_row().wallet_balance
    wanted = replay.terms.balance + total.net
    if wallet == wanted and engine.account().margin_balance == wallet + unrealised:
        return []
    return [f"the wallet is {plain(wallet)}, the deposit and all fills come to {plain(wanted)}"]


def _held(replay: Replay) -> float | None:
    """Return what the deposit would have come to, spread over the symbols and held, in percent."""
    if not replay.minutes:
        return None
    moves = []
    for symbol in replay.engine.universe.symbols:
        lane = replay.engine.lanes[symbol]
        last = lane.first + replay.minutes - 1
        moves.append(lane.bars.close[last] / lane.bars.open[lane.first] - 1.0)
    return round(100.0 * sum(moves) / len(moves), 4)


def _model(replay: Replay, card: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return who decided, and on how much of these bars it had been trained: what it did there proves nothing."""
    model, start_ms = replay.engine.mind.model, replay.span.start_ms
    named = {"name": model.name, "version": model.version}
    if card is None:
        return named | {"card": None, "seen_pct": None}
    end_ms = start_ms + replay.minutes * MINUTE_MS
    seen_ms = max(0, min(card["until_ms"], end_ms) - max(card["from_ms"], start_ms))
    return named | {"card": dict(card), "seen_pct": round(100.0 * seen_ms / max(end_ms - start_ms, 1), 2)}


def _gates(gates: Counter[tuple[str, str, str]]) -> dict[str, dict[str, dict[str, int]]]:
    """Return how many plans each stage passed and refused, by gate, entries and exits apart."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for (stage, kind, gate), count in sorted(gates.items(), key=lambda one: (STAGES.index(one[0][0]), one[0])):
        found.setdefault(stage, {}).setdefault(kind, {})[gate] = count
    return found


def _nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (kind, outcome), count in sorted(counts.items()):
        found.setdefault(kind, {})[outcome] = count
    return found


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return {str(name): count for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))}
