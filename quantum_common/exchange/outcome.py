"""What the exchange can answer to a command, as values. `Unknown` is never treated as a failure."""

from dataclasses import dataclass
from decimal import Decimal

from quantum_common.messages import Side


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as the exchange reports it. `avg_price` and `cum_quote` are None where the answer has no price:
    the answer to a POST never has one."""

    symbol: str
    side: Side
    order_id: int
    client_order_id: str
    status: str
    orig_qty: Decimal
    executed_qty: Decimal
    avg_price: Decimal | None
    cum_quote: Decimal | None
    update_ms: int

    @property
    def finished(self) -> bool:
        """Return whether the exchange will do nothing more with this order."""
        return self.status not in {"NEW", "PARTIALLY_FILLED"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The exchange took the order."""

    order: OrderView


@dataclass(frozen=True, slots=True)
class Done:
    """A command without an order of its own (leverage, a stop, a cancel) was carried out."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite no, with the exchange's code and text."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request provably never reached matching: it may be sent again, after `retry_after_ms`."""

    cause: str
    retry_after_ms: int
    rate_limited: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may or may not have been carried out: look it up, never send it again."""

    cause: str


@dataclass(frozen=True, slots=True)
class Found:
    """The order that was looked up."""

    order: OrderView


@dataclass(frozen=True, slots=True)
class NotFound:
    """The exchange does not show such an order now; reads may lag behind matching, so this alone proves nothing."""


Placing = Accepted | Refused | NotSent | Unknown
Commanding = Done | Refused | NotSent | Unknown
Lookup = Found | NotFound | Unknown
