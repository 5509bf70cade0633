"""What a run left behind, seen from the outside: streams, hashes, and the exchange's own lists. Data for the checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, TypeVar

from quantum_common.messages import Intent, JournalEntry, Permit, Plan, Result, Side, Stamped
from quantum_common.state import Ledger, OrderRecord, Snapshot

M = TypeVar("M", bound=Stamped)


@dataclass(frozen=True, slots=True)
class Written(Generic[M]):
    """One entry of a stream: its id, when Redis took it (epoch ms), and what it says."""

    entry_id: str
    written_ms: int
    message: M


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One entry of a `.dead` stream: which entry of which stream it was, and why it was put aside."""

    stream: str
    entry_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """One consumer group of one stream: entries not read yet and not acknowledged yet."""

    stream: str
    group: str
    lag: int
    pending: int


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """One order as the exchange lists it."""

    symbol: str
    order_id: int
    client_order_id: str
    status: str
    executed_qty: Decimal
    time_ms: int


@dataclass(frozen=True, slots=True)
class ExchangeTrade:
    """One trade of the account as the exchange lists it. `fee` is positive where it was paid."""

    symbol: str
    trade_id: int
    order_id: int
    side: Side
    qty: Decimal
    price: Decimal
    realized_pnl: Decimal
    fee: Decimal
    time_ms: int

    @property
    def signed_qty(self) -> Decimal:
        """Return the quantity, negative where it was sold."""
        return self.side.sign * self.qty


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the checks look at.

    `trimmed` names the streams (last part of the name) that have dropped entries by age; `malformed` holds stream and
    id of entries that break their contract; `unreadable` tells of hashes that do. `positions` are the exchange's.
    """

    intents: tuple[Written[Intent], ...] = ()
    plans: tuple[Written[Plan], ...] = ()
    permits: tuple[Written[Permit], ...] = ()
    results: tuple[Written[Result], ...] = ()
    journal: tuple[Written[JournalEntry], ...] = ()
    malformed: tuple[tuple[str, str], ...] = ()
    dead: tuple[DeadLetter, ...] = ()
    backlogs: tuple[Backlog, ...] = ()
    trimmed: frozenset[str] = frozenset()
    unreadable: tuple[str, ...] = ()
    ledgers: Mapping[str, Ledger] = field(default_factory=dict)
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    records: Mapping[str, OrderRecord] = field(default_factory=dict)
    orders: tuple[ExchangeOrder, ...] = ()
    trades: tuple[ExchangeTrade, ...] = ()
    positions: Mapping[str, Decimal] = field(default_factory=dict)
