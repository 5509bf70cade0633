"""What an endpoint is: where it is, what it costs, what it demands, and the function that answers."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from services.paper_exchange.engine.enums import PositionSide
from services.paper_exchange.engine.errors import ExchangeError
from services.paper_exchange.engine.requests import Window
from services.paper_exchange.engine.rules import SymbolRules
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.protocol.errors import ApiError, invalid_symbol, malformed, missing_both
from services.paper_exchange.protocol.params import Params
from services.paper_exchange.protocol.rates import OrderCost, RateLimiter


class Security(Enum):
    """What a request must carry."""

    NONE = auto()
    KEY = auto()
    SIGNED = auto()


@dataclass(slots=True)
class Call:
    """One request on its way: who answers, what was sent, and what the answer's headers gain."""

    exchange: Exchange
    limiter: RateLimiter
    params: Params
    now_ms: int

    @property
    def symbol(self) -> str:
        """The symbol sent. Raise -1102 where there is none."""
        return self.params.required("symbol")

    def rules(self, symbol: str | None = None) -> SymbolRules:
        """Given a symbol, or none for the request's, return its rules. Raise -1121 on an unknown one."""
        return self.exchange.engine.rules(symbol if symbol is not None else self.symbol)

    def window(self, limit_default: int, limit_max: int) -> Window:
        """Return startTime, endTime and limit of a history query. Raise -1130 on a limit outside its range."""
        limit = self.params.integer("limit")
        if limit is not None and not 1 <= limit <= limit_max:
            raise malformed("limit")
        start_ms, end_ms = self.params.integer("startTime"), self.params.integer("endTime")
        if start_ms is not None and end_ms is not None and start_ms > end_ms:
            raise ApiError(-1023, "Start time is greater than end time.")
        return Window(start_ms, end_ms, limit if limit is not None else limit_default)

    def order_ids(self, number: str = "orderId", text: str = "origClientOrderId") -> tuple[int | None, str | None]:
        """Return the order's number or its client's id. Raise -1102 where neither was sent; the number wins."""
        order_id = self.params.integer(number)
        client_id = self.params.text(text)
        if order_id is None and client_id is None:
            raise missing_both(text, number)
        return order_id, None if order_id is not None else client_id


Handler = Callable[[Call], Any]
Weight = int | Callable[[Params], int]


class Symbol(Enum):
    """Whether an endpoint takes a symbol."""

    NONE = auto()
    OPTIONAL = auto()
    REQUIRED = auto()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method and path. `matching` marks requests that matching checks for their age once more."""

    method: str
    path: str
    handler: Handler
    weight: Weight = 1
    security: Security = Security.SIGNED
    symbol: Symbol = Symbol.NONE
    required: tuple[str, ...] = ()
    order_cost: OrderCost | None = None
    matching: bool = False
    shows_weight: bool = True

    def weigh(self, params: Params) -> int:
        """Given the parameters, return the request's weight."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


def open_endpoint(path: str, handler: Any, weight: Any = 1, symbol: Symbol = Symbol.NONE, **more: Any) -> Endpoint:
    """Given a path, its handler and what it takes, return the GET endpoint anyone may ask."""
    return Endpoint("GET", path, handler, weight, Security.NONE, symbol, **more)


def by_symbol(with_symbol: int, without: int) -> Callable[[Params], int]:
    """Given both weights, return the function that weighs a request by whether it names a symbol."""
    return lambda params: with_symbol if "symbol" in params else without


def position_side(params: Params) -> PositionSide:
    """Given the parameters, return the position side, BOTH where none was sent. Raise -4060 on another word."""
    value = params.text("positionSide") or "BOTH"
    if value not in PositionSide.__members__:
        raise ApiError(-4060, "Invalid position side.")
    return PositionSide(value)


def answer_each(items: list[Any], answer: Callable[[Params], Any]) -> list[Any]:
    """Given the items of a batch, return the answer to each, a refusal in its place where one is refused."""
    answers: list[Any] = []
    for item in items:
        try:
            answers.append(answer(Params.of_item(item)))
        except ExchangeError as refusal:
            answers.append({"code": refusal.code, "msg": refusal.msg})
    return answers


def checked_symbol(exchange: Exchange, symbol: str) -> str:
    """Given a symbol, return it. Raise -1121 where it is not listed."""
    if symbol not in exchange.market.listings:
        raise invalid_symbol()
    return symbol
