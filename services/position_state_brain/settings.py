"""Settings of the position-state-brain: `etc/quantum/position-state-brain.env`."""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from quantum_common.settings import CommonSettings, Symbols


class P33Settings(CommonSettings):
    """What may be opened, how fresh the exchange's word must be, and when a drift is adopted."""

    KEYED: ClassVar[bool] = True
    HOT: ClassVar[tuple[str, ...]] = (
        "p33_allowlist", "p33_stale_after_ms", "p33_wallet_every_ms", "p33_trades_every_ms", "p33_quiet_ms",
        "p33_adopt*", "p33_facts_kept", "p33_exposure_cap_usd", "p33_unstopped_risk_pct",
    )  # fmt: skip

    p33_allowlist: Symbols = Field(description="symbols that may be opened; others are close-only")
    p33_snapshot_every_ms: int = Field(
        2_000, ge=200, le=60_000, description="pause between snapshot cycles, one account call each"
    )
    p33_stale_after_ms: int = Field(
        10_000, ge=500, le=600_000, description="age of a snapshot from which entries wait (stale_exchange_state)"
    )
    p33_wallet_every_ms: int = Field(
        60_000, ge=1_000, le=3_600_000, description="pause between reads of the wallet balance; the stream is faster"
    )
    p33_trades_every_ms: int = Field(
        60_000, ge=1_000, le=3_600_000, description="pause between reads of the exchange's trades of active symbols"
    )
    p33_quiet_ms: int = Field(
        2_000, ge=0, le=60_000, description="how long a symbol must have been quiet before a drift counts"
    )
    p33_adopt_after: int = Field(
        3, ge=1, le=100, description="consistent snapshots in a row after which a drift is adopted"
    )
    p33_adoptions_hour_max: int = Field(
        3, ge=1, le=1_000, description="adoptions of a symbol within an hour; a further drift halts it (drift_repeats)"
    )
    p33_facts_kept: int = Field(
        500, ge=10, le=100_000, description="facts kept in a symbol's fills before older ones are folded away"
    )
    p33_exposure_cap_usd: Decimal = Field(
        Decimal(20_000), gt=0, description="gross exposure in USDT that counts as full utilisation"
    )
    p33_unstopped_risk_pct: Decimal = Field(
        Decimal(10), gt=0, le=100, description="risk in percent of the notional assumed for a position without a stop"
    )
