"""How long a closed bar takes to become a wish: from the exchange's frame in hand to the intent in Redis' stream.

One engine on one core, with a real Redis and a model of a trained one's size that wishes on every decision bar. Fifty
symbols are measured twice: their frames one after the other, as an exchange sends them, and all in hand at once, where
the last one waits for the forty-nine before it.
"""

import asyncio
import gc
import math
import random
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks.machine import Machine
from benchmarks.percentiles import Summary, cells
from benchmarks.tables import table
from quantum_common.clock import SystemClock
from quantum_common.exchange.port import Bar, FundingTerms, SymbolRules
from quantum_common.exchange.rows import streamed_bar_of
from quantum_common.keys import Keys
from quantum_common.log import setup
from quantum_common.messages import Intent
from quantum_common.redis_client import Redis, connect_url
from quantum_common.state import EngineVerdict, Ledger, MarketState, Portfolio
from services.ai_engine.bars import BAR_MS
from services.ai_engine.ensemble import Ensemble, Fitted
from services.ai_engine.features import SymbolFeatures
from services.ai_engine.inputs import INPUT_NAMES, INPUT_WARM_BARS
from services.ai_engine.intake import Universe
from services.ai_engine.leader import LEADER, Leader
from services.ai_engine.logistic import Logistic
from services.ai_engine.memory import ExitMemory
from services.ai_engine.policy import Policy
from services.ai_engine.service import Engine
from services.ai_engine.settings import AiSettings
from services.ai_engine.store import RedisStore
from services.ai_engine.trees import LEAF, Trees
from services.cli import embedded_redis

SYMBOLS = 50
ROUNDS = 12  # decision bars of every symbol, each way
LIMIT_NS = 3_000_000  # of the 99th percentile
TREES, DEPTH = 120, 4
FIRST_MS = 1_700_000_100_000 // (15 * BAR_MS) * 15 * BAR_MS
HEAD = ("from a bar's frame to its intent", "count", "p50 ms", "p90 ms", "p99 ms", "worst ms", "limit p99")


class Frames:
    """A market that hands out frames of the exchange; `arrived_ns` is when the ones in hand came."""

    def __init__(self, symbols: Sequence[str], seed: int = 7) -> None:
        self.symbols = symbols
        self._chance = random.Random(seed)
        self._price = dict.fromkeys(symbols, 100.0)
        self._minute = 0
        self._waiting: list[list[bytes]] = []
        self.arrived_ns = 0

    async def server_time_ms(self) -> int:
        """Nobody asks."""
        raise NotImplementedError

    async def rules(self) -> Mapping[str, SymbolRules]:
        """Return filters that take any order."""
        small = Decimal("0.0001")
        return {
            one: SymbolRules(one, "TRADING", small, small, small, Decimal(10**6), Decimal(5)) for one in self.symbols
        }

    async def funding_terms(self) -> Mapping[str, FundingTerms]:
        """Return no terms: what is assumed costs the same work."""
        return {}

    async def history(self, symbol: str, interval: str, limit: int) -> Sequence[Bar]:
        """Return a past for a symbol, up to the minute that begins now."""
        del interval
        self._minute = limit
        return [self.bar(symbol, minute) for minute in range(limit)]

    async def next_bars(self) -> Sequence[Bar]:
        """Read the next frames as the market stream does."""
        frames = self._waiting.pop(0)
        self.arrived_ns = time.perf_counter_ns()
        return [streamed_bar_of(orjson.loads(frame)["data"]["k"]) for frame in frames]

    def close_minute(self, *, at_once: bool) -> int:
        """Let a minute close for every symbol; return how many times the engine has to come for it."""
        frames = [_frame(self.bar(symbol, self._minute)) for symbol in self.symbols]
        self._minute += 1
        self._waiting = [frames] if at_once else [[frame] for frame in frames]
        return len(self._waiting)

    def bar(self, symbol: str, minute: int) -> Bar:
        """Return the bar of a minute: one step of a random walk."""
        opened = self._price[symbol]
        closed = self._price[symbol] = opened * math.exp(self._chance.gauss(0.0, 0.001))
        open_ms = FIRST_MS + minute * BAR_MS
        high, low = max(opened, closed) * 1.0002, min(opened, closed) * 0.9998
        first, highest, lowest, last = (Decimal(f"{price:.4f}") for price in (opened, high, low, closed))
        return Bar(symbol, open_ms, open_ms + BAR_MS - 1, first, highest, lowest, last, Decimal(10))


def _frame(bar: Bar) -> bytes:
    kline = {
        "t": bar.open_ms, "T": bar.close_ms, "s": bar.symbol, "i": "1m", "o": str(bar.open), "c": str(bar.close),
        "h": str(bar.high), "l": str(bar.low), "v": str(bar.volume), "x": True,
    }  # fmt: skip
    stream = f"{bar.symbol.lower()}@kline_1m"
    return orjson.dumps({"stream": stream, "data": {"e": "kline", "E": bar.close_ms, "s": bar.symbol, "k": kline}})


class Watched(RedisStore):
    """The engine's own store, which notes when a wish stands in the stream."""

    def __init__(self, redis: Redis, keys: Keys, market: Frames) -> None:
        super().__init__(redis, keys)
        self._market = market
        self.took_ns: list[int] = []

    async def record_bar(
        self,
        symbol: str,
        state: MarketState,
        intents: Sequence[Intent],
        memory: ExitMemory | None,
        verdict: EngineVerdict | None = None,
    ) -> bool:
        """Record, and note the time of a bar that led to a wish."""
        written = await super().record_bar(symbol, state, intents, memory, verdict)
        if written and intents:
            self.took_ns.append(time.perf_counter_ns() - self._market.arrived_ns)
        return written


def measure(symbols: int = SYMBOLS, rounds: int = ROUNDS) -> str:
    """Given how many symbols and decision bars, return the table. Raise EmbeddedRedisError."""
    folder = Path(tempfile.mkdtemp(prefix="q-"))
    server = embedded_redis.start(folder, fsync="everysec")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_measured(server.url, symbols, rounds))
    finally:
        server.stop()
        shutil.rmtree(folder)


async def _measured(url: str, symbols: int, rounds: int) -> str:
    names = (LEADER, *(f"C{number:03d}USDT" for number in range(symbols - 1)))
    redis, keys, market = connect_url(url), Keys(), Frames(names)
    info: Any = await redis.info("server")
    machine = Machine.now(f"Redis {info['redis_version']}")
    await _furnish(redis, keys, names)
    policy = _policy()
    store = Watched(redis, keys, market)
    engine = Engine(
        market=market, store=store, clock=SystemClock(), log=setup("error", "ai-engine"),
        universe=Universe(names, INPUT_WARM_BARS + 14, 3, trained=True, leader=LEADER), model=model(), policy=policy,
    )  # fmt: skip
    await engine.warm_up()
    gc.collect()
    gc.freeze()  # as the engine's wiring does
    await engine.step()
    rows = []
    for what, at_once in ((f"{symbols} symbols, one after the other", False), (f"{symbols} symbols at once", True)):
        store.took_ns.clear()
        for _ in range(rounds * 15):
            for _ in range(market.close_minute(at_once=at_once)):
                await engine.step()
        rows.append([what, *cells(Summary.of(store.took_ns)), f"{LIMIT_NS / 1e6:.2f}" if not at_once else "none"])
    whole = [_whole_ns(market) for _ in range(10)]
    rows.append(["for scale: one symbol's features from a day of bars anew", *cells(Summary.of(whole)), "none"])
    size = f"{TREES} trees of depth {DEPTH} and a logistic regression, {len(INPUT_NAMES)} inputs"
    await redis.aclose()
    return "\n".join(
        ("## A closed bar to its intent, on one core", f"a model of {size}", "", table(HEAD, rows), "", machine.line())
    )


async def _furnish(redis: Redis, keys: Keys, names: Sequence[str]) -> None:
    """Write what the engine reads of the others: an account, and flat ledgers."""
    zero, equity = Decimal(0), Decimal(100_000)
    totals: Any = Portfolio(
        equity_usd=equity, peak_equity_usd=equity, drawdown_pct=zero, gross_exposure_usd=zero,
        exposure_utilization=zero, portfolio_heat=zero, open_positions=0, ts_ms=FIRST_MS,
    ).to_fields()  # fmt: skip
    await redis.hset(keys.portfolio, mapping=totals)
    flat: Any = Ledger.flat().to_fields()
    for name in names:
        await redis.hset(keys.ledger(name), mapping=flat)


def _policy() -> Policy:
    """Return the profile trade, wishing anew on every decision bar, with costs that any edge beats."""
    settings = AiSettings.model_validate(
        {"ai_symbols": LEADER, "ai_taker_fee_bps": 0, "ai_slippage_bps": 0, "ai_edge_margin_bps": 0,
         "ai_funding_bps_8h": 0}
    )  # fmt: skip
    policy = settings.policy
    return replace(policy, entry=replace(policy.entry, ask_again_bars=0))


def _whole_ns(market: Frames) -> int:
    """Return how long it takes to make one symbol's inputs without anything kept from the bar before."""
    bars = [market.bar(LEADER, minute) for minute in range(15, 15 + INPUT_WARM_BARS + 15)]
    began_ns = time.perf_counter_ns()
    features = SymbolFeatures(BAR_MS, 15 * BAR_MS, Leader(LEADER))
    for bar in bars:
        features.update(bar)
    return time.perf_counter_ns() - began_ns


def model(seed: int = 3) -> Ensemble:
    """Return a model of a trained one's size, of drawn numbers, that is never without an opinion."""
    chance = random.Random(seed)
    columns: dict[str, list[Any]] = {name: [] for name in ("inputs", "thresholds", "left", "right", "values")}

    def grow(depth: int) -> int:
        node = len(columns["inputs"])
        for column, value in zip(columns.values(), (LEAF, 0.0, LEAF, LEAF, chance.gauss(0.001, 0.01)), strict=True):
            column.append(value)
        if depth:
            columns["inputs"][node] = chance.randrange(len(INPUT_NAMES))
            columns["thresholds"][node] = chance.gauss(0.0, 0.5)
            columns["left"][node], columns["right"][node] = grow(depth - 1), grow(depth - 1)
        return node

    roots = [grow(DEPTH) for _ in range(TREES)]
    zeros = (0.0,) * len(INPUT_NAMES)
    weights = tuple(chance.gauss(0.0, 0.05) for _ in INPUT_NAMES)
    fitted = Fitted(
        horizon_bars=240, slope=0.8, haircut=0.55, volatility=None,
        members=(Trees.model_validate({"steepness": 1.6, "roots": roots, **columns}),
                 Logistic(centres=zeros, weights=weights)),
    )  # fmt: skip
    return Ensemble(card=None, fitted=fitted, version="bench")  # type: ignore[arg-type]  # no card: nothing is claimed
