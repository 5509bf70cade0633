"""Whether a daemon makes progress: what it has done, what it is in the middle of, and how long that may take.

A process that runs is not one that works (incident 15). Every loop must come round, every message must come to its end,
and every peer must have answered. The watchdog is fed while all of that holds, and the heartbeat says what does not.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

STUCK_AFTER_MS = 90_000  # many times what a loop, or a message with all its lookups and waits, may honestly take
DOUBT_AFTER_MS = 70_000  # an idle service hears of the exchange once a minute; whoever waits for a silent peer may wait
SILENT_MS_MAX = 300_000  # a peer that is away is waited for; after this long a fresh start is the last thing to try


def _never() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that a daemon cannot work without. Times are epoch milliseconds."""

    name: str
    since_ms: int  # from when it is expected to answer
    heard_ms: Callable[[], int]  # when it last did
    closed_until_ms: Callable[[], int] = _never  # until when it has told us to leave it alone

    def silent_ms(self, now_ms: int) -> int:
        """Return how long it has not answered."""
        return now_ms - max(self.heard_ms(), self.since_ms)


@dataclass
class Progress:
    """What a heartbeat tells of a daemon, and what the watchdog is fed by."""

    handled: int = 0
    dead: int = 0
    last_message_ms: int = 0
    lost: int = 0
    redis_up: bool = True
    stuck_after_ms: int = STUCK_AFTER_MS
    peers: list[Peer] = field(default_factory=list)
    _due: dict[str, tuple[int, int]] = field(default_factory=dict)  # what → when it came round, by when it must again

    def round(self, what: str, now_ms: int, pause_ms: int = 0) -> None:
        """Given what has come round and how long it pauses before the next time, expect it again in good time."""
        self._due[what] = (now_ms, now_ms + pause_ms + self.stuck_after_ms)

    def over(self, what: str) -> None:
        """Given what has come to its end, expect it no more."""
        self._due.pop(what, None)

    def stuck(self, now_ms: int) -> str:
        """Return what makes no progress, in words, or an empty string.

        Whoever waits for a peer that is away is not stuck, until that has lasted too long; and nobody is while a peer
        has told us to wait: a start would only ask it again.
        """
        if any(now_ms < peer.closed_until_ms() + self.stuck_after_ms for peer in self.peers):
            return ""
        silent = max(self.peers, key=lambda peer: peer.silent_ms(now_ms), default=None)
        silent_ms = silent.silent_ms(now_ms) if silent else 0
        if silent and silent_ms > SILENT_MS_MAX:
            return f"{silent.name} has not answered for {silent_ms // 1000} s"
        if silent_ms > DOUBT_AFTER_MS:
            return ""
        for what, (since_ms, due_ms) in self._due.items():
            if now_ms > due_ms:
                return f"{what} has not come round for {(now_ms - since_ms) // 1000} s"
        return ""
