"""An append-only list of rows that forgets its oldest ones at a constant cost per row."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")
_COMPACT_AT = 1024


class Series(Generic[T]):
    """Rows in ascending order of whatever key is asked for."""

    __slots__ = ("_rows", "_start")

    def __init__(self) -> None:
        self._rows: list[T] = []
        self._start = 0

    def __len__(self) -> int:
        return len(self._rows) - self._start

    def __iter__(self) -> Iterator[T]:
        return islice(self._rows, self._start, None)

    def append(self, row: T) -> None:
        """Given the next row, keep it."""
        self._rows.append(row)

    def drop_oldest(self) -> None:
        """Forget the first row. There must be one."""
        self._start += 1
        if self._start > _COMPACT_AT and self._start * 2 > len(self._rows):
            del self._rows[: self._start]
            self._start = 0

    def first_at(self, key: Callable[[T], int], least: int) -> int:
        """Given a key that never descends, return the place of the first row whose key is `least` or more."""
        low, high = self._start, len(self._rows)
        while low < high:
            middle = (low + high) // 2
            if key(self._rows[middle]) < least:
                low = middle + 1
            else:
                high = middle
        return low

    def forward(self, place: int) -> Iterator[T]:
        """Given a place, return the rows from there on."""
        return islice(self._rows, place, None)

    def backward(self) -> Iterator[T]:
        """Return the rows from the newest back."""
        for place in range(len(self._rows) - 1, self._start - 1, -1):
            yield self._rows[place]
