"""What a decision of the governor is a function of: what was read, and the limits."""

from dataclasses import dataclass
from decimal import Decimal

from quantum_common.state import GovernorState, Ledger, MarketState, Portfolio, Snapshot

BURST_WINDOW_MS = 300_000
HOUR_WINDOW_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow. Drawdown as a fraction of the peak, scores in [0.5, 1], notional in USDT."""

    drawdown_max: Decimal
    portfolio_age_ms_max: int
    market_state_age_ms_max: int
    kill_warning: float
    kill_critical: float
    require_kill_inputs: bool
    symbol_entries_per_5min_max: int
    symbol_entries_per_hour_max: int
    entries_per_5min_max: int
    entries_per_hour_max: int
    daily_notional_usdt_max: Decimal


@dataclass(frozen=True, slots=True)
class Spent:
    """Entries permitted and not given back: in the last five minutes and the last hour, on the symbol and in all, and
    their notional since midnight UTC. The plan that is decided does not count."""

    symbol_5min: int
    symbol_hour: int
    all_5min: int
    all_hour: int
    day_usdt: Decimal


@dataclass(frozen=True, slots=True)
class View:
    """What was read, all at one instant; None where it is absent."""

    state: GovernorState | None
    portfolio: Portfolio | None
    market: MarketState | None
    ledger: Ledger | None
    snapshot: Snapshot | None
    spent: Spent
