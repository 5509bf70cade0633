"""Finds the thread of an id: that of a wish, a plan, an order, a client order or a trade, or how an id begins.

Streams are walked from their newest entry back, in pages and to a bound; what belongs to a plan is then read from the
time around it. Nothing is scanned for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from redis import Redis

from quantum_common.ids import plan_of
from quantum_common.keys import Keys, short
from services.cli.health.picture import Fields
from services.cli.questions.threads import Thread, threads
from services.cli.redis_link import PAGE, Entry, written_ms

WALKED_MAX = 50_000  # entries of one stream
AROUND_MS = 900_000  # a wish may be that much older than its plan, and a trade that much younger
CANDIDATES_MAX = 10
WHOLE = 16  # digits of a plan's id: so long a beginning names one


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one stream was walked: entries looked at, and the time of the oldest of them; None where it is empty."""

    stream: str
    entries: int
    oldest_ms: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """What an id led to: threads (several where it begins more than one), entries of the journal that have no plan, and
    what was walked to find them."""

    threads: tuple[Thread, ...]
    trades: tuple[Entry, ...]
    reach: tuple[Reach, ...]


class Locator:
    """Looks for one id."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys
        self._reach: list[Reach] = []

    def find(self, wanted: str) -> Found:
        """Given an id or how it begins, return what it leads to. Raise redis' errors."""
        self._reach = []
        plans = self._plans(wanted)
        if plans:
            return Found(tuple(self._thread(entry) for entry in plans), (), tuple(self._reach))
        results = self._walk(self._keys.results, lambda said: _is(wanted, said, "order_id", "client_order_id"), 1)
        trades = self._walk(
            self._keys.journal, lambda said: _is(wanted, said, "order_id", "client_order_id", "trade_id"), 1
        )
        plan_id = next((said["plan_id"] for _, said in (*results, *trades) if said.get("plan_id")), "")
        named = self._walk(self._keys.plans, lambda said: said.get("plan_id") == plan_id, 1) if plan_id else []
        if anchors := named or results:
            return Found((self._thread(anchors[0]),), (), tuple(self._reach))
        wishes = self._walk(self._keys.intents, lambda said: said.get("intent_id", "").startswith(wanted), 1)
        return Found(tuple(Thread(intent=wish) for wish in wishes), tuple(trades), tuple(self._reach))

    def _plans(self, wanted: str) -> list[Entry]:
        """Return the newest plan of each identity that the id names or begins, by plan or by wish."""
        plan_id = plan_of(wanted)

        def fits(said: Fields) -> bool:
            if plan_id is not None:
                return said.get("plan_id") == plan_id
            return said.get("plan_id", "").startswith(wanted) or said.get("intent_id", "").startswith(wanted)

        whole = plan_id is not None or len(wanted) >= WHOLE
        found = self._walk(self._keys.plans, fits, 1 if whole else CANDIDATES_MAX)
        return list({fields["plan_id"]: (entry_id, fields) for entry_id, fields in found}.values())

    def _thread(self, anchor: Entry) -> Thread:
        """Given a plan or a result, read all of its plan: from when the wish may have been made to its last trade."""
        keys, (entry_id, fields) = self._keys, anchor
        plan_id, intent_id = fields["plan_id"], fields.get("intent_id", "")
        since_ms, until_ms = written_ms(entry_id) - AROUND_MS, written_ms(entry_id) + AROUND_MS

        def around(stream: str, name: str, value: str) -> Iterator[Entry]:
            return self._around(stream, lambda said: said.get(name) == value, since_ms, until_ms)

        found = threads(
            around(keys.intents, "intent_id", intent_id),
            *(around(stream, "plan_id", plan_id) for stream in (keys.plans, keys.permits, keys.results, keys.journal)),
        )
        record: Any = self._redis.hgetall(keys.order(plan_id))
        return replace(found[0], record=record)

    def _around(self, stream: str, fits: Callable[[Fields], bool], since_ms: int, until_ms: int) -> Iterator[Entry]:
        """Yield the fitting entries of a stretch of a stream."""
        after, walked = f"{max(since_ms, 0)}-0", 0
        while walked < WALKED_MAX:
            rows: Any = self._redis.xrange(stream, after, f"{until_ms}-0", count=PAGE)
            yield from (row for row in rows if fits(row[1]))
            walked += len(rows)
            if len(rows) < PAGE:
                return
            after = f"({rows[-1][0]}"

    def _walk(self, stream: str, fits: Callable[[Fields], bool], most: int) -> list[Entry]:
        """Return the newest fitting entries of a stream, walking back from its end; note how far it went."""
        before, walked, found, oldest = "+", 0, list[Entry](), None
        while walked < WALKED_MAX and len(found) < most:
            rows: Any = self._redis.xrevrange(stream, before, count=PAGE)
            found += [row for row in rows if fits(row[1])]
            walked += len(rows)
            oldest = written_ms(rows[-1][0]) if rows else oldest
            if len(rows) < PAGE:
                break
            before = f"({rows[-1][0]}"
        self._reach.append(Reach(short(stream), walked, oldest))
        return found[:most]


def _is(wanted: str, said: Fields, *names: str) -> bool:
    return any(said.get(name) == wanted for name in names)
