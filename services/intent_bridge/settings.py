"""Settings of the intent-bridge: `etc/quantum/intent-bridge.env`. The defaults fit an account of 10,000 USDT."""

from decimal import Decimal
from typing import ClassVar, Self

from pydantic import Field, model_validator

from quantum_common.settings import CommonSettings, Environment, Symbols
from services.intent_bridge.view import Limits

EXPLORING = {  # what the engine's profile explore asks of the bridge, by key
    "INTENT_BRIDGE_REQUIRE_EDGE": "false",
    "INTENT_BRIDGE_CONFIDENCE_MIN": "0",
}


class BridgeSettings(CommonSettings):
    """What a wish must bring, how old things may be, and how much may stand at once."""

    HOT: ClassVar[tuple[str, ...]] = ("intent_bridge_*",)

    intent_bridge_allowlist: Symbols = Field(description="symbols that may be opened; others are close-only")
    intent_bridge_intent_age_ms_max: int = Field(
        30_000, ge=100, le=3_600_000, description="age from which an entry's intent is stale"
    )
    intent_bridge_exit_age_ms_max: int = Field(
        300_000, ge=1_000, le=86_400_000, description="age from which an exit's intent is stale"
    )
    intent_bridge_clock_ahead_ms_max: int = Field(
        2_000, ge=0, le=60_000, description="how far in the future an entry's intent may be dated"
    )
    intent_bridge_snapshot_age_ms_max: int = Field(
        10_000, ge=500, le=600_000, description="age of a snapshot from which entries are refused"
    )
    intent_bridge_plan_ttl_ms: int = Field(
        10_000, ge=500, le=300_000, description="how long a plan may wait for its order"
    )
    intent_bridge_settle_ms: int = Field(
        8_000, ge=0, le=300_000, description="after a plan's expiry, until its position must have been seen"
    )
    intent_bridge_confidence_min: Decimal = Field(
        Decimal("0.5"), ge=0, le=1, description="confidence that an entry must bring; 0 asks for none"
    )
    intent_bridge_require_edge: bool = Field(default=True, description="false: entries pass without an edge over cost")
    intent_bridge_cost_bps: Decimal = Field(
        Decimal(12), ge=0, le=1_000, description="cost of a round trip: taker fees and slippage of both sides"
    )
    intent_bridge_edge_over_cost_min: Decimal = Field(
        Decimal(1), ge=0, le=100, description="expected edge over cost that an entry must bring"
    )
    intent_bridge_price_distance_max: Decimal = Field(
        Decimal("0.5"), gt=0, lt=1, description="how far from the mark a price of a wish may be, as a fraction"
    )
    intent_bridge_min_hold_ms: int = Field(
        0, ge=0, le=86_400_000, description="how long a position stands before a partial close; others never wait"
    )
    intent_bridge_adds_max: int = Field(0, ge=0, le=100, description="adds to a position after its first entry")
    intent_bridge_added_position_usdt_max: Decimal = Field(
        Decimal(1_000), ge=0, description="notional that a position may reach by an add"
    )
    intent_bridge_positions_max: int = Field(10, ge=1, le=1_000, description="positions at once, those under way too")
    intent_bridge_gross_exposure_usdt_max: Decimal = Field(
        Decimal(10_000), gt=0, description="sum of all notionals, those under way too"
    )
    intent_bridge_leverage_max: int = Field(5, ge=1, le=125, description="leverage that a plan may ask for")
    intent_bridge_leverage_default: int = Field(1, ge=1, le=125, description="leverage of an intent that names none")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Trading without an edge is for money that is not real; no reservation ends before its order can turn up."""
        if not self.intent_bridge_require_edge and self.quantum_env is Environment.LIVE:
            raise ValueError("INTENT_BRIDGE_REQUIRE_EDGE=false is refused while QUANTUM_ENV is live")
        if self.intent_bridge_settle_ms < self.quantum_recv_window_ms:
            raise ValueError("INTENT_BRIDGE_SETTLE_MS must be at least QUANTUM_RECV_WINDOW_MS")
        return self

    @property
    def limits(self) -> Limits:
        """Return what the decisions need of this."""
        return Limits(
            allowlist=frozenset(self.intent_bridge_allowlist),
            intent_age_ms_max=self.intent_bridge_intent_age_ms_max,
            exit_age_ms_max=self.intent_bridge_exit_age_ms_max,
            clock_ahead_ms_max=self.intent_bridge_clock_ahead_ms_max,
            snapshot_age_ms_max=self.intent_bridge_snapshot_age_ms_max,
            plan_ttl_ms=self.intent_bridge_plan_ttl_ms,
            settle_ms=self.intent_bridge_settle_ms,
            confidence_min=self.intent_bridge_confidence_min,
            require_edge=self.intent_bridge_require_edge,
            edge_bps_min=self.intent_bridge_cost_bps * self.intent_bridge_edge_over_cost_min,
            price_distance_max=self.intent_bridge_price_distance_max,
            min_hold_ms=self.intent_bridge_min_hold_ms,
            adds_max=self.intent_bridge_adds_max,
            added_position_usdt_max=self.intent_bridge_added_position_usdt_max,
            positions_max=self.intent_bridge_positions_max,
            gross_exposure_usdt_max=self.intent_bridge_gross_exposure_usdt_max,
            leverage_max=self.intent_bridge_leverage_max,
            leverage_default=self.intent_bridge_leverage_default,
        )
