"""Statistics of durations: nearest-rank percentiles, so that every published figure is one that was really measured."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

NS_PER_MS = 1_000_000


def percentile(values: Collection[int], percent: float) -> int:
    """Given at least one value and a percentage in (0, 100], return the smallest value that so many do not exceed.

    Raise ValueError for no values at all or a percentage out of range.
    """
    if not values:
        raise ValueError("no values, no percentile")
    if not 0 < percent <= 100:
        raise ValueError(f"{percent} is not a percentage in (0, 100]")
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[int(rank) - 1]


@dataclass(frozen=True, slots=True)
class Summary:
    """A set of durations in brief. All but `count` in nanoseconds."""

    count: int
    p50: int
    p90: int
    p99: int
    worst: int

    @classmethod
    def of(cls, durations_ns: Collection[int]) -> Self | None:
        """Given durations, return their summary, or None where there are none."""
        if not durations_ns:
            return None
        return cls(
            count=len(durations_ns),
            p50=percentile(durations_ns, 50),
            p90=percentile(durations_ns, 90),
            p99=percentile(durations_ns, 99),
            worst=max(durations_ns),
        )


def as_ms(duration_ns: int) -> str:
    """Given nanoseconds, return milliseconds as text: two decimals, which is what the tap can tell apart."""
    return f"{duration_ns / NS_PER_MS:.2f}"


def cells(summary: Summary | None) -> list[str]:
    """Given a summary, return its table cells: count, p50, p90, p99, worst; dashes where nothing was measured."""
    if summary is None:
        return ["0", "-", "-", "-", "-"]
    return [str(summary.count), *(as_ms(value) for value in (summary.p50, summary.p90, summary.p99, summary.worst))]
