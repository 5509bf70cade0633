"""The whole pipeline in one process: every service's own code and store on a real Redis, a scripted exchange behind."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.exchange.outcome import OrderView
from quantum_common.exchange.port import OrderRequest
from quantum_common.ids import intent_id
from quantum_common.keys import GROUP_BRIDGE, GROUP_EXECUTOR, GROUP_GOVERNOR, GROUP_P33, Keys
from quantum_common.messages import Action, Intent, Malformed, Plan, Record, Result, Side
from quantum_common.state import Ledger, MarketState, TradingState
from quantum_common.stream import Handler, Message
from services.ai_engine.store import RedisStore as EngineStore
from services.governor.service import Governor
from services.governor.settings import GovernorSettings
from services.governor.store import RedisState as GovernorStore
from services.intent_bridge.service import Bridge
from services.intent_bridge.settings import BridgeSettings
from services.intent_bridge.store import RedisState as BridgeStore
from services.intent_executor.service import Executor
from services.intent_executor.settings import ExecutorSettings
from services.intent_executor.store import RedisStore as ExecutorStore
from services.position_state_brain.service import PositionStateBrain
from services.position_state_brain.settings import P33Settings
from services.position_state_brain.store import RedisStore as P33Store
from tests.unit.intent_executor.scripted import ScriptedExchange
from tests.unit.position_state_brain.scripted import NOW_MS, SYMBOL, ScriptedAccount, row, trade

KEYS = Keys()
D = Decimal
LOG = structlog.get_logger()


@dataclass
class Venue(ScriptedExchange):
    """Orders that lead to trades of the account."""

    account: ScriptedAccount | None = None
    numbers: int = 0
    brings_fills: bool = True

    def execute(self, request: OrderRequest) -> OrderView:
        order = super().execute(request)
        account = cast("ScriptedAccount", self.account)
        account.rows.setdefault(request.symbol, row(symbol=request.symbol))
        if order.executed_qty:
            self.numbers += 1
            signed = str(request.side.sign * order.executed_qty)
            account.happen(
                trade(
                    self.numbers, signed, str(account.rows[request.symbol].mark_price), symbol=request.symbol,
                    order_id=order.order_id, client_order_id=request.client_order_id, trade_ms=self.clock.now_ms(),
                ),
                pushed=self.brings_fills,
            )  # fmt: skip
        return order


def market_state(**changes: Any) -> MarketState:
    values: dict[str, Any] = {
        "sigma": D("0.001"), "sigma_ref": D("0.001"), "ts": D("0.4"), "p_trend": D("0.6"), "p_mr": D("0.2"),
        "p_chop": D("0.2"), "volatility_regime": D("0.5"), "atr": D(1), "price": D(100), "bar_close_ms": NOW_MS,
        "ts_ms": NOW_MS,
    }  # fmt: skip
    return MarketState.model_validate(values | changes)


@dataclass
class Chain:
    """One of each service. `cycle` hands every new entry of every stream to each group that reads it, until no entry
    is left; what is malformed is noted and acknowledged."""

    redis: Redis
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW_MS))
    dead: list[tuple[str, str]] = field(default_factory=list)
    bars: int = 0
    executor_mode: str = "live"

    def __post_init__(self) -> None:
        self.account = ScriptedAccount(self.clock)
        self.account.rows[SYMBOL] = row()
        self.venue = Venue(self.clock, account=self.account)
        self.engine = EngineStore(self.redis, KEYS)
        allowed = {"intent_bridge_allowlist": SYMBOL, "intent_bridge_require_edge": False}
        bridge = BridgeSettings.model_validate(allowed)
        self.bridge = Bridge(
            BridgeStore(self.redis, KEYS, LOG), self.account, self.clock, bridge.limits, KEYS.prefix, LOG
        )
        governor = GovernorSettings.model_validate({})
        self.governor = Governor(
            GovernorStore(self.redis, KEYS, LOG), self.clock, governor.limits, TradingState.ACTIVE, LOG
        )
        self.p33 = PositionStateBrain(
            P33Store(self.redis, KEYS), self.account, self.clock, LOG,
            P33Settings.model_validate({"p33_allowlist": SYMBOL}),
        )  # fmt: skip
        self.executor = Executor(
            ExecutorStore(self.redis, KEYS), self.venue, self.clock, LOG,
            ExecutorSettings.model_validate(
                {"intent_executor_allowlist": SYMBOL, "executor_mode": self.executor_mode}
            ),
        )  # fmt: skip
        self.groups: dict[str, dict[str, Handler]] = {
            GROUP_BRIDGE: {KEYS.intents: self.bridge.handle},
            GROUP_GOVERNOR: {KEYS.plans: self.governor.handle_plan, KEYS.results: self.governor.handle_result},
            GROUP_P33: {KEYS.plans: self.p33.handle_plan, KEYS.results: self.p33.handle_result},
            GROUP_EXECUTOR: {KEYS.plans: self.executor.handle_plan, KEYS.permits: self.executor.handle_permit},
        }

    async def begin(self) -> "Chain":
        for group, handlers in self.groups.items():
            for stream in handlers:
                await self.redis.xgroup_create(stream, group, id="0", mkstream=True)
        await self.bridge.refresh_rules()
        await self.governor.recover()
        await self.executor.recover()
        await self.p33.recover()
        self.clock.advance(1)
        await self.p33.snapshot()
        return self

    def wish(self, action: str = "OPEN", **changes: Any) -> Intent:
        what = Action(action)
        opens = what is Action.OPEN
        self.bars += 1
        values: dict[str, Any] = {
            "intent_id": intent_id(SYMBOL, action, NOW_MS + self.bars, "1"), "symbol": SYMBOL,
            "side": Side.BUY if opens else Side.SELL, "action": what, "eval_type": what.eval_type,
            "confidence": D("0.9"), "expected_edge_bps": D(40), "position_size_usd": D(500) if opens else None,
            "fraction": what.close_fraction, "leverage": 2 if opens else None, "entry_price": D(100),
            "stop_loss": D(95) if opens or what is Action.UPDATE_SL else None, "take_profit": None, "atr_value": D(1),
            "regime": "trend", "model": "momentum", "model_version": "1", "bar_close_ms": NOW_MS + self.bars,
            "reason": "a test", "source": "ai-engine", "ts_ms": self.clock.now_ms(),
        }  # fmt: skip
        return Intent.model_validate(values | changes)

    async def ask(self, wish: Intent) -> None:
        """Write a wish as the AI engine does, and let the chain work it off."""
        state = market_state(bar_close_ms=NOW_MS + self.bars, ts_ms=self.clock.now_ms())
        assert await self.engine.record_bar(wish.symbol, state, [wish], None)
        await self.cycle()

    async def cycle(self) -> None:
        while await self._round():
            while self.account.events:
                await self.p33.listen()
        self.clock.advance(5)
        await self.p33.snapshot()

    async def _round(self) -> int:
        handed = 0
        for group, handlers in self.groups.items():
            for stream, handle in handlers.items():
                reply: Any = await self.redis.xreadgroup(group, group, {stream: ">"}, count=50)
                for entry, fields in reply[0][1] if reply else []:
                    handed += 1
                    try:
                        await handle(Message(stream, entry, fields))
                    except Malformed as reason:
                        self.dead.append((group, f"{reason.field}: {reason.reason}"))
                        await self.redis.xack(stream, group, entry)
        return handed

    async def entries(self, stream: str, record: type[Record]) -> list[Any]:
        rows: Any = await self.redis.xrange(stream)
        return [record.from_fields(fields) for _, fields in rows]

    async def results(self) -> list[Result]:
        return await self.entries(KEYS.results, Result)

    async def plans(self) -> list[Plan]:
        return await self.entries(KEYS.plans, Plan)

    async def ledger(self, symbol: str = SYMBOL) -> Ledger:
        fields: Any = await self.redis.hgetall(KEYS.ledger(symbol))
        return Ledger.from_fields(fields)

    async def pending(self) -> dict[tuple[str, str], int]:
        found = {}
        for group, handlers in self.groups.items():
            for stream in handlers:
                count = (await self.redis.xpending(stream, group))["pending"]
                if count:
                    found[group, stream] = count
        return found
