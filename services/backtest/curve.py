"""Equity over time: its drawdown exactly, at the close of every minute, and a picture of it in a bounded size."""

from dataclasses import dataclass, field

from quantum_common.clock import DAY_MS
from services.paper_exchange.market.bars import MINUTE_MS

POINTS_MAX = 1_500


@dataclass
class Curve:
    """Takes the equity minute by minute. `times`, `equities` and `drawdowns` are the picture: of each stretch its last
    equity and its deepest drawdown."""

    start_ms: int
    minutes: int
    balance: float
    peak: float = 0.0
    drawdown: float = 0.0
    drawdown_usd: float = 0.0
    times: list[int] = field(default_factory=list)
    equities: list[float] = field(default_factory=list)
    drawdowns: list[float] = field(default_factory=list)
    days: list[tuple[int, float]] = field(default_factory=list)  # midnight UTC, equity
    minutes_in: int = 0
    gross_sum: float = 0.0

    def __post_init__(self) -> None:
        self.peak = self.last = self.balance
        self._stride_ms = max(1, -(-self.minutes // POINTS_MAX)) * MINUTE_MS
        self._deepest = 0.0
        self.seen = 0

    def take(self, close_ms: int, equity: float, gross: float) -> None:
        """Given the end of a minute, the equity and the gross exposure in USDT then, carry them in."""
        self.seen += 1
        self.last = equity
        if gross > 0.0:
            self.minutes_in += 1
            self.gross_sum += gross
        self.peak = max(self.peak, equity)
        below = self.peak - equity
        if below > 0.0:
            share = below / self.peak if self.peak > 0.0 else 1.0
            self.drawdown, self.drawdown_usd = max(self.drawdown, share), max(self.drawdown_usd, below)
            self._deepest = max(self._deepest, share)
        if (close_ms - self.start_ms) % self._stride_ms == 0:
            self._point(close_ms)
        if close_ms % DAY_MS == 0:
            self.days.append((close_ms, equity))

    def finish(self, close_ms: int) -> None:
        """Given the end of the run, make sure that the picture and the days reach it."""
        if not self.times or self.times[-1] != close_ms:
            self._point(close_ms)
        if not self.days or self.days[-1][0] != close_ms:
            self.days.append((close_ms, self.last))

    def _point(self, close_ms: int) -> None:
        self.times.append(close_ms)
        self.equities.append(round(self.last, 4))
        self.drawdowns.append(round(self._deepest, 6))
        self._deepest = 0.0
