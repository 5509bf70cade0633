"""The contracts: one frozen model per stream message, and the one codec between models and flat string fields.

Every field is present in every entry and empty where unknown. Nothing has a default that means something: a missing,
unknown or malformed field raises `Malformed`, and the stream's consumer makes it a dead letter with that reason.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from quantum_common.money import parse_decimal, plain
from quantum_common.reasons import Gate


class Malformed(ValueError):
    """An entry that breaks its contract. `field` names the culprit, `reason` says what is wrong with it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


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


def _number(value: object) -> object:
    if isinstance(value, float):
        raise ValueError("money is Decimal, never float")  # noqa: TRY004 - pydantic reports a ValueError by field
    if isinstance(value, str):
        return parse_decimal(value)
    if isinstance(value, Decimal) and value.is_finite():
        parse_decimal(plain(value))  # what no reader could parse again is refused at its writer
    return value


def _integer(value: object) -> object:
    if not isinstance(value, str):
        return value
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def _flag(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in {"True", "False"}:
        raise ValueError(f"{value!r} is neither True nor False")
    return value == "True"


Number = Annotated[Decimal, BeforeValidator(_number), Field(allow_inf_nan=False)]
Integer = Annotated[int, BeforeValidator(_integer)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
EpochMs = Annotated[Integer, Field(gt=0)]
EpochSeconds = Annotated[Integer, Field(gt=0)]
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{2,32}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Text = str


class Record(BaseModel):
    """A frozen model that can be written as flat string fields and read back, strictly."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=False)

    _optional: ClassVar[frozenset[str]]
    _wire_names: ClassVar[tuple[tuple[str, str], ...]]
    _wires: ClassVar[tuple[str, ...]]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Learn once which fields may be empty and what they are called on the wire."""
        super().__pydantic_init_subclass__(**kwargs)
        fields = cls.model_fields
        last = ("timestamp", "ts_ms")  # as an operator reads an entry: what first, when last
        names = [name for name in fields if name not in last] + [name for name in last if name in fields]
        cls._wire_names = tuple((name, fields[name].alias or name) for name in names)
        cls._wires = tuple(wire for _, wire in cls._wire_names)
        cls._optional = frozenset(
            field.alias or name for name, field in fields.items() if NoneType in get_args(field.annotation)
        )

    @classmethod
    def wire_names(cls) -> tuple[str, ...]:
        """Return the field names as they stand in the stream or hash, in order."""
        return cls._wires

    def to_fields(self) -> dict[str, str]:
        """Return every field as a flat string, empty where unknown."""
        return {wire: _encode(getattr(self, name)) for name, wire in self._wire_names}

    def to_json(self) -> str:
        """Return the flat fields as one JSON object."""
        return orjson.dumps(self.to_fields()).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Given what `to_json` wrote, return the record. Raise Malformed where it is something else."""
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise Malformed("entry", f"is not JSON: {error}") from None
        if not isinstance(fields, dict):
            raise Malformed("entry", "is not a JSON object")
        return cls.from_fields(fields)

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Given flat string fields, return the record. Raise Malformed naming the first field that is wrong."""
        for wire in cls.wire_names():
            if wire not in fields:
                raise Malformed(wire, "is missing")
        optional = cls._optional
        values = {name: (None if value == "" and name in optional else value) for name, value in fields.items()}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "entry"
            raise Malformed(field, first["msg"]) from None


def _encode(value: object) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return plain(value)
        case bool() | int() | str():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot stand in a stream")


class Stamped(Record):
    """A message that says when it was made: `timestamp` in epoch seconds, `ts_ms` in epoch milliseconds."""

    timestamp: EpochSeconds = 0
    ts_ms: EpochMs

    @model_validator(mode="before")
    @classmethod
    def _derive_seconds(cls, values: Any) -> Any:
        """Let Python code give `ts_ms` alone; an entry read from a stream must carry both."""
        if isinstance(values, dict) and isinstance(values.get("ts_ms"), int) and "timestamp" not in values:
            return {**values, "timestamp": values["ts_ms"] // 1000}
        return values


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
    """`reconcile.events`: a drift that was found, held, adopted or healed."""

    kind: Literal["found", "held", "adopted", "healed", "released"]
    symbol: Symbol
    exchange_position_amt: Number
    ledger_position_amt: Number
    cause: Text
    details: Text
