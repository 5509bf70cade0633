"""Own resting limit orders of one side of a contract, best price first, then by their place in the queue."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

from services.paper_exchange.engine.enums import Side
from services.paper_exchange.engine.records import Order

_Key = tuple[Decimal, int, int]


class Resting:
    """A sorted list of keys; the orders themselves live with the desk."""

    __slots__ = ("_keys", "_sign")

    def __init__(self, side: Side) -> None:
        self._sign = -1 if side is Side.BUY else 1
        self._keys: list[_Key] = []

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[int]:
        """The ids, best first."""
        return iter([key[2] for key in self._keys])

    def add(self, order: Order) -> None:
        """Given an open limit order, queue it."""
        insort(self._keys, self._key(order))

    def remove(self, order: Order) -> bool:
        """Given an order as it was queued, take it out; return whether it was there."""
        key = self._key(order)
        at = bisect_left(self._keys, key)
        if at == len(self._keys) or self._keys[at] != key:
            return False
        del self._keys[at]
        return True

    def best_price(self) -> Decimal | None:
        """Return the best price, or None."""
        return self._sign * self._keys[0][0] if self._keys else None

    def best_id(self) -> int:
        """Return the id of the order that trades first. There must be one."""
        return self._keys[0][2]

    def _key(self, order: Order) -> _Key:
        return (self._sign * order.price, order.queue, order.order_id)
