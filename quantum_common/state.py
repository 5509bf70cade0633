"""The records that stand at keys: one frozen model per hash of the contract, read and written through one codec."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Self

from pydantic import Field

from quantum_common.messages import (
    EpochMs,
    Flag,
    Integer,
    Name,
    NotNegative,
    Number,
    Positive,
    Record,
    Side,
    Symbol,
    Text,
)


class PositionSide(StrEnum):
    """The side of a position."""

    LONG = "LONG"
    SHORT = "SHORT"
    FLAT = "FLAT"

    @classmethod
    def of(cls, position_amt: Decimal) -> "PositionSide":
        """Given a signed quantity, return its side."""
        if position_amt == 0:
            return cls.FLAT
        return cls.LONG if position_amt > 0 else cls.SHORT

    @property
    def closing(self) -> Side | None:
        """Return the side of the order that reduces such a position, or None where it is flat."""
        match self:
            case PositionSide.LONG:
                return Side.SELL
            case PositionSide.SHORT:
                return Side.BUY
            case PositionSide.FLAT:
                return None


@lru_cache(maxsize=8)  # the records of one moment are written together
def iso(ms: int) -> str:
    """Given epoch milliseconds, return the UTC time as people read it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


class Snapshot(Record):
    """`position:snapshot:<SYMBOL>`: what the exchange says. Quantities in base asset, signed; prices in USDT."""

    position_amt: Number
    side: PositionSide
    entry_price: NotNegative
    mark_price: NotNegative
    unrealized_pnl: Number
    leverage: Annotated[Integer, Field(ge=1)]
    liquidation_price: NotNegative
    ts_epoch: Integer
    ts_iso: Text
    ts_ms: EpochMs
    source: Name


class Ledger(Record):
    """`position:ledger:<SYMBOL>`: what we did, the fold of the symbol's facts. `total_qty` is all that was traded."""

    position_amt: Number
    side: PositionSide
    avg_entry_price: NotNegative
    total_qty: NotNegative
    realized_pnl: Number
    fees: Number
    funding: Number
    opened_ms: Integer | None
    peak_price: Positive | None
    last_order_id: Integer | None
    last_plan_id: Text
    lag_ms: Integer | None
    updated_at: Text
    updated_ms: Integer
    journal_id: Text

    @classmethod
    def flat(cls) -> Self:
        """Return the ledger of a symbol that was never traded."""
        zero = Decimal(0)
        return cls(
            position_amt=zero, side=PositionSide.FLAT, avg_entry_price=zero, total_qty=zero, realized_pnl=zero,
            fees=zero, funding=zero, opened_ms=None, peak_price=None, last_order_id=None, last_plan_id="",
            lag_ms=None, updated_at="", updated_ms=0, journal_id="",
        )  # fmt: skip


class Portfolio(Record):
    """`state:portfolio`: the account in USDT. Utilisation is gross exposure over its cap; heat is open risk to the
    stops over equity; both are fractions."""

    equity_usd: Number
    peak_equity_usd: Number
    drawdown_pct: NotNegative
    gross_exposure_usd: NotNegative
    exposure_utilization: NotNegative
    portfolio_heat: NotNegative
    open_positions: Integer
    ts_ms: EpochMs


class MarketState(Record):
    """`marketstate:<SYMBOL>`: statistics of closed bars. `sigma` is the volatility of one bar's log return, `ts` the
    trend strength |mu|/sigma, `p_*` sum to one, `volatility_regime` is a percentile in [0, 1]."""

    sigma: NotNegative
    sigma_ref: NotNegative
    ts: NotNegative
    p_trend: NotNegative
    p_mr: NotNegative
    p_chop: NotNegative
    volatility_regime: NotNegative
    atr: NotNegative
    price: Positive
    bar_close_ms: EpochMs
    ts_ms: EpochMs


class EngineVerdict(Record):
    """`engine:verdict:<SYMBOL>`: what the engine made of the last closed bar. `why` is `entry`, or the name of the exit
    or of what kept it from entering; `value` and `limit` are what decided. `decided_bar_ms` is the close of the bar
    that was last decided on: between two decision bars the verdict of the last one stands."""

    why: Name
    bar_close_ms: EpochMs
    decided_bar_ms: EpochMs
    p_up: NotNegative | None
    confidence: NotNegative | None
    edge_bps: NotNegative | None
    cost_bps: Number | None
    value: Number | None
    limit: Number | None
    model_version: Text
    ts_ms: EpochMs


class ModelStatus(StrEnum):
    """How the model stands: `warning` is a day or less, or a little drift, before `expired`, where entries stop."""

    OK = "ok"
    WARNING = "warning"
    EXPIRED = "expired"
    NONE = "none"


class EngineModel(Record):
    """`engine:model`: the model in use, its age, and how far inputs and calibration have drifted from its card."""

    name: Text
    version: Text
    status: ModelStatus
    reason: Text
    trained_ms: EpochMs | None
    expires_ms: EpochMs | None
    age_ms: Integer | None
    drift_inputs: NotNegative | None
    drift_inputs_limit: NotNegative | None
    drift_calibration: NotNegative | None
    drift_calibration_limit: NotNegative | None
    observations: Integer
    pays: Flag | None
    ts_ms: EpochMs


class TradingState(StrEnum):
    """ACTIVE trades, REDUCING only exits, HALTED does neither."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class GovernorState(Record):
    """`governor:state`: the one trading state, with who set it, why and since when."""

    trading_state: TradingState
    reason: Text
    by: Name
    since_ms: Integer


class Hold(Record):
    """`position:hold:<SYMBOL>`: why entries on this symbol wait."""

    reason: Name
    exchange_position_amt: Number
    ledger_position_amt: Number
    since_ms: EpochMs
    details: Text


class Ask(StrEnum):
    """What an operator may ask of P3.3."""

    RELEASE = "release"
    REBUILD = "rebuild"


class Request(Record):
    """A field of `position:requests`: what an operator asks of P3.3 for a symbol, who it is and why."""

    ask: Ask
    by: Name
    reason: Name
    ts_ms: EpochMs


class OrderState(StrEnum):
    """Where the one order of a plan stands. SENDING may or may not have reached the exchange; the rest is final. SHADOW
    was claimed by an executor that sends nothing: such a record is final from its first moment on."""

    SENDING = "SENDING"
    PLACED = "PLACED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"
    BLOCKED = "BLOCKED"
    SHADOW = "SHADOW"

    @property
    def terminal(self) -> bool:
        """Return whether nothing can follow."""
        return self is not OrderState.SENDING


class OrderRecord(Record):
    """`order:<plan_id>`: the write-ahead record. `stamp_ms` is the timestamp that the request is signed with, and
    `deadline_ms` the exchange's time after which it can no longer become an order."""

    plan_id: Name
    symbol: Symbol
    side: Side
    qty: NotNegative
    client_order_id: Text
    state: OrderState
    stamp_ms: Integer | None
    deadline_ms: Integer | None
    sent_ms: Integer | None
    permits: Text
    result: Text
    result_id: Text
    updated_ms: EpochMs
