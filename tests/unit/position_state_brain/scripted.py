"""An account that trades as it is told, and a small world around one P3.3 on a real Redis."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import structlog
from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.exchange.outcome import Found, Lookup, NotFound, OrderView, Unknown
from quantum_common.exchange.port import (
    ExchangeUnavailable,
    FundingView,
    PositionView,
    SymbolRules,
    Traded,
    TradeView,
    UserEvent,
)
from quantum_common.keys import GROUP_P33, Keys
from quantum_common.messages import (
    Action,
    Decision,
    EvalType,
    Issuer,
    JournalEntry,
    OrderType,
    Permit,
    Plan,
    ReconcileEvent,
    Result,
    Side,
)
from quantum_common.state import Hold, Ledger, Portfolio, Snapshot
from quantum_common.stream import Message
from services.position_state_brain.fold import Fact, FactKind, average_entry
from services.position_state_brain.service import PositionStateBrain
from services.position_state_brain.settings import P33Settings
from services.position_state_brain.store import RedisStore

NOW_MS = 4_000_000_000_000  # far ahead, as Redis ends a reservation by its own clock
SYMBOL = "BTCUSDT"
KEYS = Keys()
D = Decimal
ZERO = D(0)


def trade(number: int, qty: str = "1", price: str = "100", **changes: Any) -> TradeView:
    """A trade; `qty` is signed. Its time is `number` seconds after the start."""
    signed = D(qty)
    plain = TradeView(
        symbol=SYMBOL, trade_id=number, order_id=1000 + number, client_order_id=f"qo-plan{number}",
        side=Side.BUY if signed > 0 else Side.SELL, qty=abs(signed), price=D(price), fee=D("0.04"), fee_asset="USDT",
        realized_pnl=ZERO, trade_ms=NOW_MS + 1_000 * number,
    )  # fmt: skip
    return replace(plain, **changes)


def fact(number: int, qty: str = "1", price: str = "100", **changes: Any) -> Fact:
    values: dict[str, Any] = {
        "kind": FactKind.FILL, "fact_id": str(number), "trade_id": number, "order_id": 1000 + number,
        "plan_id": f"plan{number}", "client_order_id": f"qo-plan{number}", "origin": "plan", "qty": D(qty),
        "price": D(price), "fee": D("0.04"), "realized_pnl": ZERO, "funding": ZERO, "time_ms": NOW_MS + 1_000 * number,
        "seq": number,
    }  # fmt: skip
    return Fact.model_validate(values | changes)


def funding(number: int, amount: str = "-0.5", **changes: Any) -> Fact:
    return fact(
        number, "0", "0", kind=FactKind.FUNDING, fact_id=f"f{number}", trade_id=0, order_id=None, plan_id="",
        client_order_id="", origin="funding", fee=ZERO, funding=D(amount), **changes,
    )  # fmt: skip


def adjustment(number: int, qty: str, price: str = "100", **changes: Any) -> Fact:
    return fact(
        number, qty, price, kind=FactKind.ADJUSTMENT, fact_id=f"a{number}", trade_id=0, order_id=None, plan_id="",
        client_order_id="", origin="adopted", fee=ZERO, **changes,
    )  # fmt: skip


def plan(action: str = "OPEN", **changes: Any) -> Plan:
    wish = Action(action)
    opens = wish is Action.OPEN
    values: dict[str, Any] = {
        "plan_id": "aaaaaaaaaaaaaaaa", "intent_id": "intent-1", "decision": Decision.EXECUTE, "gate": None,
        "symbol": SYMBOL, "side": Side.BUY if opens else Side.SELL, "eval_type": wish.eval_type, "action": wish,
        "type": OrderType.MARKET, "qty": D(0) if wish is Action.UPDATE_SL else D(1), "reduce_only": not opens,
        "price": None, "leverage": None, "stop_loss": D(90), "take_profit": None, "confidence": None, "regime": "",
        "expires_ms": NOW_MS + 30_000, "source": "test", "gates": "[]", "ts_ms": NOW_MS,
    }  # fmt: skip
    return Plan.model_validate(values | changes)


def result(of: Plan, order_id: int | None = 1001, filled: str = "1", **changes: Any) -> Result:
    values: dict[str, Any] = {
        "plan_id": of.plan_id, "intent_id": of.intent_id, "symbol": of.symbol, "side": of.side,
        "eval_type": of.eval_type, "action": of.action, "executed": True, "decision": Decision.EXECUTE, "gate": None,
        "order_id": order_id, "client_order_id": "qo-" + of.plan_id, "order_status": "FILLED", "qty": of.qty,
        "filled_qty": D(filled), "cum_quote": None, "avg_price": None, "fee": None, "position_after": None,
        "sent_ms": NOW_MS, "acked_ms": NOW_MS, "error": "", "details": "", "ts_ms": NOW_MS,
    }  # fmt: skip
    return Result.model_validate(values | changes)


def row(amount: str = "0", symbol: str = SYMBOL, **changes: Any) -> PositionView:
    flat = PositionView(symbol, D(amount), D(100) if D(amount) else ZERO, D(100), ZERO, 1, ZERO, 0)
    return replace(flat, **changes)


@dataclass
class ScriptedAccount:
    """An account whose trades lead to its positions; reads can fail, and lists can lag behind the positions."""

    clock: ManualClock
    rows: dict[str, PositionView] = field(default_factory=dict)
    listed: dict[str, list[TradeView]] = field(default_factory=dict)
    payments: list[FundingView] = field(default_factory=list)
    wallet: Decimal = Decimal(10_000)
    events: deque[UserEvent] = field(default_factory=deque)
    lookups: dict[int, Lookup] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    server_ms: int | None = None

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fails:
            raise ExchangeUnavailable(f"{name}: no answer", 100)

    def happen(self, *trades: TradeView, listed: bool = True, pushed: bool = True) -> None:
        """Trades happen: the position moves, the list shows them, the stream brings them."""
        for one in trades:
            before = self.rows.get(one.symbol, row(symbol=one.symbol))
            signed = one.side.sign * one.qty
            entry = average_entry(before.position_amt, before.entry_price, signed, one.price)
            self.rows[one.symbol] = replace(
                before, position_amt=before.position_amt + signed, entry_price=entry, update_ms=one.trade_ms
            )
            if listed:
                self.listed.setdefault(one.symbol, []).append(replace(one, client_order_id=""))
            if pushed:
                self.events.append(Traded(one))
            self.lookups[one.order_id] = Found(
                OrderView(one.symbol, one.side, one.order_id, one.client_order_id, "FILLED", one.qty, one.qty, None,
                          None, one.trade_ms)
            )  # fmt: skip

    async def server_time_ms(self) -> int:
        return self.clock.now_ms() if self.server_ms is None else self.server_ms

    async def rules(self) -> Mapping[str, SymbolRules]:
        return {SYMBOL: SymbolRules(SYMBOL, "TRADING", D("0.1"), D("0.01"), D("0.01"), D(1000), D(5))}

    async def positions(self) -> Sequence[PositionView]:
        self._called("positions")
        return list(self.rows.values())

    async def wallet_balance(self) -> Decimal:
        self._called("wallet_balance")
        return self.wallet

    async def trades(self, symbol: str, from_id: int | None, limit: int = 1000) -> Sequence[TradeView]:
        self._called("trades")
        found = [one for one in self.listed.get(symbol, []) if one.trade_id >= (from_id or 0)]
        return sorted(found, key=lambda one: one.trade_id)[-limit:]

    async def funding(self, since_ms: int) -> Sequence[FundingView]:
        self._called("funding")
        return [one for one in self.payments if one.time_ms >= since_ms]

    async def order_by_id(self, symbol: str, order_id: int) -> Lookup:
        self._called("order_by_id")
        return self.lookups.get(order_id, NotFound())

    async def next_event(self) -> UserEvent:
        return self.events.popleft()


def settings(**changes: Any) -> P33Settings:
    return P33Settings.model_validate({"p33_allowlist": SYMBOL, **changes})


class World:
    """Redis, an account and one P3.3, which can be started again."""

    def __init__(self, redis: Redis, **changes: Any) -> None:
        self.redis = redis
        self.clock = ManualClock(NOW_MS)
        self.account = ScriptedAccount(self.clock)
        self.account.rows[SYMBOL] = row()
        self.settings = settings(**changes)
        self.store = RedisStore(redis, KEYS)
        self.brain = self.build()

    def build(self) -> PositionStateBrain:
        return PositionStateBrain(self.store, self.account, self.clock, structlog.get_logger(), self.settings)

    async def begin(self) -> "World":
        """The first snapshot: every symbol has a flat ledger."""
        await self.redis.xgroup_create(KEYS.plans, GROUP_P33, id="0", mkstream=True)
        await self.redis.xgroup_create(KEYS.results, GROUP_P33, id="0", mkstream=True)
        await self.brain.recover()
        await self.brain.snapshot()
        return self

    async def restart(self) -> None:
        self.brain = self.build()
        await self.brain.recover()

    async def happen(self, *trades: TradeView, **how: bool) -> None:
        """Trades happen at their time, and the stream brings them, if it does."""
        for one in trades:
            self.clock.advance(max(0, one.trade_ms - self.clock.now_ms()))
            self.account.happen(one, **how)
        await self.listen()

    async def listen(self) -> None:
        while self.account.events:
            await self.brain.listen()

    async def cycles(self, count: int, every_ms: int = 2_000) -> None:
        for _ in range(count):
            self.clock.advance(every_ms)
            await self.brain.snapshot()

    async def entry(self, stream: str, record: Plan | Result) -> Message:
        fields: Any = record.to_fields()
        await self.redis.xadd(stream, fields)
        reply: Any = await self.redis.xreadgroup(GROUP_P33, "p33", {stream: ">"}, count=1)
        [(entry, read)] = reply[0][1]
        return Message(stream, entry, read)

    async def permit(self, of: Plan) -> Permit:
        await self.brain.handle_plan(await self.entry(KEYS.plans, of))
        return (await self.permits())[-1]

    async def end(self, of: Result) -> None:
        await self.brain.handle_result(await self.entry(KEYS.results, of))

    async def permits(self) -> list[Permit]:
        rows: Any = await self.redis.xrange(KEYS.permits)
        return [Permit.from_fields(fields) for _, fields in rows]

    async def journal(self) -> list[JournalEntry]:
        rows: Any = await self.redis.xrange(KEYS.journal)
        return [JournalEntry.from_fields(fields) for _, fields in rows]

    async def events(self) -> list[ReconcileEvent]:
        rows: Any = await self.redis.xrange(KEYS.reconcile_events)
        return [ReconcileEvent.from_fields(fields) for _, fields in rows]

    async def ledger(self, symbol: str = SYMBOL) -> Ledger:
        fields: Any = await self.redis.hgetall(KEYS.ledger(symbol))
        return Ledger.from_fields(fields)

    async def snapshot(self, symbol: str = SYMBOL) -> Snapshot:
        fields: Any = await self.redis.hgetall(KEYS.snapshot(symbol))
        return Snapshot.from_fields(fields)

    async def portfolio(self) -> Portfolio:
        fields: Any = await self.redis.hgetall(KEYS.portfolio)
        return Portfolio.from_fields(fields)

    async def hold(self, symbol: str = SYMBOL) -> Hold | None:
        fields: Any = await self.redis.hgetall(KEYS.hold(symbol))
        return Hold.from_fields(fields) if fields else None

    async def pending(self) -> int:
        return sum([(await self.redis.xpending(stream, GROUP_P33))["pending"] for stream in (KEYS.plans, KEYS.results)])


__all__ = ["EvalType", "Issuer", "NotFound", "Unknown"]
