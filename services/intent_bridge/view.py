"""What a decision of the bridge is a function of: what was read, the limits, and what comes out."""

from dataclasses import dataclass
from decimal import Decimal

from quantum_common.exchange.port import SymbolRules
from quantum_common.messages import Plan
from quantum_common.state import Ledger, Portfolio, Snapshot
from quantum_common.verdicts import Verdict
from services.intent_bridge.reservations import Observed, Reservation


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow. Sizes in USDT, edge and cost in basis points of notional, ages in milliseconds."""

    allowlist: frozenset[str]
    intent_age_ms_max: int
    exit_age_ms_max: int
    clock_ahead_ms_max: int
    snapshot_age_ms_max: int
    plan_ttl_ms: int
    settle_ms: int
    confidence_min: Decimal
    require_edge: bool
    edge_bps_min: Decimal
    price_distance_max: Decimal
    min_hold_ms: int
    adds_max: int
    added_position_usdt_max: Decimal
    positions_max: int
    gross_exposure_usdt_max: Decimal
    leverage_max: int
    leverage_default: int


@dataclass(frozen=True, slots=True)
class View:
    """What was read, all at one instant. `first_entry_id` is the entry that carried this intent first, empty where
    none did; `reservations` are read for entries only."""

    first_entry_id: str
    snapshot: Snapshot | None
    ledger: Ledger | None
    portfolio: Portfolio | None
    rules: SymbolRules | None
    reservations: tuple[Observed, ...] = ()

    @property
    def mark(self) -> Decimal | None:
        """Return the mark price, or None where it is not known."""
        return self.snapshot.mark_price if self.snapshot is not None and self.snapshot.mark_price > 0 else None


@dataclass(frozen=True, slots=True)
class Gauged:
    """A wish that was held against every gate: the verdicts in order, and the size that they were measured with."""

    verdicts: tuple[Verdict, ...]
    qty: Decimal
    leverage: int | None = None
    reservation: Reservation | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A plan, the reservation that an accepted entry makes, and the symbols whose reservations are over."""

    plan: Plan
    reservation: Reservation | None
    released: tuple[str, ...]
