"""The settings of a chaos run: wide limits, so that nearly every wish becomes an order, and times that fit a minute.

`shipped` leaves every time as it is shipped; then an order of unknown fate takes ten seconds, and pauses are longer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.intent_bridge.settings import EXPLORING

WIDE, MANY = "1000000000", "1000000"


@dataclass(frozen=True, slots=True)
class Tempo:
    """How long things take in a run, in milliseconds. After `fence_ms` no request can become an order, and every lease
    of a silent holder has run out."""

    fence_ms: int
    values: Mapping[str, Mapping[str, str]]


SHIPPED = Tempo(9_500, {})
QUICK = Tempo(
    5_000,
    {
        "common": {"QUANTUM_RECV_WINDOW_MS": "2000", "QUANTUM_REQUEST_TIMEOUT_MS": "1500", "QUANTUM_LEASE_MS": "4000"},
        "intent-bridge": {"INTENT_BRIDGE_PLAN_TTL_MS": "6000", "INTENT_BRIDGE_SETTLE_MS": "4000"},
        "intent-executor": {
            "INTENT_EXECUTOR_GATEWAY_MS": "1000",
            "INTENT_EXECUTOR_READ_LAG_MS": "1500",
            "INTENT_EXECUTOR_PERMIT_WAIT_MS": "4000",
        },
        "position-state-brain": {
            "P33_SNAPSHOT_EVERY_MS": "500",
            "P33_TRADES_EVERY_MS": "3000",
            "P33_STALE_AFTER_MS": "4000",
        },
    },
)
GATEWAY_MS, READ_LAG_MS = 1_000, 1_500  # the longest that the exchange is made to take, within what QUICK allows for


def wide(symbols: Sequence[str]) -> dict[str, dict[str, str]]:
    """Given the listed symbols, return by env file the keys that keep limits out of the way."""
    listed = ",".join(symbols)
    return {
        "common": {"QUANTUM_ENV": "paper"},
        "ai-engine": {"AI_SYMBOLS": listed, "AI_PROFILE": "explore"},
        "intent-bridge": {
            "INTENT_BRIDGE_ALLOWLIST": listed,
            **EXPLORING,
            "INTENT_BRIDGE_POSITIONS_MAX": "1000",
            "INTENT_BRIDGE_ADDS_MAX": "3",
            "INTENT_BRIDGE_ADDED_POSITION_USDT_MAX": "1000000",
            "INTENT_BRIDGE_GROSS_EXPOSURE_USDT_MAX": WIDE,
        },
        "governor": {
            "GOV_SYMBOL_ENTRIES_PER_5MIN_MAX": MANY,
            "GOV_SYMBOL_ENTRIES_PER_HOUR_MAX": MANY,
            "GOV_ENTRIES_PER_5MIN_MAX": MANY,
            "GOV_ENTRIES_PER_HOUR_MAX": MANY,
            "GOV_DAILY_NOTIONAL_USDT_MAX": WIDE,
            "GOV_POSITIONS_MAX": "1000",
            "GOV_GROSS_EXPOSURE_USDT_MAX": WIDE,
            "GOV_SYMBOL_EXPOSURE_USDT_MAX": WIDE,
            "GOV_CORRELATED_EXPOSURE_USDT_MAX": WIDE,
            "GOV_HEAT_MAX": "1",
            "GOV_REQUIRE_KILL_INPUTS": "false",
            "GOV_DRAWDOWN_MAX": "1",
            "GOV_Z_CUTOFF_ENTRY": "1000",
            "GOV_KILL_CRITICAL": "1",
            # What is done to a run is reason enough to disarm, and then no entry would show whether it goes on.
            "GOV_DISARM_DRAWDOWN": "1",
            "GOV_DISARM_ERRORS": "0",
            "GOV_DISARM_HOLD_MS": "0",
            "GOV_DISARM_PORTFOLIO_MS": "0",
            "GOV_DISARM_BURSTS": "0",
        },
        "intent-executor": {"INTENT_EXECUTOR_ALLOWLIST": listed},
        "position-state-brain": {"P33_ALLOWLIST": listed, "P33_EXPOSURE_CAP_USD": WIDE},
    }


def merged(*parts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Given settings by env file, return them as one, later ones winning."""
    found: dict[str, dict[str, str]] = {}
    for part in parts:
        for file, values in part.items():
            found.setdefault(file, {}).update(values)
    return found
