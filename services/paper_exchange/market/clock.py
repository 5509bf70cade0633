"""The market's own clock: wall time, times the speed, less the pauses."""

from dataclasses import dataclass

STALL_MS_MAX = 5_000  # a process stopped for longer finds the market where it left it


@dataclass(slots=True)
class MarketClock:
    """Maps wall milliseconds to market milliseconds; market time never runs backwards."""

    market_ms: int
    wall_ms: int
    speed: int
    paused: bool = False

    def advance(self, wall_ms: int) -> int:
        """Given the wall time, move on and return the market time."""
        passed = wall_ms - self.wall_ms
        self.wall_ms = wall_ms
        if not self.paused and 0 < passed <= STALL_MS_MAX:
            self.market_ms += passed * self.speed
        return self.market_ms

    def wall_of(self, market_ms: int) -> int:
        """Given a market time, return the wall time at which it is reached if nothing pauses."""
        return self.wall_ms + (market_ms - self.market_ms) // self.speed
