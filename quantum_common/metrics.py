"""Counts a service's work for Prometheus, and reads what else is to be known when somebody asks for it.

Counters and histograms move as the work is done; gauges are read anew for each scrape, and one that cannot be read is
left out: a figure that nobody vouches for any more is worse than none. Rendering gives way to the service's own work
between two metrics.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.process_collector import ProcessCollector

from quantum_common import metric_catalogue as catalogue
from quantum_common.meter import PASSED, Hop
from quantum_common.metric_catalogue import SECONDS, Kind, Metric
from quantum_common.redis_client import UNREACHABLE

PROBE_WITHIN_S = 2.0

Probe = Callable[["Metrics"], Awaitable[None]]

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter that only says when it began


@dataclass(frozen=True, slots=True)
class _One:
    """A registry of one metric, so that each can be rendered by itself."""

    family: Any

    def collect(self) -> Sequence[Any]:
        return (self.family,)


class Metrics:
    """The metrics of one service. Implements `Meter`; `probes` read gauges when somebody asks."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.probes: list[Probe] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._families: dict[str, Any] = {}
        self._children: dict[tuple[str, ...], Any] = {}
        self._asked = asyncio.Lock()
        ProcessCollector(registry=self._registry)

    def expect(self, streams: Iterable[str]) -> None:
        """Given the streams that will be consumed, begin their counters at 0: a series that starts with its first event
        hides that event from every rate."""
        for stream in streams:
            for metric in (catalogue.HANDLED, catalogue.DEAD, catalogue.LOST, catalogue.AGE):
                self._child(metric, short(stream))

    # --- as the work is done -------------------------------------------------------------------------------------

    def handled(self, stream: str, age_ms: int) -> None:
        """Count an entry as handled, and note its age."""
        name = short(stream)
        self._child(catalogue.HANDLED, name).inc()
        self._child(catalogue.AGE, name).observe(max(age_ms, 0) / 1000)

    def dead(self, stream: str) -> None:
        """Count a dead letter."""
        self._child(catalogue.DEAD, short(stream)).inc()

    def lost(self, stream: str, count: int) -> None:
        """Count entries that Redis lost."""
        self._child(catalogue.LOST, short(stream)).inc(count)

    def decided(self, eval_type: str, gate: str | None) -> None:
        """Count a decision by its gate."""
        self._child(catalogue.DECISIONS, eval_type, gate or PASSED).inc()

    def hop(self, hop: Hop, duration_ms: int) -> None:
        """Note how long a stretch took; two machines' clocks can make it less than nothing."""
        self._child(catalogue.HOP, hop.value).observe(max(duration_ms, 0) / 1000)

    def booked(self, kind: str) -> None:
        """Count a fact."""
        self._child(catalogue.BOOKED, kind).inc()

    def _child(self, metric: Metric, *labels: str) -> Any:
        """Return the child of a metric that has these labels: kept here, because the library's own way takes longer
        than counting."""
        key = (metric.name, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._family(metric).labels(self.service, *labels)
        return child

    # --- when somebody asks --------------------------------------------------------------------------------------

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Given a gauge of the catalogue, its value and its labels, show it in the scrape that is under way."""
        self._family(metric).labels(self.service, *labels).set(value)

    async def render(self) -> bytes:
        """Read the gauges and return everything in Prometheus' text format. One scrape at a time."""
        async with self._asked:
            await self._read()
            parts = []
            for family in self._registry.collect():
                parts.append(generate_latest(_One(family)))
                await asyncio.sleep(0)
            return b"".join(parts)

    async def _read(self) -> None:
        """Read every gauge anew. Redis out of reach, or one that does not answer in time, leaves out what it has."""
        for family in self._families.values():
            if isinstance(family, Gauge):
                family.clear()
        reachable = True
        try:
            async with asyncio.timeout(PROBE_WITHIN_S):
                for probe in self.probes:
                    await probe(self)
        except UNREACHABLE:  # a TimeoutError is one of them
            reachable = False
        self.set(catalogue.REDIS_UP, reachable)

    def _family(self, metric: Metric) -> Any:
        """Return the library's metric of a name, made when it is first needed."""
        family = self._families.get(metric.name)
        if family is None:
            family = self._families[metric.name] = self._make(metric)
        return family

    def _make(self, metric: Metric) -> Counter | Gauge | Histogram:
        labels = ("service", *metric.labels)
        match metric.kind:
            case Kind.COUNTER:
                return Counter(metric.name, metric.meaning, labels, registry=self._registry)
            case Kind.GAUGE:
                return Gauge(metric.name, metric.meaning, labels, registry=self._registry)
            case Kind.HISTOGRAM:
                return Histogram(metric.name, metric.meaning, labels, registry=self._registry, buckets=SECONDS)


def short(stream: str) -> str:
    """Given a stream's key, return its name without the prefix: `apply.plan`."""
    return stream.rpartition(":")[2]
