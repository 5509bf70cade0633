"""Which protective stops should stand: one for each position, none for a flat symbol. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from quantum_common.exchange.port import StopRequest, StopView
from quantum_common.ids import STOP_PREFIXES, repair_stop_id
from quantum_common.messages import Side
from quantum_common.money import round_to_tick
from quantum_common.state import PositionSide


@dataclass(frozen=True, slots=True)
class Standing:
    """A symbol's position, and the stop that is remembered for it. `under_way_ms` is until when a plan may change
    both; 0 where none does."""

    symbol: str
    position_amt: Decimal
    mark_price: Decimal
    stop_id: str
    trigger_price: Decimal | None
    under_way_ms: int


@dataclass(frozen=True, slots=True)
class Repair:
    """What is wrong with a symbol's stops: one to place, some to cancel. An empty one: nothing is."""

    place: StopRequest | None = None
    cancel: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is something to do."""
        return self.place is not None or bool(self.cancel)


NOTHING = Repair()


def judge(standing: Standing, stops: Sequence[StopView], distance: Decimal, tick: Decimal) -> Repair:
    """Given a position and the open conditional orders of its symbol, return what should be mended.

    Only stops that bear our client ids count, and only those are ever cancelled. `distance` is the fraction of the mark
    at which a stop is placed whose price is not known.
    """
    if not stops and not standing.position_amt:
        return NOTHING
    ours = [stop for stop in stops if stop.client_id.startswith(STOP_PREFIXES)]
    closing = PositionSide.of(standing.position_amt).closing
    if closing is None:
        return Repair(cancel=tuple(stop.client_id for stop in ours))
    right = [stop for stop in ours if stop.side is closing]
    wrong = tuple(stop.client_id for stop in ours if stop.side is not closing)
    if not right:
        return Repair(_missing(standing, closing, distance, tick), wrong)
    kept = _kept(right, standing.stop_id, closing)
    return Repair(cancel=wrong + tuple(stop.client_id for stop in right if stop is not kept))


def _kept(stops: Sequence[StopView], remembered: str, closing: Side) -> StopView:
    """Given stops of which one must stay, return the remembered one, else the one that is hit first."""
    for stop in stops:
        if stop.client_id == remembered:
            return stop
    nearest = max if closing is Side.SELL else min
    return nearest(stops, key=lambda stop: stop.trigger_price)


def _missing(standing: Standing, closing: Side, distance: Decimal, tick: Decimal) -> StopRequest | None:
    """Return the stop that a position lacks: at its remembered price where that is still ahead, else near the mark."""
    mark = standing.mark_price
    if mark <= 0:
        return None
    away = mark * (1 - distance) if closing is Side.SELL else mark * (1 + distance)
    price = standing.trigger_price
    ahead = price is not None and ((price < mark) if closing is Side.SELL else (price > mark))
    trigger = price if price is not None and ahead else round_to_tick(away, tick)
    return StopRequest(standing.symbol, closing, trigger, repair_stop_id(standing.symbol))
