"""What the exit policy remembers of a symbol between two bars, written with the bar that taught it."""

from decimal import Decimal
from enum import StrEnum

from quantum_common.messages import Flag, Integer, NotNegative, Positive, Record, Text
from quantum_common.state import PositionSide


class Nerves(StrEnum):
    """How a position stood by its kill score when it was last looked at."""

    UNKNOWN = "unknown"
    CALM = "calm"
    NERVOUS = "nervous"


class ExitMemory(Record):
    """`engine:exits:<SYMBOL>`. All `*_bar_ms` and `quiet_until_ms` are closes of bars, by the market's own clock.

    `wished` means that an entry was asked for and no position is known yet; `side` FLAT that only the quiet time
    counts. `risk` is one R, in USDT of price; `opened_ms` is the ledger's and names the position, 0 where unknown.
    `kill_causes` are those that have asked to leave, apart by blanks; `regime` is what the market did at the entry.
    """

    side: PositionSide
    wished: Flag
    opened_ms: Integer
    since_bar_ms: Integer
    stop_price: Positive | None
    risk: Positive | None
    best_price: Positive | None
    stages: Integer
    asked_bar_ms: Integer
    asked_amt: NotNegative
    quiet_until_ms: Integer
    nerves: Nerves
    kill_causes: Text
    regime: Text

    @classmethod
    def quiet(cls, until_ms: int) -> "ExitMemory":
        """Return the memory of a symbol without position that may not enter before the bar after `until_ms`."""
        return cls(
            side=PositionSide.FLAT, wished=False, opened_ms=0, since_bar_ms=0, stop_price=None, risk=None,
            best_price=None, stages=0, asked_bar_ms=0, asked_amt=Decimal(0), quiet_until_ms=until_ms,
            nerves=Nerves.UNKNOWN, kill_causes="", regime="",
        )  # fmt: skip
