"""A recursion that features are made of: where a value stands among the last ones."""

from bisect import bisect_left, bisect_right, insort
from collections import deque


class Percentile:
    """Where a value stands among the last `size` samples: 0 below all, 1 above all, ties in the middle."""

    __slots__ = ("_order", "_size", "_sorted")

    def __init__(self, size: int) -> None:
        self._size = size
        self._order: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, value: float) -> None:
        """Add a sample; the oldest is forgotten once there are too many."""
        if len(self._order) == self._size:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]
        self._order.append(value)
        insort(self._sorted, value)

    def of(self, value: float) -> float:
        """Given a value, return its percentile in [0, 1]; one half where nothing is known."""
        if not self._sorted:
            return 0.5
        below, upto = bisect_left(self._sorted, value), bisect_right(self._sorted, value)
        return (below + upto) / (2 * len(self._sorted))
