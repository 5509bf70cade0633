"""The services' own code, wired to the simulated ports: bridge, governor, P3.3, executor, and somebody who wishes."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from quantum_common import ids
from quantum_common.exchange.port import ExchangeUnavailable
from quantum_common.keys import GROUP_BRIDGE, GROUP_EXECUTOR, GROUP_GOVERNOR, GROUP_P33, Keys
from quantum_common.lease import RENEW_EVERY_MS, Holder, Lease
from quantum_common.log import Log
from quantum_common.messages import Action, Intent, Side
from quantum_common.redis_client import UNREACHABLE, Redis
from quantum_common.scripts import Fence
from quantum_common.state import TradingState
from quantum_common.stream import Message, symbol_lane
from quantum_common.trimming import trim
from services.governor import service as governor_service
from services.governor.service import Governor
from services.governor.settings import GovernorSettings
from services.governor.store import RedisState as GovernorState
from services.intent_bridge import service as bridge_service
from services.intent_bridge.service import Bridge
from services.intent_bridge.settings import BridgeSettings
from services.intent_bridge.store import RedisState as BridgeState
from services.intent_executor.service import Executor
from services.intent_executor.settings import ExecutorSettings
from services.intent_executor.store import RedisStore as ExecutorStore
from services.intent_executor.store import streams_written as executor_streams
from services.intent_executor.warden import Warden
from services.position_state_brain.service import PositionStateBrain
from services.position_state_brain.settings import P33Settings
from services.position_state_brain.store import RedisStore as P33Store
from services.position_state_brain.store import streams_written as p33_streams
from tests.sim.client import RedisState, SimRedis
from tests.sim.consumer import Handler, SimConsumer
from tests.sim.exchange import GATEWAY_MS, PRICES, READ_LAG_MS, Exchange
from tests.sim.port import SimPort
from tests.sim.quiet import Quiet
from tests.sim.world import Process, SimClock, World

SYMBOLS = tuple(PRICES)
KEYS = Keys()
RECV_WINDOW_MS = 2000
LEASE_MS = 4000
STOPS_EVERY_MS = 2000
TRIM_EVERY_MS = 3000
KEEP_MS = 20_000
COMMON: dict[str, Any] = {"quantum_recv_window_ms": RECV_WINDOW_MS, "quantum_lease_ms": LEASE_MS}
EXECUTOR = ExecutorSettings(
    **COMMON, intent_executor_allowlist=SYMBOLS, intent_executor_gateway_ms=GATEWAY_MS,
    intent_executor_read_lag_ms=READ_LAG_MS, intent_executor_permit_wait_ms=4000,
)  # fmt: skip
P33 = P33Settings(
    **COMMON, p33_allowlist=SYMBOLS, p33_snapshot_every_ms=1000, p33_trades_every_ms=5000, p33_quiet_ms=1000,
    p33_facts_kept=12,
)  # fmt: skip
BRIDGE = BridgeSettings(
    **COMMON, intent_bridge_allowlist=SYMBOLS, intent_bridge_require_edge=False, intent_bridge_adds_max=100,
    intent_bridge_confidence_min=Decimal(0), intent_bridge_added_position_usdt_max=Decimal(1_000_000),
    intent_bridge_gross_exposure_usdt_max=Decimal(1_000_000),
)  # fmt: skip
GOVERNOR = GovernorSettings(
    **COMMON, gov_require_kill_inputs=False, gov_symbol_entries_per_5min_max=1000, gov_entries_per_5min_max=1000,
    gov_daily_notional_usdt_max=Decimal(10_000_000), gov_symbol_entries_per_hour_max=1000,
    gov_entries_per_hour_max=1000, gov_positions_max=1000, gov_gross_exposure_usdt_max=Decimal(1_000_000),
    gov_symbol_exposure_usdt_max=Decimal(1_000_000), gov_correlated_exposure_usdt_max=Decimal(1_000_000),
    gov_heat_max=Decimal(1),
)  # fmt: skip


@dataclass(frozen=True)
class Build:
    """What the daemons are made of; a mutant replaces a part of it."""

    executor: type[Executor] = Executor
    executor_settings: ExecutorSettings = EXECUTOR
    brain: type[PositionStateBrain] = PositionStateBrain
    executor_store: type[ExecutorStore] = ExecutorStore
    p33_store: type[P33Store] = P33Store
    port: type[SimPort] = SimPort
    leased: bool = True
    rewrite: Callable[[str], str] = str  # of a script's text
    trim: Callable[[Redis, Sequence[str], int, int], Awaitable[int]] = trim
    early: frozenset[str] = frozenset()  # groups that acknowledge before the effect


HEALTHY = Build()


@dataclass
class Pipeline:
    """One world's exchange, Redis, wishes and daemons."""

    world: World
    wishes: int
    build: Build = HEALTHY
    doubled: bool = False  # a second executor and a second P3.3 on another machine
    wished: dict[str, Intent] = field(default_factory=dict)
    consumers: list[SimConsumer] = field(default_factory=list)
    alive: set[str] = field(default_factory=set)  # plans with a permit that could be used again
    moves: list[tuple[str, str, str]] = field(default_factory=list)  # order record, state before, state after

    def __post_init__(self) -> None:
        self.redis = RedisState(self.world)
        self.redis.rewrite = self.build.rewrite
        self.redis.server.observe = self._observe
        self.exchange = Exchange(self.world)
        mains: dict[str, Callable[[Process], Coroutine[Any, Any, None]]] = {
            "position-state-brain": self.p33,
            "governor": self.governor,
            "intent-executor": self.executor,
            "intent-bridge": self.bridge,
            "ai-engine": self.wisher,
        }
        for name, main in mains.items():
            self._add(Process(name, main))
        if self.doubled:
            self._add(Process("intent-executor", self.executor, host="two"))
            self._add(Process("position-state-brain", self.p33, host="two"))

    def _add(self, process: Process) -> None:
        process.skew_ms = self.world.rng.choice((0, 0, 0, -300, 300))
        self.world.add(process)

    def _observe(self, key: str, before: str, after: str) -> None:
        if key.startswith(KEYS.order("")):
            self.moves.append((key, before, after))

    def _client(self) -> Redis:
        return cast("Redis", SimRedis(self.redis))

    def _log(self, process: Process) -> Log:
        return cast("Log", Quiet(self.world, process.name))

    async def _every(self, process: Process, period_ms: int, step: Callable[[], Awaitable[None]]) -> None:
        clock = SimClock(self.world, process)
        while True:
            try:
                await step()
            except UNREACHABLE:
                await clock.sleep_ms(max(period_ms, 500))
            else:
                await clock.sleep_ms(period_ms)

    async def _insist(self, process: Process, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await step()
            except UNREACHABLE:
                await SimClock(self.world, process).sleep_ms(500)

    async def _lease(self, process: Process) -> Lease:
        """Wait for the lease of a process's service, as a holder that the seed alone determines."""
        log, clock = self._log(process), SimClock(self.world, process)
        lease = Lease(self._client(), KEYS.lease(process.name), LEASE_MS, log)
        lease._me = Holder(process.host, "boot", "space", 0, "long ago", f"life{process.lives}")
        lease.fence = Fence(KEYS.lease(process.name), str(lease._me))
        if self.build.leased:
            await lease.acquire(clock.sleep_ms, lambda: False)
        return lease

    def _fence(self, lease: Lease) -> Fence | None:
        return lease.fence if self.build.leased else None

    def _keep(self, process: Process, lease: Lease) -> None:
        if self.build.leased:
            self.world.spawn(process, "lease", self._every(process, RENEW_EVERY_MS, lease.renew))

    def _trim(self, process: Process, streams: Sequence[str]) -> None:
        clock, client = SimClock(self.world, process), self._client()

        async def step() -> None:
            await self.build.trim(client, streams, KEEP_MS, clock.now_ms())

        self.world.spawn(process, "trim", self._every(process, TRIM_EVERY_MS, step))

    def _consume(
        self,
        process: Process,
        group: str,
        handlers: Mapping[str, Handler],
        lane: Callable[[Message], str],
        recover: Callable[[], Awaitable[None]] | None = None,
    ) -> Coroutine[Any, Any, None]:
        consumer = SimConsumer(self.world, self.redis, process, group, handlers, lane, recover)
        consumer.early = group in self.build.early
        self.consumers.append(consumer)
        return consumer.run()

    # --- daemons -----------------------------------------------------------------------------------------------------

    async def p33(self, process: Process) -> None:
        """Run P3.3 as its wiring does."""
        lease = await self._lease(process)
        port, store = SimPort(self.exchange, process), self.build.p33_store(self._client(), KEYS, self._fence(lease))
        brain = self.build.brain(store, port, SimClock(self.world, process), self._log(process), P33)

        async def recover() -> None:
            if self.build.leased:
                await lease.renew()
            await brain.recover()

        await self._insist(process, recover)
        handlers = {KEYS.plans: brain.handle_plan, KEYS.results: brain.handle_result}
        self.world.spawn(process, "listen", self._every(process, 0, brain.listen))
        self.world.spawn(process, "snapshot", self._every(process, P33.p33_snapshot_every_ms, brain.snapshot))
        self.world.spawn(process, "sync", self._every(process, 200, brain.sync))
        self._keep(process, lease)
        self._trim(process, p33_streams(KEYS))
        await self._consume(process, GROUP_P33, handlers, symbol_lane, brain.recover)

    async def governor(self, process: Process) -> None:
        """Run the governor as its wiring does."""
        log = self._log(process)
        state = GovernorState(self._client(), KEYS, log)
        governor = Governor(state, SimClock(self.world, process), GOVERNOR.limits, TradingState.ACTIVE, log)
        handlers = {KEYS.plans: governor.handle_plan, KEYS.results: governor.handle_result}
        self._trim(process, (KEYS.permits, KEYS.governor_events))
        await self._consume(process, GROUP_GOVERNOR, handlers, governor_service.lane, governor.recover)

    async def executor(self, process: Process) -> None:
        """Run the executor as its wiring does."""
        lease = await self._lease(process)
        port = self.build.port(self.exchange, process)
        store = self.build.executor_store(self._client(), KEYS, self._fence(lease))
        clock, settings = SimClock(self.world, process), self.build.executor_settings
        executor = self.build.executor(store, port, clock, self._log(process), settings)
        handlers = {KEYS.plans: executor.handle_plan, KEYS.permits: executor.handle_permit}
        warden = Warden(store, port, SimClock(self.world, process), self._log(process), settings)
        self.world.spawn(process, "sweep", self._every(process, 100, executor.sweep))
        self.world.spawn(process, "warden", self._every(process, STOPS_EVERY_MS, warden.round))
        self._keep(process, lease)
        self._trim(process, executor_streams(KEYS))
        await self._consume(process, GROUP_EXECUTOR, handlers, symbol_lane, executor.recover)

    async def bridge(self, process: Process) -> None:
        """Run the bridge as its wiring does."""
        log = self._log(process)
        bridge = Bridge(
            BridgeState(self._client(), KEYS, log), SimPort(self.exchange, process), SimClock(self.world, process),
            BRIDGE.limits, KEYS.prefix, log,
        )  # fmt: skip
        await bridge.refresh_rules()
        self._trim(process, (KEYS.plans,))
        await self._consume(process, GROUP_BRIDGE, {KEYS.intents: bridge.handle}, bridge_service.lane)

    async def wisher(self, process: Process) -> None:
        """Wish for things, some of them twice; know positions as the engine does, from the ledger, a little late."""
        clock, client = SimClock(self.world, process), self._client()
        rng = self.world.rng
        await clock.sleep_ms(rng.randint(1000, 2500))
        while not self._all_listen():  # nobody wishes for anything before the daemons have been up once
            await clock.sleep_ms(100)
        while len(self.wished) < self.wishes:
            symbol = rng.choice(SYMBOLS)
            try:
                ledger = await client.hgetall(KEYS.ledger(symbol))
                amount = Decimal(str(ledger.get("position_amt") or "0"))
                wish = self._wish(symbol, amount, clock.now_ms())
                self.wished[ids.plan_id(wish.intent_id, KEYS.prefix)] = wish
                for _ in range(1 if rng.random() < 0.85 else 2):
                    fields: dict[Any, Any] = wish.to_fields()
                    await client.xadd(KEYS.intents, fields)
            except (*UNREACHABLE, ExchangeUnavailable):
                pass
            await clock.sleep_ms(rng.choice((0, 50, 300, 1500, 4000)))
        while True:
            await clock.sleep_ms(60_000)

    def _all_listen(self) -> bool:
        groups = {KEYS.intents: 1, KEYS.plans: 3, KEYS.permits: 1, KEYS.results: 2}
        return all(len(self.redis.server.groups(key)) == count for key, count in groups.items())

    def _wish(self, symbol: str, amount: Decimal, now_ms: int) -> Intent:
        """Given a position, wish for something that fits it, mostly."""
        rng, price = self.world.rng, self.exchange.prices[symbol]
        closing = amount != 0 and rng.random() < 0.6
        if closing:
            action = rng.choice((Action.CLOSE_50, Action.CLOSE_FULL, Action.CLOSE_FULL, Action.UPDATE_SL))
            side = Side.SELL if amount > 0 else Side.BUY
        else:
            action, side = Action.OPEN, rng.choice(list(Side)) if amount == 0 else Side.BUY if amount > 0 else Side.SELL
        away = Decimal(rng.choice((20, 300))) / 10_000
        stop = None
        if action is Action.UPDATE_SL or (action is Action.OPEN and rng.random() < 0.4):
            below = (action is Action.OPEN) == (side is Side.BUY)
            stop = (price * (1 - away if below else 1 + away)).quantize(Decimal("0.1"))
        number = len(self.wished)
        return Intent(
            intent_id=ids.intent_id(symbol, action, number + 1, "sim"), symbol=symbol, side=side, action=action,
            eval_type=action.eval_type, confidence=Decimal("0.6"), expected_edge_bps=Decimal(30),
            position_size_usd=Decimal(rng.choice((200, 1000, 5000))) if action is Action.OPEN else None,
            fraction=None, leverage=rng.choice((None, 3, 5)) if action is Action.OPEN else None, entry_price=None,
            stop_loss=stop, take_profit=None, atr_value=None, regime="", model="sim", model_version="sim",
            bar_close_ms=number + 1, reason="", source="ai-engine", ts_ms=now_ms,
        )  # fmt: skip
