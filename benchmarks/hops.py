"""From stamps to latencies: which moment of a plan follows which, and how long that took. Pure.

Stamps are the wall clock of one machine in nanoseconds. All of them but two are taken by one process, the tap, each
a little after the moment that it stands for; between two of the tap's stamps that delay cancels out on average, and
towards the injector's it counts in full, so that no figure is better than the truth.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from benchmarks.percentiles import NS_PER_MS, Summary


class Moment(StrEnum):
    """A moment in the life of a plan."""

    INTENT = "intent"  # just before the XADD of the wish: the injector's own stamp
    PLAN = "plan"
    GOVERNOR = "governor"
    P33 = "p33"
    PERMITS = "permits"  # the later of the two permits
    TRADED = "traded"  # the exchange's own time of the trade, in whole milliseconds, cut
    ORDER = "order"  # the exchange's event of the filled order at a client of the user data stream
    RESULT = "result"
    LEDGER = "ledger"  # the journal's entry, written by the same script as the ledger
    MARKER = "marker"  # a mark for the tap itself: no service is involved


class Hop(NamedTuple):
    """From one moment to another; `limit_ms` is the issue's p50 and p99, where it names them."""

    name: str
    start: Moment
    end: Moment
    limit_ms: tuple[int, int] | None = None


HOPS = (
    Hop("intent -> plan", Moment.INTENT, Moment.PLAN),
    Hop("plan -> governor's permit", Moment.PLAN, Moment.GOVERNOR),
    Hop("plan -> P3.3's permit", Moment.PLAN, Moment.P33),
    Hop("plan -> both permits", Moment.PLAN, Moment.PERMITS),
    Hop("both permits -> order on the exchange", Moment.PERMITS, Moment.ORDER),
    Hop("order on the exchange -> result", Moment.ORDER, Moment.RESULT),
    Hop("intent -> order on the exchange", Moment.INTENT, Moment.ORDER, (8, 40)),
    Hop("intent -> the exchange's own time of it", Moment.INTENT, Moment.TRADED),
    Hop("fill on the exchange -> ledger", Moment.TRADED, Moment.LEDGER, (5, 30)),
    Hop("fill's event at a client -> ledger", Moment.ORDER, Moment.LEDGER),
    Hop("intent -> result", Moment.INTENT, Moment.RESULT),
)
MARK_HOP = Hop("the tap's own: mark -> stamp", Moment.INTENT, Moment.MARKER)


class Stamp(NamedTuple):
    """One moment of one plan. `ns` is epoch nanoseconds."""

    moment: Moment
    plan_id: str
    ns: int


@dataclass
class Timeline:
    """The moments of every plan. One that comes again counts as its last: a ledger stands with the last fill."""

    plans: dict[str, dict[Moment, int]] = field(default_factory=dict)

    def add(self, stamps: Iterable[Stamp]) -> None:
        """Given stamps in any order, take them in."""
        for moment, plan_id, ns in stamps:
            moments = self.plans.setdefault(plan_id, {})
            moments[moment] = max(ns, moments.get(moment, 0))
            if Moment.GOVERNOR in moments and Moment.P33 in moments:
                moments[Moment.PERMITS] = max(moments[Moment.GOVERNOR], moments[Moment.P33])

    def durations(self, hop: Hop) -> list[int]:
        """Given a hop, return how long it took each plan that has both moments, in nanoseconds."""
        return [
            moments[hop.end] - moments[hop.start]
            for moments in self.plans.values()
            if hop.start in moments and hop.end in moments
        ]

    def summary(self, hop: Hop) -> Summary | None:
        """Given a hop, return its summary, or None where no plan has passed it."""
        return Summary.of(self.durations(hop))

    def count(self, moment: Moment) -> int:
        """Return how many plans have reached a moment."""
        return sum(moment in moments for moments in self.plans.values())

    def without(self, plan_ids: Iterable[str]) -> "Timeline":
        """Given plans of a warm-up, return the timeline of the others."""
        left_out = set(plan_ids)
        return Timeline({plan: moments for plan, moments in self.plans.items() if plan not in left_out})


def verdict(hop: Hop, found: Summary | None) -> str:
    """Given a hop and what was measured, return the cell that holds it against its limit; empty where it has none."""
    if hop.limit_ms is None or found is None:
        return ""
    p50, p99 = hop.limit_ms
    kept = found.p50 <= p50 * NS_PER_MS and found.p99 <= p99 * NS_PER_MS
    return f"{p50}/{p99} {'kept' if kept else 'MISSED'}"


def stamps_of(stream_moments: Mapping[str, Moment], stream: str, fields: Mapping[str, str], ns: int) -> list[Stamp]:
    """Given which stream stands for which moment, and an entry as it was read, return its stamps.

    A permit is its issuer's moment; a journal entry of a plan's fill also tells when the exchange made the trade.
    """
    moment, plan_id = stream_moments[stream], fields.get("plan_id", "")
    if not plan_id:
        return []
    match moment:
        case Moment.PERMITS:
            return [Stamp(Moment(fields["issuer"]), plan_id, ns)]
        case Moment.LEDGER:
            return [Stamp(moment, plan_id, ns), Stamp(Moment.TRADED, plan_id, int(fields["trade_ms"]) * NS_PER_MS)]
        case _:
            return [Stamp(moment, plan_id, ns)]
