"""A small history that keeps every guarantee, to be broken in one place by each test."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from quantum_common.messages import (
    Action,
    Decision,
    EvalType,
    Intent,
    Issuer,
    JournalEntry,
    OrderType,
    Permit,
    Plan,
    Result,
    Side,
)
from quantum_common.reasons import Gate
from quantum_common.state import Ledger, OrderRecord, OrderState, PositionSide, Snapshot, iso
from services.cli.facts import Backlog, ExchangeOrder, ExchangeTrade, Facts, Written

NOW_MS = 1_700_000_000_000
SYMBOL = "BTCUSDT"
PLAN = "a" * 16
ORDER_ID = 7
FIRST_TRADE = 100


def intent(**changes: Any) -> Intent:
    """An entry's wish."""
    fields: dict[str, Any] = {
        "intent_id": "i1", "symbol": SYMBOL, "side": Side.BUY, "action": Action.OPEN, "eval_type": EvalType.ENTRY,
        "confidence": None, "expected_edge_bps": None, "position_size_usd": Decimal(100), "fraction": None,
        "leverage": None, "entry_price": None, "stop_loss": None, "take_profit": None, "atr_value": None, "regime": "",
        "model": "", "model_version": "", "bar_close_ms": None, "reason": "", "source": "test", "ts_ms": NOW_MS,
    }  # fmt: skip
    return Intent(**(fields | changes))


def plan(**changes: Any) -> Plan:
    """Its plan."""
    fields: dict[str, Any] = {
        "plan_id": PLAN, "intent_id": "i1", "decision": Decision.EXECUTE, "gate": None, "symbol": SYMBOL,
        "side": Side.BUY, "eval_type": EvalType.ENTRY, "action": Action.OPEN, "type": OrderType.MARKET,
        "qty": Decimal(2), "reduce_only": False, "price": None, "leverage": 1, "stop_loss": None, "take_profit": None,
        "confidence": None, "regime": "", "expires_ms": NOW_MS + 10_000, "source": "test", "gates": "[]",
        "ts_ms": NOW_MS,
    }  # fmt: skip
    return Plan(**(fields | changes))


def blocked_plan(gate: Gate, **changes: Any) -> Plan:
    """A plan that the bridge blocked."""
    return plan(decision=Decision.BLOCKED, gate=gate, qty=Decimal(0), **changes)


def permit(issuer: Issuer, **changes: Any) -> Permit:
    """An allowing permit."""
    fields: dict[str, Any] = {
        "plan_id": PLAN, "issuer": issuer, "symbol": SYMBOL, "eval_type": EvalType.ENTRY, "allow": True, "reason": None,
        "safe_qty": Decimal(2), "kill_score": None, "kill_z": None, "z_cutoff": None, "k_regime_flip": None,
        "k_sigma_spike": None, "k_ts_drop": None, "k_age_penalty": None, "exchange_position_amt": None,
        "ledger_position_amt": None, "snapshot_age_ms": None, "details": "", "ts_ms": NOW_MS,
    }  # fmt: skip
    return Permit(**(fields | changes))


def result(**changes: Any) -> Result:
    """The plan's result."""
    fields: dict[str, Any] = {
        "plan_id": PLAN, "intent_id": "i1", "symbol": SYMBOL, "side": Side.BUY, "eval_type": EvalType.ENTRY,
        "action": Action.OPEN, "executed": True, "decision": Decision.EXECUTE, "gate": None, "order_id": ORDER_ID,
        "client_order_id": f"qo-{PLAN}", "order_status": "FILLED", "qty": Decimal(2), "filled_qty": Decimal(2),
        "cum_quote": None, "avg_price": None, "fee": None, "position_after": None, "sent_ms": NOW_MS,
        "acked_ms": NOW_MS, "error": "", "details": "", "ts_ms": NOW_MS,
    }  # fmt: skip
    return Result(**(fields | changes))


def refused_result(gate: Gate, **changes: Any) -> Result:
    """A result that no order stands behind."""
    nothing = {"order_id": None, "client_order_id": "", "order_status": "", "filled_qty": Decimal(0)}
    return result(executed=False, gate=gate, **(nothing | changes))


def order(**changes: Any) -> ExchangeOrder:
    """The plan's order."""
    return replace(ExchangeOrder(SYMBOL, ORDER_ID, f"qo-{PLAN}", "FILLED", Decimal(2), NOW_MS + 20), **changes)


def trade(number: int, qty: str, price: str, side: Side = Side.BUY, **changes: Any) -> ExchangeTrade:
    """One trade, each costing a fee of 0.01."""
    made = ExchangeTrade(
        SYMBOL, FIRST_TRADE + number, ORDER_ID, side, Decimal(qty), Decimal(price), Decimal(0), Decimal("0.01"),
        NOW_MS + 20 + number,
    )  # fmt: skip
    return replace(made, **changes)


def journal(number: int, after: str, entry: str, **changes: Any) -> JournalEntry:
    """What the journal tells of a trade of one at a price of 100 + number."""
    fields: dict[str, Any] = {
        "kind": "fill", "symbol": SYMBOL, "trade_id": str(FIRST_TRADE + number), "order_id": ORDER_ID, "plan_id": PLAN,
        "client_order_id": f"qo-{PLAN}", "side": Side.BUY, "qty": Decimal(1), "price": Decimal(100 + number),
        "fee": Decimal("0.01"), "realized_pnl": Decimal(0), "funding": None, "position_amt": Decimal(after),
        "avg_entry_price": Decimal(entry), "origin": "plan", "trade_ms": NOW_MS + 20 + number, "lag_ms": 3,
        "cause": "", "ts_ms": NOW_MS + 25,
    }  # fmt: skip
    return JournalEntry(**(fields | changes))


def ledger(**changes: Any) -> Ledger:
    """Two bought, one at 100 and one at 101."""
    fields = {
        "position_amt": Decimal(2), "side": PositionSide.LONG, "avg_entry_price": Decimal("100.5"),
        "total_qty": Decimal(2), "fees": Decimal("0.02"), "journal_id": entry_id(31),
    }  # fmt: skip
    return Ledger.flat().model_copy(update=fields | changes)


def snapshot(amount: str) -> Snapshot:
    """What the exchange says of the symbol."""
    position = Decimal(amount)
    return Snapshot(
        position_amt=position, side=PositionSide.of(position), entry_price=Decimal(100), mark_price=Decimal(100),
        unrealized_pnl=Decimal(0), leverage=1, liquidation_price=Decimal(0), ts_epoch=NOW_MS // 1000,
        ts_iso=iso(NOW_MS), ts_ms=NOW_MS, source="paper",
    )  # fmt: skip


def record(state: OrderState) -> OrderRecord:
    """The journal of the plan's order."""
    known = {"plan_id": PLAN, "symbol": SYMBOL, "side": "BUY", "qty": "2", "updated_ms": str(NOW_MS), "state": state}
    return OrderRecord.from_fields({**dict.fromkeys(OrderRecord.wire_names(), ""), **known})


def entry_id(after_ms: int) -> str:
    """The id of an entry that was written so long after the beginning."""
    return f"{NOW_MS + after_ms}-0"


def written(after_ms: int, message: Any) -> Written[Any]:
    """An entry that was written so long after the beginning."""
    return Written(entry_id(after_ms), NOW_MS + after_ms, message)


def good() -> Facts:
    """A wish that became an order with two trades, every step recorded as it should be."""
    return Facts(
        intents=(written(0, intent()),),
        plans=(written(5, plan()),),
        permits=(written(10, permit(Issuer.GOVERNOR)), written(11, permit(Issuer.P33))),
        results=(written(30, result()),),
        journal=(written(30, journal(0, "1", "100")), written(31, journal(1, "2", "100.5"))),
        backlogs=(Backlog("apply.plan", "intent-executor", 0, 0),),
        ledgers={SYMBOL: ledger()},
        snapshots={SYMBOL: snapshot("2")},
        records={PLAN: record(OrderState.PLACED)},
        orders=(order(),),
        trades=(trade(0, "1", "100"), trade(1, "1", "101")),
        positions={SYMBOL: Decimal(2)},
    )
