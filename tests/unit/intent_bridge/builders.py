"""An ordinary intent and an ordinary world, to be changed in one place by each test."""

from decimal import Decimal
from typing import Any

from quantum_common.exchange.port import SymbolRules
from quantum_common.messages import Action, Intent, Plan, Side
from quantum_common.state import Ledger, OrderState, Portfolio, PositionSide, Snapshot
from services.intent_bridge.decide import decide
from services.intent_bridge.reservations import Observed, Reservation
from services.intent_bridge.settings import BridgeSettings
from services.intent_bridge.view import Decided, Limits, View

NOW_MS = 1_790_000_000_000
SHARD = "quantum"
RULES = SymbolRules(
    symbol="BTCUSDT", status="TRADING", tick_size=Decimal("0.1"), step_size=Decimal("0.001"),
    min_qty=Decimal("0.001"), max_qty=Decimal(120), min_notional=Decimal(50),
)  # fmt: skip


def limits(**changes: Any) -> Limits:
    values: dict[str, Any] = {"intent_bridge_allowlist": "BTCUSDT,ETHUSDT,SOLUSDT"}
    values |= {f"intent_bridge_{name}": value for name, value in changes.items()}
    return BridgeSettings.model_validate(values).limits


def intent(action: str = "OPEN", **changes: Any) -> Intent:
    wish = Action(action)
    opens = wish is Action.OPEN
    values: dict[str, Any] = {
        "intent_id": "intent-1", "symbol": "BTCUSDT", "side": Side.BUY if opens else Side.SELL, "action": wish,
        "eval_type": wish.eval_type, "confidence": Decimal("0.7") if opens else None,
        "expected_edge_bps": Decimal(40) if opens else None, "position_size_usd": Decimal(500) if opens else None,
        "fraction": wish.close_fraction, "leverage": 2 if opens else None,
        "entry_price": Decimal(50_000) if opens else None,
        "stop_loss": Decimal(49_000) if opens or wish is Action.UPDATE_SL else None,
        "take_profit": Decimal(53_000) if opens else None, "atr_value": Decimal(200), "regime": "trend",
        "model": "momentum", "model_version": "1", "bar_close_ms": NOW_MS - 1_000, "reason": "a test",
        "source": "ai-engine", "ts_ms": NOW_MS - 100,
    }  # fmt: skip
    return Intent.model_validate(values | changes)


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
    return Ledger.flat().model_copy(
        update={"position_amt": amount, "side": PositionSide.of(amount), "updated_ms": NOW_MS - 60_000} | changes
    )


def portfolio(**changes: Any) -> Portfolio:
    values: dict[str, Any] = {
        "equity_usd": Decimal(10_000), "peak_equity_usd": Decimal(10_000), "drawdown_pct": Decimal(0),
        "gross_exposure_usd": Decimal(0), "exposure_utilization": Decimal(0), "portfolio_heat": Decimal(0),
        "open_positions": 0, "ts_ms": NOW_MS - 500,
    }  # fmt: skip
    return Portfolio.model_validate(values | changes)


def view(position_amt: str = "0", **changes: Any) -> View:
    values: dict[str, Any] = {
        "first_entry_id": "", "snapshot": snapshot(position_amt), "ledger": ledger(position_amt),
        "portfolio": portfolio(), "rules": RULES, "reservations": (),
    }  # fmt: skip
    return View(**(values | changes))


def reservation(symbol: str = "ETHUSDT", **changes: Any) -> Reservation:
    values: dict[str, Any] = {
        "plan_id": f"plan-{symbol}", "symbol": symbol, "side": Side.BUY, "notional_usd": Decimal(500),
        "target_amt": Decimal("0.01"), "opens": True, "entries": 1, "expires_ms": NOW_MS + 10_000,
    }  # fmt: skip
    return Reservation.model_validate(values | changes)


def observed(
    symbol: str = "ETHUSDT", *, state: OrderState | None = None, order_ms: int = 0,
    amount: str | None = "0", snapshot_ms: int = NOW_MS - 500, **changes: Any,
) -> Observed:  # fmt: skip
    seen = Decimal(amount) if amount is not None else None
    return Observed(reservation(symbol, **changes), state, order_ms, seen, snapshot_ms)


def decided(wish: Intent, seen: View, allowed: Limits | None = None, now_ms: int = NOW_MS) -> Decided:
    return decide(wish, seen, allowed or limits(), SHARD, now_ms)


def plan_of(wish: Intent, seen: View, allowed: Limits | None = None, now_ms: int = NOW_MS) -> Plan:
    return decided(wish, seen, allowed, now_ms).plan
