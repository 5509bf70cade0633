"""Settings of the intent-executor: `etc/quantum/intent-executor.env`."""

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from quantum_common.settings import CommonSettings, Symbols


class ExecutorMode(StrEnum):
    """LIVE sends what was permitted; SHADOW does all but send, and says what it would have sent."""

    LIVE = "live"
    SHADOW = "shadow"


class ExecutorSettings(CommonSettings):
    """What may be traded, and how long the executor waits for what."""

    KEYED: ClassVar[bool] = True
    HOT: ClassVar[tuple[str, ...]] = (
        "intent_executor_allowlist", "intent_executor_permit_wait_ms", "intent_executor_lookup_every_ms",
        "intent_executor_protective_stops", "intent_executor_repair_stop_pct",
    )  # fmt: skip

    executor_mode: ExecutorMode = Field(
        ExecutorMode.LIVE, description="live, or shadow: all but the sending, and results that say so"
    )
    intent_executor_allowlist: Symbols = Field(description="symbols that may be opened; others are close-only")
    intent_executor_permit_wait_ms: int = Field(
        5_000, ge=100, le=60_000, description="how long a plan waits for its two permits before permit_timeout"
    )
    intent_executor_gateway_ms: int = Field(
        2_000, ge=0, le=60_000, description="how long a request may lie between the exchange's gateway and matching"
    )
    intent_executor_read_lag_ms: int = Field(
        2_000, ge=0, le=60_000, description="how late a lookup may see an order that matching has taken"
    )
    intent_executor_lookup_every_ms: int = Field(
        250, ge=10, le=10_000, description="pause between lookups of an order whose fate is unknown"
    )
    intent_executor_protective_stops: bool = Field(
        default=True, description="true: an entry with a stop_loss places it on the exchange before its result"
    )

    intent_executor_stops_every_ms: int = Field(
        10_000, ge=500, le=600_000, description="pause between checks that each position has its stop and no more"
    )
    intent_executor_repair_stop_pct: Decimal = Field(
        Decimal(5),
        gt=0,
        lt=100,
        description="percent from the mark, for a stop whose own price is not known",
    )

    @property
    def shadow(self) -> bool:
        """Return whether nothing is sent."""
        return self.executor_mode is ExecutorMode.SHADOW

    @property
    def fence_ms(self) -> int:
        """Return how long after a request's stamp it can still turn up as an order: validity, gateway, lag, margin."""
        return self.quantum_recv_window_ms + self.intent_executor_gateway_ms + self.intent_executor_read_lag_ms + 500
