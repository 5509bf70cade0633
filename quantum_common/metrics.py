"""Counts a service's work for Prometheus, and reads what else is to be known when somebody asks for it.

Counters and histograms move as the work is done; gauges are read anew for each scrape, and one that cannot be read is
left out: a figure that nobody vouches for any more is worse than none. Rendering gives way to the service's own work
after every few lines.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.samples import Sample

from quantum_common import metric_catalogue as catalogue
from quantum_common.keys import short
from quantum_common.meter import PASSED, Hop, Meter
from quantum_common.metric_catalogue import SECONDS, Kind, Metric
from quantum_common.redis_client import UNREACHABLE

PROBE_WITHIN_S = 2.0
SAMPLES_AT_ONCE = 50

Probe = Callable[["Metrics"], Awaitable[None]]

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter that only says when it began


@dataclass(frozen=True, slots=True)
class _One:
    """A registry of one metric, so that each can be rendered by itself."""

    family: Family

    def collect(self) -> Sequence[Family]:
        return (self.family,)


class Metrics(Meter):
    """The metrics of one service; `probes` read gauges when somebody asks."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.probes: list[Probe] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._families: dict[str, Counter | Histogram] = {}
        self._gauges: dict[Metric, dict[tuple[str, ...], float]] = {}
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
        self._gauges.setdefault(metric, {})[labels] = float(value)

    async def render(self) -> bytes:
        """Read the gauges and return everything in Prometheus' text format. One scrape at a time."""
        async with self._asked:
            await self._read()
            text = []
            for part in self._parts():
                text.append(part)
                await asyncio.sleep(0)
            return b"".join(text)

    async def _read(self) -> None:
        """Read every gauge anew. Redis out of reach, or one that does not answer in time, leaves out what it has."""
        self._gauges = {}
        reachable = True
        try:
            async with asyncio.timeout(PROBE_WITHIN_S):
                for probe in self.probes:
                    await probe(self)
        except UNREACHABLE:  # a TimeoutError is one of them
            reachable = False
        self.set(catalogue.REDIS_UP, reachable)

    def _parts(self) -> Iterator[bytes]:
        """Yield the text in parts that each take well under a millisecond to make."""
        for family in self._registry.collect():
            yield from _written(family, family.samples)
        for metric, values in self._gauges.items():
            names = ("service", *metric.labels)
            samples = [
                Sample(metric.name, dict(zip(names, (self.service, *labels), strict=True)), value)
                for labels, value in values.items()
            ]
            yield from _written(Family(metric.name, metric.meaning, "gauge"), samples)

    def _family(self, metric: Metric) -> Counter | Histogram:
        """Return the library's metric of a name, made when it is first needed."""
        family = self._families.get(metric.name)
        if family is None:
            family = self._families[metric.name] = self._make(metric)
        return family

    def _make(self, metric: Metric) -> Counter | Histogram:
        labels = ("service", *metric.labels)
        if metric.kind is Kind.COUNTER:
            return Counter(metric.name, metric.meaning, labels, registry=self._registry)
        return Histogram(metric.name, metric.meaning, labels, registry=self._registry, buckets=SECONDS)


def _written(family: Family, samples: Sequence[Sample]) -> Iterator[bytes]:
    """Given a metric and its samples, yield its text, a few lines at a time; what it is stands before the first."""
    for start in range(0, len(samples), SAMPLES_AT_ONCE):
        part = Family(family.name, family.documentation, family.type)
        part.samples = list(samples[start : start + SAMPLES_AT_ONCE])
        text = generate_latest(_One(part))
        yield text if start == 0 else text.split(b"\n", 2)[2]
