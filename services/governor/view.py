"""What a decision of the governor is a function of: what was read, and the limits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from quantum_common.clock import HOUR_MS
from quantum_common.state import GovernorState, Ledger, MarketState, Portfolio, Snapshot
from services.governor.cutoffs import Cutoffs
from services.governor.normalisation import Statistics, Yardstick
from services.governor.reservations import Reserved

BURST_WINDOW_MS = 300_000
HOUR_WINDOW_MS = HOUR_MS


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow. Drawdown and heat as fractions, scores in [0.5, 1], notionals in USDT, times in ms."""

    drawdown_max: Decimal
    portfolio_age_ms_max: int
    market_state_age_ms_max: int
    kill_critical: float
    require_kill_inputs: bool
    yardstick: Yardstick
    cutoffs: Cutoffs
    symbol_entries_per_5min_max: int
    symbol_entries_per_hour_max: int
    entries_per_5min_max: int
    entries_per_hour_max: int
    daily_notional_usdt_max: Decimal
    positions_max: int
    gross_exposure_usdt_max: Decimal
    symbol_exposure_usdt_max: Decimal
    correlated_exposure_usdt_max: Decimal
    heat_max: Decimal
    unstopped_risk: Decimal
    entry_usdt_min: Decimal
    settle_ms: int
    unanswered_ms: int


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
class Book:
    """What stands elsewhere, as it was last seen: the signed notional of each position in USDT, and how the returns of
    its symbol go with those of another. A pair that is not named is not known."""

    notional: Mapping[str, Decimal] = field(default_factory=dict)
    correlation: Mapping[frozenset[str], Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """What was read, all at one instant; None where it is absent. `seq` counts the reservations that were made before
    it, `exit_cutoff_kept` is the last exit cutoff that could be read, `book` is a little older than the rest,
    `finest` the finest digit that a quantity of the symbol was seen with before."""

    state: GovernorState | None
    portfolio: Portfolio | None
    market: MarketState | None
    ledger: Ledger | None
    snapshot: Snapshot | None
    spent: Spent
    statistics: Statistics = field(default_factory=Statistics)
    reserved: tuple[Reserved, ...] = ()
    seq: int = 0
    exit_cutoff_kept: float = math.inf
    book: Book = field(default_factory=Book)
    finest: Decimal | None = None
