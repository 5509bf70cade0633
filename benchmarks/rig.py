"""The chain under test: the real daemons as processes, an embedded Redis and the paper exchange, on loopback.

The daemons' settings are their defaults, except what keeps a load test from being refused as what it is: allowlists,
caps, budgets and rate windows are as wide as they go. The AI engine does not run: the benchmark writes its market
states once, and injects the wishes.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.children import Children
from quantum_common.keys import Keys
from quantum_common.state import MarketState
from services.cli import embedded_redis, redis_link
from services.cli.env_files import Values, child_environment, write_env_files, write_secret
from services.cli.exchange_link import ExchangeLink
from services.paper_exchange.options import DEMO_KEY, DEMO_SECRET

DAEMONS = ("position-state-brain", "governor", "intent-executor", "intent-bridge")
EXCHANGE, REDIS = "paper-exchange", "redis"
WIDE = str(10**9)
MANY = "1000000"
READY_WITHIN_S = 60.0
WARM_UP_BARS = "60"
EXCHANGE_LEVERAGE = "20"  # what the paper exchange sets for a new account: no plan has to change it
REDIS_MAXMEMORY = "8gb"  # an hour at full rate keeps more than the embedded default holds


@dataclass
class Rig:
    """A running chain."""

    children: Children
    redis: Redis
    redis_url: str
    keys: Keys
    redis_pid: int
    exchange_url: str
    symbols: Sequence[str]

    @property
    def pids(self) -> dict[str, int]:
        """Return the process id of everything that is measured, by name."""
        return {REDIS: self.redis_pid, **{child.name: child.pid for child in self.children.found.values()}}

    def length(self, stream: str) -> int:
        """Given a stream, return how many entries were ever written to it."""
        info: Any = self.redis.xinfo_stream(stream) if self.redis.exists(stream) else {}
        return int(info.get("entries-added", 0))

    def redis_version(self) -> str:
        """Return the server's name and version, with how it keeps what it acknowledges."""
        info: Any = self.redis.info("server")
        name, version = info.get("server_name", "redis"), info.get("valkey_version") or info["redis_version"]
        fsync: Any = self.redis.config_get("appendfsync")
        return f"{name} {version} appendfsync {fsync['appendfsync']}"

    def link(self) -> ExchangeLink:
        """Return a reader of the exchange that shares no code with the daemons' adapter."""
        return ExchangeLink(self.exchange_url, DEMO_KEY, DEMO_SECRET)


@contextmanager
def chain(fsync: embedded_redis.Fsync, symbols: int, overrides: Values | None = None) -> Iterator[Rig]:
    """Given when Redis syncs, how many symbols there are, and keys to set in env files besides, run the whole chain
    for as long as the context lasts. Raise BenchmarkFailed where it does not come up."""
    with bench(fsync, symbols, overrides or {}) as rig:
        for name in DAEMONS:
            rig.children.start(name, f"services.{name.replace('-', '_')}")
        rig.children.wait_until(lambda: _running(rig), "the daemons are running", READY_WITHIN_S)
        yield rig


@contextmanager
def bench(fsync: embedded_redis.Fsync, symbols: int, overrides: Values) -> Iterator[Rig]:
    """Given the same, run Redis and the paper exchange alone, with the env files that daemons would need."""
    with tempfile.TemporaryDirectory(prefix="qbench-") as name:
        folder = Path(name)
        server = embedded_redis.start(folder / "redis", fsync=fsync)
        try:
            environment, _ = child_environment(folder)
            with Children(folder, environment) as children:
                url = _start_exchange(children, symbols)
                redis = redis_link.connect(redis_link.RedisAddress(server.url))
                redis.config_set("maxmemory", REDIS_MAXMEMORY)
                rig = Rig(children, redis, server.url, Keys(), server.process.pid, url, ())
                rig.symbols = rig.link().symbols()
                write_env_files(folder, _values(rig, folder, fsync, overrides))
                _write_market_states(rig)
                yield rig
                redis.close()
        finally:
            server.stop()


def _start_exchange(children: Children, symbols: int) -> str:
    """Start the paper exchange on a free port, its limits out of the way, and return its address."""
    port_file, state = children.folder / "port", children.folder / "paper"
    children.start(
        EXCHANGE, "services.paper_exchange", "--market", "synthetic:7", "--symbols", str(symbols),
        "--warmup", WARM_UP_BARS, "--port", "0", "--port-file", str(port_file), "--state", str(state),
        "--balance", WIDE, "--weight-limit", WIDE, "--order-limit-10s", WIDE, "--order-limit-1m", WIDE,
    )  # fmt: skip
    children.wait_until(lambda: port_in(port_file) > 0, "the exchange is ready", READY_WITHIN_S)
    return f"http://127.0.0.1:{port_in(port_file)}"


def port_in(path: Path) -> int:
    """Given a port file, return the port in it, or 0 while it is not written whole."""
    text = path.read_text(encoding="ascii") if path.exists() else ""
    return int(text) if text.endswith("\n") else 0


def _values(rig: Rig, folder: Path, fsync: embedded_redis.Fsync, overrides: Values) -> Values:
    """Return the keys to set in each env file."""
    listed = ",".join(rig.symbols)
    values = {
        "common": {
            "QUANTUM_ENV": "paper",
            "QUANTUM_REDIS_URL": rig.redis_url,
            "QUANTUM_PAPER_URL": rig.exchange_url,
            "QUANTUM_API_KEY_FILE": str(write_secret(folder / "api-key", DEMO_KEY)),
            "QUANTUM_API_SECRET_FILE": str(write_secret(folder / "api-secret", DEMO_SECRET)),
            "QUANTUM_DURABILITY": "strict" if fsync == "always" else "relaxed",
        },
        "intent-bridge": {
            "INTENT_BRIDGE_ALLOWLIST": listed,
            "INTENT_BRIDGE_POSITIONS_MAX": "1000",
            "INTENT_BRIDGE_GROSS_EXPOSURE_USDT_MAX": WIDE,
            "INTENT_BRIDGE_LEVERAGE_MAX": EXCHANGE_LEVERAGE,
            "INTENT_BRIDGE_LEVERAGE_DEFAULT": EXCHANGE_LEVERAGE,
            "INTENT_BRIDGE_PLAN_TTL_MS": "60000",
        },
        "governor": {
            "GOV_SYMBOL_ENTRIES_PER_5MIN_MAX": MANY,
            "GOV_SYMBOL_ENTRIES_PER_HOUR_MAX": MANY,
            "GOV_ENTRIES_PER_5MIN_MAX": MANY,
            "GOV_ENTRIES_PER_HOUR_MAX": MANY,
            "GOV_DAILY_NOTIONAL_USDT_MAX": WIDE,
            "GOV_DISARM_ERRORS": "0",
            "GOV_DISARM_BURSTS": "0",
            "GOV_POSITIONS_MAX": "1000",
            "GOV_GROSS_EXPOSURE_USDT_MAX": WIDE,
            "GOV_SYMBOL_EXPOSURE_USDT_MAX": WIDE,
            "GOV_CORRELATED_EXPOSURE_USDT_MAX": WIDE,
            "GOV_HEAT_MAX": "1",
        },
        "intent-executor": {"INTENT_EXECUTOR_ALLOWLIST": listed, "INTENT_EXECUTOR_PERMIT_WAIT_MS": "60000"},
        "position-state-brain": {"P33_ALLOWLIST": listed, "P33_EXPOSURE_CAP_USD": WIDE},
    }
    return {file: {**values.get(file, {}), **overrides.get(file, {})} for file in values.keys() | overrides.keys()}


def _write_market_states(rig: Rig) -> None:
    """Write what the AI engine would: a calm trend on every symbol, so that no score stands in an entry's way."""
    now_ms = time.time_ns() // 1_000_000
    state = MarketState(
        sigma=Decimal("0.001"), sigma_ref=Decimal("0.001"), ts=Decimal("0.4"), p_trend=Decimal("0.8"),
        p_mr=Decimal("0.1"), p_chop=Decimal("0.1"), volatility_regime=Decimal("0.5"), atr=Decimal("0.01"),
        price=Decimal(1), bar_close_ms=now_ms, ts_ms=now_ms,
    )  # fmt: skip
    pipe = rig.redis.pipeline(transaction=False)
    for symbol in rig.symbols:
        fields: dict[Any, Any] = state.to_fields()
        pipe.hset(rig.keys.market_state(symbol), mapping=fields)
    pipe.execute()


def _running(rig: Rig) -> bool:
    """Return whether every daemon says so, and every symbol has its snapshot."""
    beats = [rig.redis.hget(rig.keys.heartbeat(name), "status") for name in DAEMONS]
    last = rig.symbols[-1]
    return (
        all(beat == "running" for beat in beats)
        and bool(rig.redis.exists(rig.keys.portfolio))
        and bool(rig.redis.exists(rig.keys.snapshot(last)))
        and bool(rig.redis.exists(rig.keys.governor_state))
    )
