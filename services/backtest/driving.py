"""Runs the services' coroutines without an event loop: their ports answer at once, so none of them ever waits."""

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Suspended(RuntimeError):
    """A coroutine waited for something that no port of a backtest makes anybody wait for."""


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Given a coroutine whose ports answer at once, run it to its end and return what it returns."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # what a coroutine returns is of its type
    coroutine.close()
    raise Suspended(f"{coroutine} waits, and nobody would wake it")
