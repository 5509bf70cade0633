"""An exchange that does as it is told, and a small world around one executor on a real Redis."""

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.exchange.outcome import (
    Accepted,
    Commanding,
    Done,
    Found,
    Lookup,
    NotFound,
    NotSent,
    OrderView,
    Placing,
    Refused,
    Unknown,
)
from quantum_common.exchange.port import OrderRequest, StopRequest, StopView, SymbolRules
from quantum_common.ids import client_order_id
from quantum_common.keys import GROUP_EXECUTOR, Keys
from quantum_common.messages import Action, Decision, EvalType, Issuer, OrderType, Permit, Plan, Result, Side
from quantum_common.reasons import Gate
from quantum_common.state import OrderRecord, TradingState
from quantum_common.stream import Message
from services.intent_executor.service import Executor
from services.intent_executor.settings import ExecutorSettings
from services.intent_executor.store import RedisStore

NOW_MS = 1_790_000_000_000
SYMBOL = "BTCUSDT"
KEYS = Keys()


class Kill(BaseException):
    """The process is gone, here and now."""


@dataclass(frozen=True)
class Lost:
    """No answer: the request was carried out, or not, or is carried out and seen only after a while."""

    executed: bool
    visible_after_ms: int = 0


Answer = Placing | Lost | None


@dataclass
class ScriptedExchange:
    """Fills market orders at once, unless `answers` says otherwise; remembers everything that it was asked."""

    clock: ManualClock
    answers: deque[Answer] = field(default_factory=deque)
    lookups: deque[Lookup] = field(default_factory=deque)
    commands: deque[Commanding | None] = field(default_factory=deque)
    calls: list[str] = field(default_factory=list)
    requests: list[OrderRequest] = field(default_factory=list)
    executed: Counter[str] = field(default_factory=Counter)
    orders: dict[str, OrderView] = field(default_factory=dict)
    visible_ms: dict[str, int] = field(default_factory=dict)
    stops: dict[str, StopRequest] = field(default_factory=dict)
    leverages: dict[str, int] = field(default_factory=dict)
    status: str = "FILLED"
    fill: Decimal | None = None
    one_stop_a_side: bool = False

    async def server_time_ms(self) -> int:
        return self.clock.now_ms()

    async def rules(self) -> Mapping[str, SymbolRules]:
        return {}

    async def place(self, request: OrderRequest) -> Placing:
        self.calls.append("place")
        self.requests.append(request)
        answer = self.answers.popleft() if self.answers else None
        if self.clock.now_ms() > request.stamp_ms + request.recv_window_ms:
            return Refused(-1021, "Timestamp for this request is outside of the recvWindow.")
        match answer:
            case None:
                return Accepted(self.execute(request))
            case Lost(executed, visible_after_ms):
                if executed:
                    self.execute(request)
                    self.visible_ms[request.client_order_id] = self.clock.now_ms() + visible_after_ms
                return Unknown("no answer")
            case _:
                return answer

    def execute(self, request: OrderRequest) -> OrderView:
        self.executed[request.client_order_id] += 1
        filled = request.qty if self.fill is None else self.fill
        order = OrderView(
            symbol=request.symbol, side=request.side, order_id=700 + len(self.orders),
            client_order_id=request.client_order_id, status=self.status, orig_qty=request.qty, executed_qty=filled,
            avg_price=None, cum_quote=None, update_ms=self.clock.now_ms(),
        )  # fmt: skip
        self.orders[request.client_order_id] = order
        return order

    async def order(self, symbol: str, client_order_id: str) -> Lookup:
        self.calls.append("order")
        if self.lookups:
            return self.lookups.popleft()
        order = self.orders.get(client_order_id)
        if order is None or self.clock.now_ms() < self.visible_ms.get(client_order_id, 0):
            return NotFound()
        return Found(replace(order, avg_price=Decimal(50_000), cum_quote=order.executed_qty * 50_000))

    def _command(self) -> Commanding:
        return (self.commands.popleft() if self.commands else None) or Done()

    async def place_stop(self, request: StopRequest) -> Commanding:
        self.calls.append("place_stop")
        others = [stop for name, stop in self.stops.items() if stop.qty is None and name != request.client_id]
        if self.one_stop_a_side and request.qty is None and others:
            return Refused(-4130, "An open stop or take profit order with GTE and closePosition is existing.")
        outcome = self._command()
        if isinstance(outcome, Done):
            self.stops[request.client_id] = request
        return outcome

    async def cancel_stop(self, client_id: str) -> Commanding:
        self.calls.append("cancel_stop")
        outcome = self._command()
        if isinstance(outcome, Done):
            self.stops.pop(client_id, None)
        return outcome

    async def open_stops(self) -> Sequence[StopView]:
        return []

    async def set_leverage(self, symbol: str, leverage: int) -> Commanding:
        self.calls.append("set_leverage")
        outcome = self._command()
        if isinstance(outcome, Done):
            self.leverages[symbol] = leverage
        return outcome


class Mortal:
    """A port whose owner dies at the n-th call of all ports that share a `Fuse`, before or after its effect."""

    def __init__(self, port: object, fuse: "Fuse") -> None:
        self._port, self._fuse = port, fuse

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._port, name)

        async def guarded(*args: Any, **more: Any) -> Any:
            self._fuse.calls.append(name)
            dies = len(self._fuse.calls) == self._fuse.at
            if dies and not self._fuse.after:
                raise Kill
            answer = await call(*args, **more)
            if dies:
                raise Kill
            return answer

        return guarded


@dataclass
class Fuse:
    """When to die: at call number `at`, before its effect or after it; 0 is never."""

    at: int = 0
    after: bool = False
    calls: list[str] = field(default_factory=list)


def plan(action: str = "OPEN", **changes: Any) -> Plan:
    wish = Action(action)
    opens = wish is Action.OPEN
    moves = wish is Action.UPDATE_SL
    values: dict[str, Any] = {
        "plan_id": "aaaaaaaaaaaaaaaa", "intent_id": "intent-1", "decision": Decision.EXECUTE, "gate": None,
        "symbol": SYMBOL, "side": Side.BUY if opens else Side.SELL, "eval_type": wish.eval_type, "action": wish,
        "type": OrderType.STOP_MARKET if moves else OrderType.MARKET, "qty": Decimal(0) if moves else Decimal("0.5"),
        "reduce_only": not opens, "price": Decimal(50_000), "leverage": None,
        "stop_loss": Decimal(49_000) if opens or moves else None, "take_profit": None, "confidence": None, "regime": "",
        "expires_ms": NOW_MS + 30_000, "source": "test", "gates": "[]", "ts_ms": NOW_MS,
    }  # fmt: skip
    return Plan.model_validate(values | changes)


def permit(of: Plan, issuer: Issuer = Issuer.P33, **changes: Any) -> Permit:
    held = Decimal(0) if of.eval_type is EvalType.ENTRY else Decimal("0.5")
    measured = dict.fromkeys(
        ("kill_score", "kill_z", "z_cutoff", "k_regime_flip", "k_sigma_spike", "k_ts_drop", "k_age_penalty")
    )
    values: dict[str, Any] = {
        **measured, "plan_id": of.plan_id, "issuer": issuer, "symbol": of.symbol, "eval_type": of.eval_type,
        "allow": True, "reason": None, "safe_qty": of.qty if issuer is Issuer.P33 else None,
        "exchange_position_amt": held if issuer is Issuer.P33 else None,
        "ledger_position_amt": held if issuer is Issuer.P33 else None, "snapshot_age_ms": 5, "details": "{}",
        "ts_ms": of.ts_ms,
    }  # fmt: skip
    return Permit.model_validate(values | changes)


def settings(**changes: Any) -> ExecutorSettings:
    return ExecutorSettings.model_validate({"intent_executor_allowlist": SYMBOL, **changes})


class World:
    """Redis, an exchange and one executor, which can die and be started again."""

    def __init__(self, redis: Redis, **changes: Any) -> None:
        self.redis = redis
        self.clock = ManualClock(NOW_MS)
        self.exchange = ScriptedExchange(self.clock)
        self.settings = settings(**changes)
        self.fuse = Fuse()
        self.executor = self.build()

    def build(self) -> Executor:
        store, exchange = RedisStore(self.redis, KEYS), self.exchange
        return Executor(
            cast("Any", Mortal(store, self.fuse)), cast("Any", Mortal(exchange, self.fuse)), self.clock,
            structlog.get_logger(), self.settings,
        )  # fmt: skip

    async def begin(self) -> "World":
        for stream in (KEYS.plans, KEYS.permits):
            await self.redis.xgroup_create(stream, GROUP_EXECUTOR, id="0", mkstream=True)
        await self.trade(TradingState.ACTIVE)
        await self.executor.recover()  # it was there before the plans
        self.fuse.calls.clear()
        return self

    async def trade(self, state: TradingState) -> None:
        await self.redis.hset(KEYS.governor_state, "trading_state", state)

    async def permitted(self, of: Plan, *issuers: Issuer, **changes: Any) -> None:
        """Write permits as their issuers do: the key and the entry."""
        for issuer in issuers or (Issuer.GOVERNOR, Issuer.P33):
            said = permit(of, issuer, **changes)
            await self.redis.set(KEYS.permit(issuer, of.plan_id), said.to_json(), px=60_000)
            await self.redis.xadd(KEYS.permits, cast("Any", said.to_fields()))

    async def planned(self, of: Plan) -> None:
        await self.redis.xadd(KEYS.plans, cast("Any", of.to_fields()))

    async def deliver(self, *, again: bool = False) -> None:
        """Hand over what is new, or what is pending, as the consumer does."""
        for stream, handle in ((KEYS.plans, "handle_plan"), (KEYS.permits, "handle_permit")):
            start = "0" if again else ">"
            reply: Any = await self.redis.xreadgroup(GROUP_EXECUTOR, "intent-executor", {stream: start}, count=100)
            for entry, fields in reply[0][1] if reply else []:
                await getattr(self.executor, handle)(Message(stream, entry, fields))

    async def restart(self) -> None:
        """A new process takes over, a moment later."""
        self.clock.advance(10)
        self.fuse.at = 0
        self.executor = self.build()
        await self.executor.recover()
        await self.deliver(again=True)
        await self.deliver()

    async def send(self, of: Plan) -> Result:
        """Permit and hand over one plan, and return its result."""
        await self.permitted(of)
        await self.planned(of)
        await self.deliver()
        return await self.result()

    async def results(self) -> list[Result]:
        rows: Any = await self.redis.xrange(KEYS.results)
        return [Result.from_fields(fields) for _, fields in rows]

    async def result(self) -> Result:
        [one] = await self.results()
        return one

    async def record(self, plan_id: str = "aaaaaaaaaaaaaaaa") -> OrderRecord | None:
        fields: Any = await self.redis.hgetall(KEYS.order(plan_id))
        return OrderRecord.from_fields(fields) if fields else None

    async def pending(self) -> int:
        return sum(
            [(await self.redis.xpending(stream, GROUP_EXECUTOR))["pending"] for stream in (KEYS.plans, KEYS.permits)]
        )

    async def live_permits(self, plan_id: str = "aaaaaaaaaaaaaaaa") -> int:
        return int(await self.redis.exists(*(KEYS.permit(issuer, plan_id) for issuer in Issuer)))

    async def standing_stop(self) -> str:
        return str(await self.redis.hget(KEYS.stop(SYMBOL), "client_id") or "")


ORDER_ID = client_order_id("aaaaaaaaaaaaaaaa")
__all__ = ["Gate", "NotSent", "Refused", "Unknown"]
