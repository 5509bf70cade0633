"""The recursions that features are made of: constant work a bar, plain floats, no window kept but one ring."""

from bisect import bisect_left, bisect_right, insort
from collections import deque


class Ewma:
    """An exponentially weighted mean that starts as the plain mean of what it has seen.

    The weight of the newest value is max(alpha, 1/n), so the first values do not linger as a start value would.
    """

    __slots__ = ("_alpha", "_seen", "_weight", "value")

    def __init__(self, half_life: float) -> None:
        self._alpha = 1.0 - 0.5 ** (1.0 / half_life)
        self._seen = 0
        self._weight = 2.0  # above any alpha: nothing seen yet
        self.value = 0.0

    def update(self, value: float) -> float:
        """Given the next value, return the mean with it."""
        if self._weight > self._alpha:
            self._seen += 1
            self._weight = 1.0 / self._seen
            self._weight = max(self._weight, self._alpha)
        self.value += self._weight * (value - self.value)
        return self.value


class Ring:
    """The last `size` values, and how far back each lies."""

    __slots__ = ("_at", "_seen", "_values")

    def __init__(self, size: int) -> None:
        self._values = [0.0] * size
        self._at = -1
        self._seen = 0

    def push(self, value: float) -> None:
        """Add the newest value; the oldest falls out."""
        self._at = (self._at + 1) % len(self._values)
        self._values[self._at] = value
        self._seen += 1

    def back(self, steps: int) -> float:
        """Return the value `steps` before the newest, or the oldest one that is known.

        Raise IndexError where that many steps were never kept.
        """
        if steps >= len(self._values):
            raise IndexError(steps)
        return self._values[self._at - (steps if steps < self._seen else self._seen - 1)]


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
