"""The rate budget: how many requests may still be sent, and whose turn comes first when they run out.

The exchange counts request weight per address and orders per account, in windows aligned to its clock, and tells its
counts with every answer. A lane may use a counter only up to its own share, so that entries stop while closes still
pass. The whole state is one frozen value of counters, so that it can be shared between daemons as it stands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum


class Lane(Enum):
    """What a request is for, and the share of every limit, in percent, up to which such requests may use it."""

    CLOSE = 100
    RESOLVE = 95
    SNAPSHOT = 85
    OPEN = 70


class Kind(StrEnum):
    """What a counter counts."""

    WEIGHT = "REQUEST_WEIGHT"
    ORDERS = "ORDERS"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request uses up."""

    weight: int = 1
    orders: int = 0

    def of(self, kind: Kind) -> int:
        """Return how much of a counter of that kind it uses."""
        return self.weight if kind is Kind.WEIGHT else self.orders


_HEADER = {Kind.WEIGHT: "X-MBX-USED-WEIGHT", Kind.ORDERS: "X-MBX-ORDER-COUNT"}
INTERVAL_MS = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}


@dataclass(frozen=True, slots=True)
class Counter:
    """One limit of the exchange and what is used of it in the window `window` (time divided by the interval)."""

    kind: Kind
    interval_ms: int
    limit: int
    header: str
    window: int = 0
    used: int = 0

    def used_at(self, now_ms: int) -> int:
        """Return what is used at a time; a new window starts empty."""
        return self.used if now_ms // self.interval_ms == self.window else 0

    def raised(self, used: int, now_ms: int) -> "Counter":
        """Return the counter with that much used in the window of a time."""
        return replace(self, window=now_ms // self.interval_ms, used=used)

    def wait_ms(self, lane: Lane, cost: int, now_ms: int) -> int:
        """Return how long a lane has to wait before it may use that much more; 0: it may now."""
        if cost == 0 or (self.used_at(now_ms) + cost) * 100 <= self.limit * lane.value:
            return 0
        return self.interval_ms - now_ms % self.interval_ms


def counter(kind: Kind, interval: str, number: int, limit: int) -> Counter:
    """Given a limit as exchangeInfo words it, return its counter. Raise KeyError for an unknown interval."""
    return Counter(kind, number * INTERVAL_MS[interval], limit, f"{_HEADER[kind]}-{number}{interval[0]}")


PRODUCTION = (
    counter(Kind.WEIGHT, "MINUTE", 1, 2400),
    counter(Kind.ORDERS, "SECOND", 10, 300),
    counter(Kind.ORDERS, "MINUTE", 1, 1200),
)


@dataclass(frozen=True, slots=True)
class BudgetState:
    """Every counter, and the time before which nothing at all may be sent."""

    counters: tuple[Counter, ...] = PRODUCTION
    closed_until_ms: int = 0

    def wait_ms(self, lane: Lane, cost: Cost, now_ms: int) -> int:
        """Return how long such a request has to wait; 0: it may be sent now."""
        waits = [item.wait_ms(lane, cost.of(item.kind), now_ms) for item in self.counters]
        return max(0, self.closed_until_ms - now_ms, *waits)

    def spent(self, cost: Cost, now_ms: int) -> "BudgetState":
        """Return the state after such a request was sent, or after one with a negative cost was not."""
        return replace(
            self,
            counters=tuple(
                item.raised(max(item.used_at(now_ms) + use, 0), now_ms) if (use := cost.of(item.kind)) else item
                for item in self.counters
            ),
        )

    def told(self, headers: Mapping[str, str], sent_ms: int, now_ms: int) -> "BudgetState":
        """Return the state after an answer with these headers, to a request sent at `sent_ms`.

        Counts only rise inside a window: what is under way is in our count before it is in the exchange's. An answer
        that crossed the edge of a window says nothing about the new one.
        """
        changed = list(self.counters)
        for index, item in enumerate(self.counters):
            text = headers.get(item.header)
            same_window = sent_ms // item.interval_ms == now_ms // item.interval_ms
            if text is not None and text.isdecimal() and same_window and int(text) > item.used_at(now_ms):
                changed[index] = item.raised(int(text), now_ms)
        return replace(self, counters=tuple(changed))

    def closed(self, until_ms: int) -> "BudgetState":
        """Return the state after the exchange forbade every request until a time."""
        return replace(self, closed_until_ms=max(self.closed_until_ms, until_ms))

    def exhausted(self, kind: Kind, now_ms: int) -> "BudgetState":
        """Return the state after the exchange said that a limit of a kind is used up, without saying until when.

        The end of the shortest window is waited for: with orders where it was their limit, with everything where it
        was the weight, as the exchange then refuses every request and bans who goes on.
        """
        shortest_ms = min((item.interval_ms for item in self.counters if item.kind is kind), default=1)
        if kind is Kind.WEIGHT:
            return self.closed(now_ms - now_ms % shortest_ms + shortest_ms)
        return replace(
            self,
            counters=tuple(
                item.raised(item.limit, now_ms) if item.kind is kind and item.interval_ms == shortest_ms else item
                for item in self.counters
            ),
        )

    def limited(self, limits: Iterable[Counter]) -> "BudgetState":
        """Return the state under the limits that the exchange names now, with what is used of each kept."""
        used = {(item.kind, item.interval_ms): item for item in self.counters}
        kept = [
            replace(item, window=old.window, used=old.used)
            if (old := used.get((item.kind, item.interval_ms)))
            else item
            for item in limits
        ]
        return replace(self, counters=tuple(kept))


class Budget:
    """The budget of one process: the state, and the few moves that change it."""

    def __init__(self, state: BudgetState | None = None) -> None:
        self.state = BudgetState() if state is None else state

    def reserve(self, lane: Lane, cost: Cost, now_ms: int) -> int:
        """Given a request, take its cost and return 0; or take nothing and return how long it has to wait."""
        wait_ms = self.state.wait_ms(lane, cost, now_ms)
        if wait_ms == 0:
            self.state = self.state.spent(cost, now_ms)
        return wait_ms

    def give_back(self, cost: Cost, now_ms: int) -> None:
        """Take back what a request cost that the exchange never counted."""
        self.state = self.state.spent(Cost(-cost.weight, -cost.orders), now_ms)

    def told(self, headers: Mapping[str, str], sent_ms: int, now_ms: int) -> None:
        """Take in an answer's headers."""
        self.state = self.state.told(headers, sent_ms, now_ms)

    def close(self, until_ms: int) -> None:
        """Send nothing before a time."""
        self.state = self.state.closed(until_ms)

    def exhaust(self, kind: Kind, now_ms: int) -> None:
        """Treat the limits of a kind as used up for their shortest window."""
        self.state = self.state.exhausted(kind, now_ms)

    def limit(self, limits: Iterable[Counter]) -> None:
        """Take over the limits that the exchange names."""
        self.state = self.state.limited(limits)
