"""The end of a run: no new wishes, what is under way comes to its end within a bound, then everything is compared."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from redis import Redis

from quantum_common.keys import Keys
from services.cli.checks import Verdict, evaluate
from services.cli.collection import Collector
from services.cli.exchange_link import ExchangeAway, ExchangeLink
from services.cli.facts import Facts
from services.cli.health.groups import read_groups
from services.cli.redis_link import GONE

QUIET_FOR_S = 1.0
COMPARE_WITHIN_S = 15.0
PAUSE_S = 0.1
COMPARE_EVERY_S = 1.0  # each comparison costs the account some of its request weight


@dataclass(frozen=True, slots=True)
class Settled:
    """What was found, and whether everything had come to its end before."""

    facts: Facts
    verdicts: Mapping[str, Verdict]
    settled: bool


class NotComparable(Exception):
    """Redis or the exchange could not be read to the end; the text says why."""


@dataclass
class Settling:
    """Waits and compares. `tend` keeps the processes running meanwhile; `urgent` says that there is no time left."""

    redis: Redis
    keys: Keys
    link: ExchangeLink
    symbols: tuple[str, ...]
    tend: Callable[[], None]
    urgent: Callable[[], bool]

    def settle(self, within_s: float) -> Settled:
        """Given a bound in seconds, wait until nothing is under way, then read and judge everything.

        What can still heal is read again for a while. Raise NotComparable where it cannot be read at all.
        """
        deadline_s = time.monotonic() + within_s
        settled = self._quiet(deadline_s)
        compare_until_s = min(time.monotonic() + COMPARE_WITHIN_S, max(deadline_s, time.monotonic() + PAUSE_S))
        collector = Collector(self.redis, self.keys, self.link, self.symbols)
        while True:
            try:
                facts = collector.collect()
            except (*GONE, ExchangeAway) as error:
                if self._out_of_time(compare_until_s, COMPARE_EVERY_S):
                    raise NotComparable(str(error)) from None
                continue
            verdicts = evaluate(facts, settled=settled)
            healing = any(verdict.findings for verdict in verdicts.values())
            if not healing or self._out_of_time(compare_until_s, COMPARE_EVERY_S):
                return Settled(facts, verdicts, settled)

    def _quiet(self, deadline_s: float) -> bool:
        """Wait until every group has read and acknowledged everything for a while; return whether that came."""
        quiet_since_s: float | None = None
        while True:
            try:
                busy = any(row.pending or row.lag for row in read_groups(self.redis, self.keys))
            except GONE:
                busy = True
            now_s = time.monotonic()
            quiet_since_s = None if busy else quiet_since_s or now_s
            if quiet_since_s is not None and now_s - quiet_since_s >= QUIET_FOR_S:
                return True
            if self._out_of_time(deadline_s):
                return False

    def _out_of_time(self, deadline_s: float, pause_s: float = PAUSE_S) -> bool:
        """Tend the processes for a pause; return whether the time is over."""
        until_s = min(time.monotonic() + pause_s, deadline_s)
        while not self.urgent() and time.monotonic() < until_s:
            self.tend()
            time.sleep(PAUSE_S)
        return self.urgent() or time.monotonic() >= deadline_s
