"""An ordinary plan and an ordinary world, to be changed in one place by each test."""

from decimal import Decimal
from typing import Any

from quantum_common.messages import Action, Decision, EvalType, OrderType, Plan, Result, Side
from quantum_common.reasons import Gate
from quantum_common.state import (
    GovernorState,
    Ledger,
    MarketState,
    Portfolio,
    PositionSide,
    Snapshot,
    TradingState,
)
from services.governor.settings import GovernorSettings
from services.governor.view import Limits, Spent, View

NOW_MS = 1_790_000_000_000


def limits(**changes: Any) -> Limits:
    return GovernorSettings.model_validate({f"gov_{name}": value for name, value in changes.items()}).limits


def plan(action: str = "OPEN", **changes: Any) -> Plan:
    wish = Action(action)
    entry = wish.eval_type is EvalType.ENTRY
    values: dict[str, Any] = {
        "plan_id": "plan-1", "intent_id": "intent-1", "decision": Decision.EXECUTE, "gate": None, "symbol": "BTCUSDT",
        "side": Side.BUY if entry else Side.SELL, "eval_type": wish.eval_type, "action": wish,
        "type": OrderType.STOP_MARKET if wish is Action.UPDATE_SL else OrderType.MARKET, "qty": Decimal("0.01"),
        "reduce_only": not entry, "price": Decimal(50_000), "leverage": 2 if entry else None,
        "stop_loss": Decimal(49_000) if wish is Action.UPDATE_SL else None, "take_profit": None, "confidence": None,
        "regime": "", "expires_ms": NOW_MS + 5_000, "source": "ai-engine",
        "gates": "[]", "ts_ms": NOW_MS - 5,
    }  # fmt: skip
    return Plan.model_validate(values | changes)


def state(trading_state: str = "ACTIVE") -> GovernorState:
    return GovernorState(trading_state=TradingState(trading_state), reason="", by="a person", since_ms=1)


def snapshot(position_amt: str = "0", **changes: Any) -> Snapshot:
    amount = Decimal(position_amt)
    values: dict[str, Any] = {
        "position_amt": amount, "side": PositionSide.of(amount), "entry_price": Decimal(0),
        "mark_price": Decimal(50_000), "unrealized_pnl": Decimal(0), "leverage": 1, "liquidation_price": Decimal(0),
        "ts_epoch": NOW_MS // 1000, "ts_iso": "", "ts_ms": NOW_MS - 500, "source": "paper",
    }  # fmt: skip
    return Snapshot.model_validate(values | changes)


def ledger(position_amt: str = "0", **changes: Any) -> Ledger:
    amount = Decimal(position_amt)
    return Ledger.flat().model_copy(update={"position_amt": amount, "side": PositionSide.of(amount)} | changes)


def portfolio(**changes: Any) -> Portfolio:
    values: dict[str, Any] = {
        "equity_usd": Decimal(10_000), "peak_equity_usd": Decimal(10_000), "drawdown_pct": Decimal(0),
        "gross_exposure_usd": Decimal(0), "exposure_utilization": Decimal(0), "portfolio_heat": Decimal(0),
        "open_positions": 0, "ts_ms": NOW_MS - 500,
    }  # fmt: skip
    return Portfolio.model_validate(values | changes)


def market(**changes: Any) -> MarketState:
    values: dict[str, Any] = {
        "sigma": Decimal("0.01"), "sigma_ref": Decimal("0.01"), "ts": Decimal("0.4"), "p_trend": Decimal("0.6"),
        "p_mr": Decimal("0.2"), "p_chop": Decimal("0.2"), "volatility_regime": Decimal("0.5"), "atr": Decimal(100),
        "price": Decimal(50_000), "bar_close_ms": NOW_MS - 1_000, "ts_ms": NOW_MS - 900,
    }  # fmt: skip
    return MarketState.model_validate(values | changes)


FLIPPED = {"p_trend": Decimal("0.1"), "p_mr": Decimal("0.5"), "p_chop": Decimal("0.4"), "ts": Decimal(0)}


def spent(**changes: Any) -> Spent:
    values: dict[str, Any] = {
        "symbol_5min": 0, "symbol_hour": 0, "all_5min": 0, "all_hour": 0, "day_usdt": Decimal(0),
    }  # fmt: skip
    return Spent(**(values | changes))


def view(position_amt: str = "0", **changes: Any) -> View:
    values: dict[str, Any] = {
        "state": state(), "portfolio": portfolio(), "market": market(), "ledger": ledger(position_amt),
        "snapshot": snapshot(position_amt), "spent": spent(),
    }  # fmt: skip
    return View(**(values | changes))


def result(of: Plan, *, executed: bool, gate: Gate | None = None, **changes: Any) -> Result:
    values: dict[str, Any] = {
        "plan_id": of.plan_id, "intent_id": of.intent_id, "symbol": of.symbol, "side": of.side,
        "eval_type": of.eval_type, "action": of.action, "executed": executed, "decision": of.decision, "gate": gate,
        "order_id": None, "client_order_id": "", "order_status": "", "qty": of.qty, "filled_qty": Decimal(0),
        "cum_quote": None, "avg_price": None, "fee": None, "position_after": None, "sent_ms": None, "acked_ms": None,
        "error": "", "details": "", "ts_ms": NOW_MS,
    }  # fmt: skip
    return Result.model_validate(values | changes)
