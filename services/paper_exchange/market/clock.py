"""The market's own clock: wall time, times the speed, less the pauses."""

from dataclasses import dataclass

STALL_MS_MAX = 5_000  # a process stopped for longer finds the market where it left it


@dataclass(slots=True)
class MarketClock:
    """Maps wall milliseconds to market milliseconds; market time never runs backwards. Where `until_ms` is set it runs
    up to there and stands, so that a test can look at each moment for as long as it likes."""

    market_ms: int
    wall_ms: int
    speed: int
    paused: bool = False
    until_ms: int | None = None

    def advance(self, wall_ms: int) -> int:
        """Given the wall time, move on and return the market time."""
        passed = wall_ms - self.wall_ms
        self.wall_ms = wall_ms
        if not self.paused and 0 < passed <= STALL_MS_MAX:
            market_ms = self.market_ms + passed * self.speed
            if self.until_ms is not None:
                market_ms = max(self.market_ms, min(market_ms, self.until_ms))
            self.market_ms = market_ms
        return self.market_ms

    def wall_of(self, market_ms: int) -> int:
        """Given a market time, return the wall time at which it is reached if nothing pauses."""
        return self.wall_ms + (market_ms - self.market_ms) // self.speed
