"""The parameters of one request, wherever and however a client sent them."""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import orjson

from services.paper_exchange.protocol.errors import ApiError, illegal, malformed, missing

NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_NUMBER = re.compile(NUMBER)
_SIGNED_NUMBER = re.compile(r"^-?([0-9]{1,20})(\.[0-9]{1,20})?$")
_INTEGER = re.compile(r"^-?[0-9]{1,19}$")
_LISTS = ("batchOrders", "orderIdList", "origClientOrderIdList", "algoIdList", "clientAlgoIdList")


class Params:
    """Names and values of a request; names are looked up whatever their case."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, str]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    @classmethod
    def parse(cls, query: str, body: str) -> "Params":
        """Given raw query and body, return their parameters; what is in both counts as in the query.

        Raise ApiError -1101 where one of the two bears a name twice.
        """
        values: dict[str, str] = {}
        for text in (body, query):
            pairs = parse_qsl(text, keep_blank_values=True)
            found = dict(pairs)
            if len(found) != len(pairs):
                raise ApiError(-1101, "Duplicate values for a parameter detected.")
            values.update(found)
        return cls(values)

    def __contains__(self, name: str) -> bool:
        return bool(self._values.get(name.lower()))

    def text(self, name: str) -> str | None:
        """Given a name, return its value, or None where it was not sent or is empty."""
        return self._values.get(name.lower()) or None

    def required(self, name: str) -> str:
        """Given a name, return its value. Raise -1102 where there is none."""
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    def choice(self, name: str, legal: tuple[str, ...], refusal: ApiError) -> str | None:
        """Given a name and its legal values, return the value or None. Raise the refusal on another."""
        value = self.text(name)
        if value is not None and value not in legal:
            raise refusal
        return value

    def integer(self, name: str) -> int | None:
        """Given a name, return its whole number or None. Raise -1102 or -1100 on anything else."""
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.match(value):
            raise illegal(name, "^[0-9]{1,20}$")
        return int(value)

    def number(self, name: str) -> Decimal | None:
        """Given a name, return its decimal number or None. Raise -1100 on anything else."""
        value = self.text(name)
        if value is None:
            return None
        if not _SIGNED_NUMBER.match(value):
            raise illegal(name, NUMBER)
        return Decimal(value)

    def flag(self, name: str) -> bool | None:
        """Given a name, return its truth, whatever the case, or None. Raise -1130 on anything else."""
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in ("true", "false"):
            raise malformed(name)
        return value.lower() == "true"

    def items(self, name: str, count_max: int) -> list[Any] | None:
        """Given the name of a JSON list, return it or None. Raise -1130 where it is none or too long."""
        value = self.text(name)
        if value is None:
            return None
        try:
            found = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise malformed(name) from None
        if not isinstance(found, list) or not found or len(found) > count_max:
            raise malformed(name)
        return found

    @classmethod
    def of_item(cls, item: Any) -> "Params":
        """Given one object of a JSON list, return its values as parameters. Raise -1130 on anything else."""
        if not isinstance(item, dict):
            raise malformed("batchOrders")
        return cls({str(name): json_text(value) for name, value in item.items() if value is not None})


def json_text(value: Any) -> str:
    """Given a JSON value, return the text a form would have carried."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return format(Decimal(str(value)), "f")
        case _:
            return orjson.dumps(value).decode()
