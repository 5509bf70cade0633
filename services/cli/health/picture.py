"""Everything that one look at a pipeline's Redis shows, as data. Nothing is judged here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from quantum_common.state import (
    EngineModel,
    EngineVerdict,
    GovernorState,
    Hold,
    Ledger,
    MarketState,
    Portfolio,
    Snapshot,
)
from services.cli.redis_link import Entry

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: how many entries it holds, and the newest's id, empty where it has none."""

    name: str
    length: int
    last_id: str


@dataclass(frozen=True, slots=True)
class Dead:
    """What was put aside of one stream as malformed: how many entries, and the newest's id."""

    name: str
    count: int
    last_id: str


@dataclass(frozen=True, slots=True)
class Group:
    """One consumer group of one stream. `lag` is None where Redis cannot tell; `oldest_pending_id` and
    `first_unread_id` are empty where nothing waits. `behind` says that entries it never read were trimmed away."""

    stream: str
    name: str
    there: bool
    lag: int | None = 0
    pending: int = 0
    last_delivered_id: str = ""
    oldest_pending_id: str = ""
    first_unread_id: str = ""
    behind: bool = False


@dataclass(frozen=True, slots=True)
class Symbol:
    """What stands for one symbol; None or empty where it does not."""

    name: str
    snapshot: Snapshot | None = None
    ledger: Ledger | None = None
    hold: Hold | None = None
    stop: Fields = field(default_factory=dict)
    market: MarketState | None = None
    verdict: EngineVerdict | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The latest entries of one stream, newest first. `since_ms` is from when on none is left out."""

    entries: tuple[Entry, ...] = ()
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """One look. Times in epoch milliseconds; `installed` is the build of this command's own code, `redis_offset_ms` is
    Redis' clock less ours. `unreadable` names keys that break their contract, and why. The exchange's offset is None
    where it was not asked or did not answer."""

    redis_offset_ms: int = 0
    round_trip_ms: float = 0.0
    info: Mapping[str, object] = field(default_factory=dict)
    config: Fields = field(default_factory=dict)
    state: GovernorState | None = None
    portfolio: Portfolio | None = None
    beats: Mapping[str, Fields] = field(default_factory=dict)
    budget: Fields = field(default_factory=dict)
    model: EngineModel | None = None
    installed: str = ""
    streams: tuple[Stream, ...] = ()
    dead: tuple[Dead, ...] = ()
    groups: tuple[Group, ...] = ()
    symbols: Mapping[str, Symbol] = field(default_factory=dict)
    windows: Mapping[str, Window] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    exchange_offset_ms: int | None = None
    exchange_error: str = ""

    def window(self, stream: str) -> Window:
        """Given a stream's short name, return its latest entries."""
        return self.windows.get(stream, Window())
