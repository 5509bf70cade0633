"""One tick of a symbol's market, as the replay hands it to the engine."""

from decimal import Decimal
from typing import NamedTuple

Level = tuple[Decimal, Decimal]


class Tick(NamedTuple):
    """The market now, and where it has been since the tick before.

    `bids` descend and `asks` ascend, as (price, quantity); `high` and `low` include `last`. They decide whether a
    price was passed; what then fills at the market fills from the levels given here. A replay that wants stops to
    fill at the extremes sends the extremes as ticks of their own.
    """

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    last: Decimal
    high: Decimal
    low: Decimal
    mark: Decimal
    index_price: Decimal
