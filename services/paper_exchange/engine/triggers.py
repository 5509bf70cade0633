"""Which algo orders of a contract wait for which price, sorted so that a tick that triggers none costs nothing."""

from bisect import bisect_left, insort
from decimal import Decimal

from services.paper_exchange.engine.enums import OrderType, Side, WorkingType
from services.paper_exchange.engine.records import AlgoOrder

STOPS = frozenset({OrderType.STOP, OrderType.STOP_MARKET})
PROFITS = frozenset({OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_MARKET})
_Key = tuple[Decimal, int]


def rises(algo_type: OrderType, side: Side) -> bool:
    """Given a stop or take-profit, return whether it triggers at or above its price (else at or below)."""
    return (side is Side.BUY) == (algo_type in STOPS)


class Triggers:
    """Waiting stops and take-profits by working type and direction; trailing orders by working type."""

    __slots__ = ("_falling", "_rising", "trailing")

    def __init__(self) -> None:
        self._rising: dict[WorkingType, list[_Key]] = {kind: [] for kind in WorkingType}
        self._falling: dict[WorkingType, list[_Key]] = {kind: [] for kind in WorkingType}
        self.trailing: dict[WorkingType, dict[int, None]] = {kind: {} for kind in WorkingType}

    def add(self, algo: AlgoOrder) -> None:
        """Given a waiting algo order, watch for its price."""
        if algo.type is OrderType.TRAILING_STOP_MARKET:
            self.trailing[algo.working_type][algo.algo_id] = None
        else:
            keys, key = self._place(algo)
            insort(keys, key)

    def remove(self, algo: AlgoOrder) -> None:
        """Given an algo order, stop watching; one that is not watched is left alone."""
        if algo.type is OrderType.TRAILING_STOP_MARKET:
            self.trailing[algo.working_type].pop(algo.algo_id, None)
            return
        keys, key = self._place(algo)
        at = bisect_left(keys, key)
        if at < len(keys) and keys[at] == key:
            del keys[at]

    def due(self, kind: WorkingType, price: Decimal) -> list[int]:
        """Given a price, return the ids it triggers, those whose price was passed first, first."""
        found = []
        for trigger, algo_id in self._rising[kind]:
            if trigger > price:
                break
            found.append(algo_id)
        for negative, algo_id in self._falling[kind]:
            if -negative < price:
                break
            found.append(algo_id)
        return found

    def within(self, low: Decimal, high: Decimal) -> bool:
        """Given a range of prices, return whether one of them may trigger something; trailing orders always may."""
        for kind in WorkingType:
            rising, falling = self._rising[kind], self._falling[kind]
            if self.trailing[kind] or (rising and rising[0][0] <= high) or (falling and -falling[0][0] >= low):
                return True
        return False

    def _place(self, algo: AlgoOrder) -> tuple[list[_Key], _Key]:
        if rises(algo.type, algo.side):
            return self._rising[algo.working_type], (algo.trigger_price, algo.algo_id)
        return self._falling[algo.working_type], (-algo.trigger_price, algo.algo_id)
