"""What the checkers look at: everything that is left of a run, as plain values, whoever ran it.

The simulation gathers it from its own server and engine; a test of real daemons can gather it from outside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from quantum_common.keys import Keys

Fields = Mapping[str, str]
Entries = Sequence[tuple[str, Fields]]  # id and fields, oldest first


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """One order as the exchange has it. Quantities in base asset."""

    symbol: str
    order_id: int
    client_id: str
    executed_qty: Decimal
    open: bool


@dataclass(frozen=True, slots=True)
class TradeSeen:
    """One trade as the exchange has it. `qty` is signed, positive where the account bought."""

    symbol: str
    order_id: int
    qty: Decimal
    commission: Decimal
    realized_pnl: Decimal
    time_ms: int


@dataclass(frozen=True, slots=True)
class StopSeen:
    """One open conditional order. `amount` is the sign of the position that it closes."""

    symbol: str
    client_id: str
    closes: int


@dataclass(frozen=True)
class Evidence:
    """A run's remains. `forgot` and `torn` say what Redis did in it; both excuse some repetition, nothing else."""

    keys: Keys
    symbols: tuple[str, ...]
    wished: frozenset[str]  # plan ids
    streams: Mapping[str, Entries]  # with what was trimmed
    pending: Mapping[str, int]
    unread: Mapping[str, int]
    records: Mapping[str, Fields]  # plan id → order record
    ledgers: Mapping[str, Fields]  # by symbol; so are facts and positions
    facts: Mapping[str, Fields]
    positions: Mapping[str, Decimal]
    orders: Sequence[OrderSeen]
    trades: Sequence[TradeSeen]
    stops: Sequence[StopSeen]
    wallet: Decimal
    deposit: Decimal
    live_permits: Sequence[str] = ()  # plan ids
    forgot: bool = False
    torn: bool = False
    foreign: frozenset[str] = frozenset()  # client ids that somebody else left open
    moves: Sequence[tuple[str, str, str]] = ()  # order record, state before, state after
    crashes: Sequence[str] = ()
    dead_letters: Sequence[str] = ()
    settled: bool = True
    recovered_ms: int = 0

    def entries(self, stream: str) -> list[Fields]:
        """Return the entries of a stream."""
        return [fields for _, fields in self.streams.get(stream, ())]
