"""The contracts: one frozen model per stream message. Their codec, and what makes an entry malformed, is in `codec`."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from quantum_common.codec import (
    EpochMs,
    EpochSeconds,
    Flag,
    Integer,
    Malformed,
    Name,
    NotNegative,
    Number,
    Positive,
    Record,
    Stamped,
    Symbol,
    Text,
)
from quantum_common.reasons import Gate

__all__ = [
    "Action", "Decision", "EpochMs", "EpochSeconds", "EvalType", "Flag", "GovernorEvent", "Integer", "Intent",
    "Issuer", "JournalEntry", "Malformed", "Name", "NotNegative", "Number", "OrderType", "Permit", "Plan", "Positive",
    "ReconcileEvent", "Record", "Result", "Side", "Stamped", "Symbol", "Text",
]  # fmt: skip


class Side(StrEnum):
    """The side of an order."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """Return +1 for BUY and -1 for SELL."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Action(StrEnum):
    """What a wish asks for."""

    OPEN = "OPEN"
    CLOSE_25 = "CLOSE_25"
    CLOSE_50 = "CLOSE_50"
    CLOSE_75 = "CLOSE_75"
    CLOSE_FULL = "CLOSE_FULL"
    UPDATE_SL = "UPDATE_SL"

    @property
    def eval_type(self) -> "EvalType":
        """Return whether the action adds risk or takes it away."""
        return EvalType.ENTRY if self is Action.OPEN else EvalType.EXIT

    @property
    def close_fraction(self) -> Decimal | None:
        """Return the part of the position that the action closes, or None where it closes nothing."""
        return _CLOSE_FRACTIONS.get(self)


_CLOSE_FRACTIONS = {
    Action.CLOSE_25: Decimal("0.25"),
    Action.CLOSE_50: Decimal("0.5"),
    Action.CLOSE_75: Decimal("0.75"),
    Action.CLOSE_FULL: Decimal(1),
}


class EvalType(StrEnum):
    """ENTRY adds exposure, EXIT lowers it."""

    ENTRY = "ENTRY"
    EXIT = "EXIT"


class Decision(StrEnum):
    """The bridge's word on a plan."""

    EXECUTE = "EXECUTE"
    BLOCKED = "BLOCKED"


class OrderType(StrEnum):
    """The order types that a plan may ask for."""

    MARKET = "MARKET"
    STOP_MARKET = "STOP_MARKET"


class Issuer(StrEnum):
    """The two that grant permits."""

    GOVERNOR = "governor"
    P33 = "p33"


class Intent(Stamped):
    """`trade.intent`: a wish to change exposure. `side` is the side of the order that it wishes for."""

    intent_id: Name
    symbol: Symbol
    side: Side
    action: Action
    eval_type: EvalType
    confidence: Annotated[Number, Field(ge=0, le=1)] | None
    expected_edge_bps: Number | None
    position_size_usd: Positive | None
    fraction: Annotated[Number, Field(gt=0, le=1)] | None
    leverage: Annotated[Integer, Field(ge=1, le=125)] | None
    entry_price: Positive | None
    stop_loss: Positive | None
    take_profit: Positive | None
    atr_value: NotNegative | None
    regime: Text
    model: Text
    model_version: Text
    bar_close_ms: EpochMs | None
    reason: Text
    source: Name

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """An entry says how much; an exit says what it exits; a stop says where."""
        if self.eval_type is not self.action.eval_type:
            raise ValueError(f"eval_type {self.eval_type} does not fit action {self.action}")
        if self.action is Action.OPEN and self.position_size_usd is None:
            raise ValueError("an OPEN must say position_size_usd")
        if self.action is Action.UPDATE_SL and self.stop_loss is None:
            raise ValueError("an UPDATE_SL must say stop_loss")
        return self


class Plan(Stamped):
    """`apply.plan`: a wish, sized and gated. `qty` in base asset; `gates` is a JSON list of verdicts."""

    plan_id: Name
    intent_id: Name
    decision: Decision
    gate: Gate | None
    symbol: Symbol
    side: Side
    eval_type: EvalType
    action: Action
    type: OrderType
    qty: NotNegative
    reduce_only: Flag = Field(alias="reduceOnly")
    price: Positive | None
    leverage: Annotated[Integer, Field(ge=1, le=125)] | None
    stop_loss: Positive | None
    take_profit: Positive | None
    confidence: Annotated[Number, Field(ge=0, le=1)] | None
    regime: Text
    expires_ms: EpochMs
    source: Name
    gates: Text

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """A blocked plan names its gate; an executable one has something to do, and an exit can only reduce."""
        if (self.decision is Decision.BLOCKED) == (self.gate is None):
            raise ValueError(f"decision {self.decision} with gate {self.gate}")
        if self.decision is Decision.EXECUTE and self.qty == 0 and self.action is not Action.UPDATE_SL:
            raise ValueError("an executable plan needs a quantity")
        if self.decision is Decision.EXECUTE and self.action is Action.UPDATE_SL and self.stop_loss is None:
            raise ValueError("an executable UPDATE_SL must say stop_loss")
        if self.reduce_only != (self.eval_type is EvalType.EXIT):
            raise ValueError(f"reduceOnly {self.reduce_only} on an {self.eval_type}")
        return self


class Permit(Stamped):
    """`apply.permit`: one issuer's word on one plan, with what it measured. The same JSON stands at the permit key."""

    plan_id: Name
    issuer: Issuer
    symbol: Symbol
    eval_type: EvalType
    allow: Flag
    reason: Gate | None
    safe_qty: NotNegative | None
    kill_score: Number | None
    kill_z: Number | None
    z_cutoff: Number | None
    k_regime_flip: Number | None
    k_sigma_spike: Number | None
    k_ts_drop: Number | None
    k_age_penalty: Number | None
    exchange_position_amt: Number | None
    ledger_position_amt: Number | None
    snapshot_age_ms: Integer | None
    details: Text

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """A refusal names its reason."""
        if self.allow == (self.reason is not None):
            raise ValueError(f"allow {self.allow} with reason {self.reason}")
        return self


class Result(Stamped):
    """`apply.result`: the one terminal result of a plan. Its price is informative; the ledger books trades."""

    plan_id: Name
    intent_id: Name
    symbol: Symbol
    side: Side
    eval_type: EvalType
    action: Action
    executed: Flag
    decision: Decision
    gate: Gate | None
    order_id: Integer | None
    client_order_id: Text
    order_status: Text
    qty: NotNegative
    filled_qty: NotNegative
    cum_quote: NotNegative | None
    avg_price: Positive | None
    fee: Number | None
    position_after: Number | None
    sent_ms: EpochMs | None
    acked_ms: EpochMs | None
    error: Text
    details: Text

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """A result without a known gate does not validate."""
        if self.executed == (self.gate is not None):
            raise ValueError(f"executed {self.executed} with gate {self.gate}")
        return self


class JournalEntry(Stamped):
    """`ledger.journal`: one change of one ledger. The ledger is the fold of these."""

    kind: Literal["fill", "funding", "adjustment"]
    symbol: Symbol
    trade_id: Text
    order_id: Integer | None
    plan_id: Text
    client_order_id: Text
    side: Side | None
    qty: NotNegative | None
    price: Positive | None
    fee: Number | None
    realized_pnl: Number | None
    funding: Number | None
    position_amt: Number
    avg_entry_price: NotNegative
    origin: Text
    trade_ms: EpochMs
    lag_ms: Integer
    cause: Text


class GovernorEvent(Stamped):
    """`governor.events`: a change of trading state."""

    kind: Name
    trading_state: Name
    reason: Text
    by: Name
    details: Text


class ReconcileEvent(Stamped):
    """`reconcile.events`: a drift that was found, held, adopted or healed; what an operator released or had rebuilt."""

    kind: Literal["found", "held", "adopted", "healed", "released", "rebuilt"]
    symbol: Symbol
    exchange_position_amt: Number
    ledger_position_amt: Number
    cause: Text
    details: Text
