"""The one clock of a backtest: the market's time, moved bar by bar, never by the machine."""


class VirtualClock:
    """Shows what a wall clock would while the market runs `speed` times as fast as it: at 1 both are the same.

    Implements `quantum_common.clock.Clock`. Whoever sleeps moves the time, because nobody else is awake.
    """

    __slots__ = ("_begin_market_ms", "_begin_ms", "_now_ms", "_speed")

    def __init__(self, market_ms: int, begin_ms: int | None = None, speed: int = 1) -> None:
        """Given the market's time, what the clock shows then (the same, where it is not said) and the speed, stand
        there."""
        self._begin_market_ms = market_ms
        self._begin_ms = market_ms if begin_ms is None else begin_ms
        self._speed = speed
        self._now_ms = self._begin_ms

    def now_ms(self) -> int:
        """Return the time in epoch milliseconds."""
        return self._now_ms

    def move_to(self, market_ms: int, later_ms: int = 0) -> None:
        """Given a time of the market, and how many milliseconds after it, stand there; the clock never goes back."""
        self._now_ms = max(self._now_ms, self.shown_ms(market_ms) + later_ms)

    def shown_ms(self, market_ms: int) -> int:
        """Given a time of the market, return what the clock shows then, as long as nobody sleeps beyond it."""
        return self._begin_ms + (market_ms - self._begin_market_ms) // self._speed

    async def sleep_ms(self, duration_ms: int) -> None:
        """Move on by so much instead of waiting."""
        self._now_ms += duration_ms
