"""A small pipeline, planted in a real Redis by the project's own records: healthy, just traded. A test breaks it."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis import Redis

from quantum_common.keys import GROUP_BRIDGE, GROUP_EXECUTOR, GROUP_GOVERNOR, GROUP_P33, SERVICES, Keys
from quantum_common.messages import Action, Decision, EvalType, GovernorEvent, Issuer, Record, Side
from quantum_common.reasons import Gate
from quantum_common.state import GovernorState, Hold, Ledger, OrderState, PositionSide, TradingState
from quantum_common.verdicts import Verdict, as_json
from quantum_common.version import build_id
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.redis_link import RedisAddress, connect
from tests.unit.cli import histories
from tests.unit.governor.builders import market, portfolio

KEYS = Keys()
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
BUILD = build_id()
D = Decimal
GROUPS = (
    (KEYS.intents, GROUP_BRIDGE), (KEYS.plans, GROUP_GOVERNOR), (KEYS.plans, GROUP_P33), (KEYS.plans, GROUP_EXECUTOR),
    (KEYS.permits, GROUP_EXECUTOR), (KEYS.results, GROUP_P33), (KEYS.results, GROUP_GOVERNOR),
)  # fmt: skip
BRIDGE_GATES = (
    Verdict(Gate.STALE_INTENT, ok=True, value="40", limit="30000"),
    Verdict(Gate.LOW_CONFIDENCE, ok=True, value="0.7", limit="0.5"),
)


@dataclass
class Planted:
    """A pipeline whose services are still; what they wrote stands in Redis. Ages are told from `now_ms`."""

    redis: Redis
    folder: Path
    now_ms: int

    def hash(self, key: str, record: Record | Mapping[str, object]) -> None:
        fields: Any = record.to_fields() if isinstance(record, Record) else {n: str(v) for n, v in record.items()}
        self.redis.delete(key)
        self.redis.hset(key, mapping=fields)

    def entry(self, stream: str, record: Record, age_ms: int) -> str:
        """Write an entry of that age, after which nothing newer stands yet."""
        fields: Any = record.to_fields()
        return str(self.redis.xadd(stream, fields, id=f"{self.now_ms - age_ms}-*"))

    def beat(self, service: str, **changes: object) -> "Planted":
        fields = {
            "pid": 7, "version": BUILD, "started_ms": self.now_ms - 3_600_000, "ts_ms": self.now_ms,
            "status": "running", "lag": 0, "handled": 20, "dead": 0, "lost": 0, "last_message_ms": self.now_ms - 1000,
        }  # fmt: skip
        self.hash(KEYS.heartbeat(service), fields | changes)
        return self

    def stopped(self, service: str) -> "Planted":
        self.redis.delete(KEYS.heartbeat(service))
        return self

    def state(self, state: TradingState, reason: str = "a test") -> "Planted":
        found = GovernorState(trading_state=state, reason=reason, by="ada", since_ms=self.now_ms - 60_000)
        self.hash(KEYS.governor_state, found)
        return self

    def position(self, symbol: str, exchange: str, ledger: str, *, age_ms: int = 1000) -> "Planted":
        """What the exchange says and what we did; a stop beside a position."""
        at_ms = self.now_ms - age_ms
        snapshot = histories.snapshot(exchange).model_copy(update={"ts_ms": at_ms, "ts_epoch": at_ms // 1000})
        self.hash(KEYS.snapshot(symbol), snapshot)
        amount = D(ledger)
        changes = {
            "position_amt": amount, "side": PositionSide.of(amount), "avg_entry_price": D(100),
            "opened_ms": self.now_ms - 120_000 if amount else None, "updated_ms": self.now_ms - 120_000,
        }  # fmt: skip
        self.hash(KEYS.ledger(symbol), Ledger.flat().model_copy(update=changes))
        if D(exchange):
            stop = {"client_id": f"qs-{symbol}", "trigger_price": "95", "updated_ms": self.now_ms - 119_000}
            self.hash(KEYS.stop(symbol), stop)
        return self

    def hold(self, symbol: str, reason: str = "ledger_drift") -> "Planted":
        record = Hold(
            reason=reason, exchange_position_amt=D(2), ledger_position_amt=D(1), since_ms=self.now_ms - 90_000,
            details="no trade explains it",
        )  # fmt: skip
        self.hash(KEYS.hold(symbol), record)
        return self

    def verdict(self, symbol: str, why: str, **changes: object) -> "Planted":
        fields = {
            "why": why, "bar_close_ms": self.now_ms - 20_000, "decided_bar_ms": self.now_ms - 20_000, "p_up": "0.61",
            "confidence": "0.7", "edge_bps": "31", "cost_bps": "12", "value": "", "limit": "", "model_version": "m1",
            "ts_ms": self.now_ms - 20_000,
        }  # fmt: skip
        self.hash(KEYS.engine_verdict(symbol), fields | changes)
        return self

    def model(self, **changes: object) -> "Planted":
        fields = {
            "name": "ensemble", "version": "m1", "status": "ok", "reason": "",
            "trained_ms": self.now_ms - 5 * 86_400_000,
            "expires_ms": self.now_ms + 9 * 86_400_000, "age_ms": 5 * 86_400_000, "pays": "True", "ts_ms": self.now_ms,
            "drift_inputs": "0.05", "drift_inputs_limit": "0.2", "drift_calibration": "0.01",
            "drift_calibration_limit": "0.1", "observations": 800,
        }  # fmt: skip
        self.hash(KEYS.engine_model, fields | changes)
        return self

    def bars(self, symbol: str, age_ms: int = 20_000) -> "Planted":
        at_ms = self.now_ms - age_ms
        self.hash(KEYS.market_state(symbol), market(bar_close_ms=at_ms, ts_ms=at_ms))
        return self

    def wish(self, symbol: str, name: str, age_ms: int, action: Action = Action.OPEN) -> str:
        """A wish, as the engine writes it. Its id begins with `name`; so does its plan's."""
        at_ms = self.now_ms - age_ms
        exits = action.eval_type is EvalType.EXIT
        intent = histories.intent(
            intent_id=f"{name}-intent", symbol=symbol, action=action, eval_type=action.eval_type,
            side=Side.SELL if exits else Side.BUY, position_size_usd=None if exits else D(100), ts_ms=at_ms,
            confidence=D("0.7"), expected_edge_bps=D(31), source="ai-engine",
        )  # fmt: skip
        self.entry(KEYS.intents, intent, age_ms)
        return intent.intent_id

    def plan(
        self, symbol: str, name: str, age_ms: int, *, failed: Verdict | None = None, action: Action = Action.OPEN
    ) -> str:
        exits = action.eval_type is EvalType.EXIT
        passed = [one for one in BRIDGE_GATES if failed is None or one.gate is not failed.gate]
        plan = histories.plan(
            plan_id=name, intent_id=f"{name}-intent", symbol=symbol, action=action, eval_type=action.eval_type,
            side=Side.SELL if exits else Side.BUY, reduce_only=exits, ts_ms=self.now_ms - age_ms,
            expires_ms=self.now_ms - age_ms + 10_000, price=D(100), stop_loss=D(95),
            decision=Decision.BLOCKED if failed else Decision.EXECUTE, gate=failed.gate if failed else None,
            gates=as_json([*passed, *([failed] if failed else [])]),
        )  # fmt: skip
        self.entry(KEYS.plans, plan, age_ms)
        return plan.plan_id

    def permit(
        self, symbol: str, name: str, age_ms: int, issuer: Issuer, *, failed: Verdict | None = None, **changes: Any
    ) -> "Planted":
        rows = [{"gate": failed.gate, "value": failed.value, "limit": failed.limit, "ok": False}] if failed else []
        permit = histories.permit(
            issuer, plan_id=name, symbol=symbol, allow=failed is None, reason=failed.gate if failed else None,
            safe_qty=D(0) if failed else D(2), details=orjson.dumps({"gates": rows}).decode(),
            ts_ms=self.now_ms - age_ms, **changes,
        )  # fmt: skip
        self.entry(KEYS.permits, permit, age_ms)
        return self

    def result(
        self,
        symbol: str,
        name: str,
        age_ms: int,
        gate: Gate | None = None,
        action: Action = Action.OPEN,
        **changes: Any,
    ) -> "Planted":
        exits = action.eval_type is EvalType.EXIT
        at_ms = self.now_ms - age_ms
        fields: dict[str, Any] = {
            "plan_id": name, "intent_id": f"{name}-intent", "symbol": symbol, "action": action,
            "eval_type": action.eval_type, "side": Side.SELL if exits else Side.BUY, "client_order_id": f"qo-{name}",
            "sent_ms": at_ms - 15, "acked_ms": at_ms - 2, "ts_ms": at_ms, "position_after": D(2), "avg_price": D(100),
        }  # fmt: skip
        if gate is None:
            made = histories.result(**(fields | changes))
        else:
            gone = {"client_order_id": "", "sent_ms": None, "acked_ms": None, "position_after": None, "avg_price": None}
            made = histories.refused_result(gate, **(fields | gone | changes))
        self.entry(KEYS.results, made, age_ms)
        return self

    def read_all(self, *but: tuple[str, str]) -> "Planted":
        """Have every group but those named read and acknowledge what stands."""
        for stream, group in GROUPS:
            if (stream, group) not in but:
                rows: Any = self.redis.xreadgroup(group, group, {stream: ">"}, count=1000)
                for entry_id, _ in rows[0][1] if rows else []:
                    self.redis.xack(stream, group, entry_id)
        return self

    def traded(self, symbol: str, name: str, age_ms: int) -> "Planted":
        """One whole entry of that age: wish, plan, both permits, order, trade, result."""
        self.wish(symbol, name, age_ms)
        self.plan(symbol, name, age_ms - 5)
        self.permit(symbol, name, age_ms - 9, Issuer.GOVERNOR)
        self.permit(symbol, name, age_ms - 10, Issuer.P33)
        trade = histories.journal(
            0, "2", "100", symbol=symbol, plan_id=name, client_order_id=f"qo-{name}", qty=D(2), price=D(100),
            trade_ms=self.now_ms - age_ms + 25, ts_ms=self.now_ms - age_ms + 30,
        )  # fmt: skip
        self.entry(KEYS.journal, trade, age_ms - 30)
        self.result(symbol, name, age_ms - 40)
        return self


def plant(redis: Redis, folder: Path, url: str) -> Planted:
    """Given an empty Redis and a folder for env files, plant a pipeline that runs well and has just traded BTCUSDT."""
    made = Planted(redis, folder, time.time_ns() // 1_000_000)
    listed = ",".join(SYMBOLS)
    files = {
        "common": f"QUANTUM_REDIS_URL={url}\nQUANTUM_DURABILITY=relaxed\nQUANTUM_PAPER_URL=http://127.0.0.1:9\n",
        "ai-engine": f"AI_SYMBOLS={listed}\n", "intent-bridge": f"INTENT_BRIDGE_ALLOWLIST={listed}\n",
        "position-state-brain": f"P33_ALLOWLIST={listed}\n", "governor": "",
        "intent-executor": f"INTENT_EXECUTOR_ALLOWLIST={listed}\n",
    }  # fmt: skip
    for name, text in files.items():
        (folder / f"{name}.env").write_text(text, encoding="utf-8")
    for stream, group in GROUPS:
        redis.xgroup_create(stream, group, id="0", mkstream=True)
    for service in SERVICES:
        made.beat(service)
    made.state(TradingState.ACTIVE, "all clear")
    made.model()
    made.hash(KEYS.portfolio, portfolio(ts_ms=made.now_ms - 1000, open_positions=1))
    made.hash(KEYS.budget, {"closed_until_ms": 0, "REQUEST_WEIGHT:60000": f"{made.now_ms // 60_000}:120"})
    for symbol in SYMBOLS:
        stands = "2" if symbol == "BTCUSDT" else "0"
        made.position(symbol, stands, stands)
        made.bars(symbol)
        made.verdict(symbol, "standing" if symbol == "BTCUSDT" else "weak_signal")
    event = GovernorEvent(
        kind="trading_state", trading_state="ACTIVE", reason="all clear", by="ada", details="quantum resume",
        ts_ms=made.now_ms - 200_000,
    )  # fmt: skip
    made.entry(KEYS.governor_events, event, 200_000)
    made.traded("BTCUSDT", "btc1", 120_000)
    made.hash(KEYS.order("btc1"), histories.record(OrderState.PLACED).model_copy(update={"plan_id": "btc1"}))
    made.read_all()
    return made


@pytest.fixture
def planted(redis_server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Planted]:
    """A healthy pipeline in the tests' Redis, found by the commands through this machine's settings; no run is up."""
    monkeypatch.setenv("QUANTUM_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr("services.cli.target.running", list)
    client = connect(RedisAddress(redis_server.url))
    yield plant(client, tmp_path, redis_server.url)
    client.close()
