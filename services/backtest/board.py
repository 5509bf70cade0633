"""What stands in Redis, in memory: one board that all services' states share, with the same owners and lifetimes.

Streams are queues that the chain empties at once; who has not acknowledged an entry yet is remembered as Redis does.
Everything is bounded by symbols, by lifetimes or by what is under way: a bar costs the same after any number of orders.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from quantum_common.clock import DAY_MS, Clock
from quantum_common.keys import GROUP_EXECUTOR, GROUP_GOVERNOR, GROUP_P33, PERMIT_TTL_MS, Keys
from quantum_common.messages import Issuer, Permit, Record
from quantum_common.state import GovernorState, Hold, Ledger, MarketState, OrderRecord, Portfolio, Snapshot
from quantum_common.stream import Message, R

K = TypeVar("K")
V = TypeVar("V")
RECENT_RESULTS = 1_000


class Fading(Generic[K, V]):
    """Values that are forgotten a fixed time after they were put, as keys with a TTL are."""

    def __init__(self, clock: Clock, ttl_ms: int) -> None:
        self._clock, self._ttl_ms = clock, ttl_ms
        self._values: dict[K, tuple[int, V]] = {}

    def put(self, key: K, value: V) -> None:
        """Given a key and its value, keep it from now on; forget what is over."""
        now_ms = self._clock.now_ms()
        self._values.pop(key, None)
        self._values[key] = (now_ms + self._ttl_ms, value)
        while self._values:
            oldest = next(iter(self._values))
            if self._values[oldest][0] > now_ms:
                return
            del self._values[oldest]

    def get(self, key: K) -> V | None:
        """Given a key, return its value, or None where there is none any more."""
        found = self._values.get(key)
        return found[1] if found is not None and found[0] > self._clock.now_ms() else None

    def pop(self, key: K) -> None:
        """Given a key, forget it."""
        self._values.pop(key, None)

    def __len__(self) -> int:
        return len(self._values)


class Entry(Message):
    """An entry of a stream. Its fields are written once somebody asks for them, and read once for all groups: what a
    service gets is what it would read from Redis, to the place of the last digit."""

    def __init__(self, stream: str, entry_id: str, sent: Record) -> None:
        for name, value in (("stream", stream), ("id", entry_id), ("deliveries", 1), ("_sent", sent)):
            object.__setattr__(self, name, value)

    _sent: Record

    @cached_property
    def fields(self) -> dict[str, str]:  # what a message is given, an entry makes
        """Return the record as flat strings."""
        return self._sent.to_fields()

    @cached_property
    def _record(self) -> Record:
        return super().read(type(self._sent))

    def read(self, kind: type[R]) -> R:
        """Given the contract of its stream, return the record."""
        return self._record if isinstance(self._record, kind) else super().read(kind)


class Stop(NamedTuple):
    """The protective stop that is remembered for a symbol."""

    client_id: str
    trigger_price: Decimal


@dataclass
class Flights:
    """What is under way on a symbol: plan → until when; all is forgotten once the last is over."""

    plans: dict[str, int] = field(default_factory=dict)
    until_ms: int = 0


Told = Callable[[Record], None]


@dataclass
class Board:
    """Every key of one shard. `heard` are those who are told of each entry of a stream, by its name."""

    keys: Keys
    clock: Clock
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    flights: dict[str, Flights] = field(default_factory=dict)
    portfolio: Portfolio | None = None
    trading_state: GovernorState | None = None
    stops: dict[str, Stop] = field(default_factory=dict)
    market: Callable[[str], MarketState | None] = field(default=lambda _: None)
    closed: Callable[[str], tuple[int, Decimal] | None] = field(default=lambda _: None)  # the last bar: close, price
    queues: dict[str, deque[Message]] = field(default_factory=lambda: defaultdict(deque))
    heard: dict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    _pending: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _entries: int = 0

    def __post_init__(self) -> None:
        self.orders: Fading[str, OrderRecord] = Fading(self.clock, DAY_MS)  # long after anybody asks for one
        self.permits: Fading[tuple[Issuer, str], Permit] = Fading(self.clock, PERMIT_TTL_MS)
        self.recent: deque[Record] = deque(maxlen=RECENT_RESULTS)  # newest last
        self._groups = {
            self.keys.plans: (GROUP_GOVERNOR, GROUP_P33, GROUP_EXECUTOR),
            self.keys.results: (GROUP_GOVERNOR, GROUP_P33),
        }

    # --- streams -----------------------------------------------------------------------------------------------------

    def send(self, stream: str, record: Record) -> Message:
        """Given a stream and a record, add it as an entry, tell who listens, and return the entry."""
        self._entries += 1
        message = Entry(stream, f"{self.clock.now_ms()}-{self._entries}", record)
        self.queues[stream].append(message)
        for group in self._groups.get(stream, ()):
            self._pending[group].add(message.id)
        for told in self.heard[stream]:
            told(record)
        return message

    def tell(self, stream: str, record: Record) -> str:
        """Given a stream that no group reads, tell who listens, and return the id of the entry."""
        self._entries += 1
        for told in self.heard[stream]:
            told(record)
        return f"{self.clock.now_ms()}-{self._entries}"

    def take(self, stream: str) -> Iterable[Message]:
        """Given a stream, return its entries and forget them, those that are added meanwhile too."""
        queue = self.queues[stream]
        while queue:
            yield queue.popleft()

    def is_pending(self, group: str, message: Message) -> bool:
        """Given a group and an entry, return whether the group has still to acknowledge it."""
        return message.id in self._pending[group]

    def acknowledge(self, group: str, message: Message) -> None:
        """Given a group and an entry, note that the group is done with it."""
        self._pending[group].discard(message.id)

    # --- what is under way -------------------------------------------------------------------------------------------

    def under_way(self, symbol: str) -> dict[str, int]:
        """Given a symbol, return its plans under way with until when; empty once the last of them is over."""
        found = self.flights.get(symbol)
        if found is None or found.until_ms <= self.clock.now_ms():
            self.flights.pop(symbol, None)
            return {}
        return found.plans
