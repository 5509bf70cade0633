"""What is read for a scrape: each probe asks for one kind of thing and shows it as gauges.

A probe that needs Redis raises what Redis raises; the scrape then leaves the rest out. None of them writes. Symbols
are read a few at a time: the answers for hundreds, in one go, would hold the service up for as long as an order takes.
"""

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import Any

from quantum_common import metric_catalogue as catalogue
from quantum_common.clock import Clock
from quantum_common.exchange.budget import BudgetState, Cost, Kind, Lane
from quantum_common.exchange.session import Session
from quantum_common.keys import Keys, short
from quantum_common.metrics import Metrics, Probe
from quantum_common.redis_client import Redis
from quantum_common.state import ModelStatus, TradingState
from quantum_common.trimming import lost_unread

EXCHANGE_SILENT_MS_MAX = 150_000  # whoever has nothing to ask compares clocks with it every 60 s
SYMBOLS_AT_ONCE = 10
_WINDOWS = {1_000: "1s", 10_000: "10s", 60_000: "1m", 3_600_000: "1h", 86_400_000: "1d"}
_PORTFOLIO = {
    "equity_usd": catalogue.EQUITY,
    "peak_equity_usd": catalogue.PEAK,
    "drawdown_pct": catalogue.DRAWDOWN,
    "gross_exposure_usd": catalogue.EXPOSURE,
    "exposure_utilization": catalogue.UTILIZATION,
    "portfolio_heat": catalogue.HEAT,
    "open_positions": catalogue.OPEN,
}

Symbols = Callable[[], Collection[str]]


def consumer(redis: Redis, group: str, streams: Sequence[str], clock: Clock) -> Probe:
    """Given a group and its streams, show how far behind it is."""

    async def probe(metrics: Metrics) -> None:
        async with redis.pipeline(transaction=False) as pipe:
            for stream in streams:
                pipe.xinfo_groups(stream)
                pipe.xpending(stream, group)
                pipe.xlen(stream)
            answers = iter(await pipe.execute(raise_on_error=False))
        for stream, groups, pending, length in zip(streams, answers, answers, answers, strict=True):
            if isinstance(groups, Exception) or isinstance(pending, Exception):
                continue  # there is no such stream or group yet
            name = short(stream)
            facts = next((one for one in groups if one["name"] == group), None)
            if facts is not None:
                metrics.set(catalogue.BEHIND, lost_unread(facts, length) > 0, name)
                if facts["lag"] is not None:
                    metrics.set(catalogue.LAG, facts["lag"], name)
            metrics.set(catalogue.PENDING, pending["pending"], name)
            oldest_ms = int(pending["min"].partition("-")[0]) if pending["min"] else clock.now_ms()
            metrics.set(catalogue.OLDEST, max(clock.now_ms() - oldest_ms, 0) / 1000, name)

    return probe


def positions(redis: Redis, keys: Keys, allowlist: Symbols, standing: Symbols) -> Probe:
    """Given the allowlist and the symbols that have a ledger, show what the exchange and the ledgers say of them."""

    async def probe(metrics: Metrics) -> None:
        allowed, seen = allowlist(), 0
        symbols = sorted({*allowed, *standing()})
        for start in range(0, len(symbols), SYMBOLS_AT_ONCE):
            some = symbols[start : start + SYMBOLS_AT_ONCE]
            for symbol, found in zip(some, await _standing(redis, keys, some), strict=True):
                seen += _show_position(metrics, symbol, *found) and symbol in allowed
        metrics.set(catalogue.COVERAGE, seen / max(len(allowed), 1))

    return probe


async def _standing(redis: Redis, keys: Keys, symbols: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return, for each symbol, the snapshot's amount, PnL and time, the ledger's amount, and whether it has a hold and
    a stop."""
    async with redis.pipeline(transaction=False) as pipe:
        for symbol in symbols:
            pipe.hmget(keys.snapshot(symbol), "position_amt", "unrealized_pnl", "ts_ms")
            pipe.hget(keys.ledger(symbol), "position_amt")
            pipe.exists(keys.hold(symbol))
            pipe.exists(keys.stop(symbol))
        answers = iter(await pipe.execute())
    return list(zip(answers, answers, answers, answers, strict=True))


def _show_position(
    metrics: Metrics, symbol: str, snapshot: Sequence[str | None], booked: str | None, held: int, stop: int
) -> bool:
    """Show one symbol; return whether it has a snapshot."""
    metrics.set(catalogue.HELD, held, symbol)
    amount, pnl, ts_ms = snapshot
    if amount is None or pnl is None or ts_ms is None:
        return False
    metrics.set(catalogue.POSITION, float(amount), symbol)
    metrics.set(catalogue.PNL, float(pnl), symbol)
    metrics.set(catalogue.SNAPSHOT, int(ts_ms) / 1000, symbol)
    metrics.set(catalogue.UNPROTECTED, Decimal(amount) != 0 and not stop, symbol)
    if booked:
        metrics.set(catalogue.DRIFT, float(Decimal(amount) - Decimal(booked)), symbol)
    return True


def portfolio(redis: Redis, keys: Keys) -> Probe:
    """Show the account as P3.3 last measured it."""

    async def probe(metrics: Metrics) -> None:
        fields: Any = await redis.hgetall(keys.portfolio)
        if fields:
            for name, metric in _PORTFOLIO.items():
                metrics.set(metric, float(fields[name]))
            metrics.set(catalogue.PORTFOLIO_AT, int(fields["ts_ms"]) / 1000)

    return probe


def trading_state(redis: Redis, keys: Keys) -> Probe:
    """Show the one trading state."""

    async def probe(metrics: Metrics) -> None:
        holds, since_ms = await redis.hmget(keys.governor_state, "trading_state", "since_ms")
        for state in TradingState:
            metrics.set(catalogue.STATE, state == holds, state)
        if since_ms:
            metrics.set(catalogue.STATE_SINCE, int(since_ms) / 1000)

    return probe


def bars(redis: Redis, keys: Keys, symbols: Collection[str]) -> Probe:
    """Given the engine's universe, show how new each symbol's last bar is."""

    async def probe(metrics: Metrics) -> None:
        async with redis.pipeline(transaction=False) as pipe:
            for symbol in symbols:
                pipe.hget(keys.market_state(symbol), "bar_close_ms")
            answers = await pipe.execute()
        for symbol, close_ms in zip(symbols, answers, strict=True):
            if close_ms:
                metrics.set(catalogue.BAR, int(close_ms) / 1000, symbol)

    return probe


def model(redis: Redis, keys: Keys) -> Probe:
    """Show which model is in use, how it stands and how far it has drifted."""

    async def probe(metrics: Metrics) -> None:
        fields: Any = await redis.hgetall(keys.engine_model)
        if not fields:
            return
        metrics.set(catalogue.MODEL, 1, fields["name"], fields["version"])
        for status in ModelStatus:
            metrics.set(catalogue.MODEL_STATUS, status == fields["status"], status)
        for name, metric in (("trained_ms", catalogue.MODEL_TRAINED), ("expires_ms", catalogue.MODEL_EXPIRES)):
            if fields[name]:
                metrics.set(metric, int(fields[name]) / 1000)
        for of in ("inputs", "calibration"):
            for name, metric in (
                (f"drift_{of}", catalogue.MODEL_DRIFT),
                (f"drift_{of}_limit", catalogue.MODEL_DRIFT_LIMIT),
            ):
                if fields[name]:
                    metrics.set(metric, float(fields[name]), of)

    return probe


def exchange(session: Session, clock: Clock) -> Probe:
    """Given the line to the exchange, show whether it answers, its clock, and what is used of its limits."""

    async def probe(metrics: Metrics) -> None:
        metrics.set(catalogue.EXCHANGE_UP, clock.now_ms() - session.heard_ms <= EXCHANGE_SILENT_MS_MAX)
        if session.heard_ms:
            metrics.set(catalogue.EXCHANGE_HEARD, session.heard_ms / 1000)
        metrics.set(catalogue.CLOCK_OFFSET, session.server_clock.offset_ms / 1000)
        show_budget(metrics, session.budget.state, session.server_clock.now_ms())

    return probe


def show_budget(metrics: Metrics, state: BudgetState, now_ms: int) -> None:
    """Given the budget as this process knows it and the exchange's time, show its counters and what each lane may."""
    for item in state.counters:
        labels = ("weight" if item.kind is Kind.WEIGHT else "orders", _WINDOWS.get(item.interval_ms, "other"))
        metrics.set(catalogue.BUDGET_USED, item.used_at(now_ms), *labels)
        metrics.set(catalogue.BUDGET_LIMIT, item.limit, *labels)
    for lane in Lane:
        cost = Cost(1, int(lane in {Lane.CLOSE, Lane.OPEN}))
        metrics.set(catalogue.BUDGET_WAIT, state.wait_ms(lane, cost, now_ms) / 1000, lane.name.lower())
