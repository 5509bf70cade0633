"""The one codec between frozen models and flat string fields, and the types that such fields have.

Every field is present in every entry and empty where unknown. Nothing has a default that means something: a missing,
unknown or malformed field raises `Malformed`, and the stream's consumer makes it a dead letter with that reason.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, ClassVar, Self, get_args

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from quantum_common.money import PLAIN_DIGITS, parse_decimal, plain


class Malformed(ValueError):
    """An entry that breaks its contract. `field` names the culprit, `reason` says what is wrong with it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def _number(value: object) -> object:
    if isinstance(value, Decimal):
        if not _surely_plain(value) and value.is_finite():
            parse_decimal(plain(value))  # what no reader could parse again is refused at its writer
        return value
    if isinstance(value, str):
        return parse_decimal(value)
    if isinstance(value, float):
        raise ValueError("money is Decimal, never float")  # noqa: TRY004 - pydantic reports a ValueError by field
    return value


def _surely_plain(value: Decimal) -> bool:
    """Given a number, return whether its length alone says that it can be written and parsed again: one below
    1e-6 is not surely plain, since it is written with an exponent."""
    return -6 <= value.adjusted() < PLAIN_DIGITS and len(str(value)) <= PLAIN_DIGITS


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


# Bounds stand before the validator: pydantic's core then checks them itself, and not a Python function for each.
Number = Annotated[Decimal, Field(allow_inf_nan=False), BeforeValidator(_number)]
Integer = Annotated[int, BeforeValidator(_integer)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Positive = Annotated[Decimal, Field(allow_inf_nan=False, gt=0), BeforeValidator(_number)]
NotNegative = Annotated[Decimal, Field(allow_inf_nan=False, ge=0), BeforeValidator(_number)]
EpochMs = Annotated[int, Field(gt=0), BeforeValidator(_integer)]
EpochSeconds = Annotated[int, Field(gt=0), BeforeValidator(_integer)]
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
        case str() | int():  # most of them; a flag is an int
            return str(value)
        case None:
            return ""
        case Decimal():
            return plain(value)
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
