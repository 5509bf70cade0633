"""Every metric of Quantum: its name, kind, labels, meaning and the services that export it.

`docs/metrics.md`, the alert rules and the dashboard are held to this list by tests, so a name is changed here or
nowhere. Each metric also has the label `service`. Labels are bounded: by the streams, the gates, the lanes, and by the
symbols of the allowlists and of the positions that stand.
"""

from dataclasses import dataclass
from enum import StrEnum

from quantum_common.keys import SERVICES

ENGINE, BRIDGE, GOVERNOR, P33, EXECUTOR = SERVICES
CONSUMERS = (BRIDGE, GOVERNOR, P33, EXECUTOR)
TRADERS = (ENGINE, BRIDGE, P33, EXECUTOR)  # who speaks to the exchange
LEASED = (P33, EXECUTOR)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `labels` come after `service`."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    services: tuple[str, ...] = SERVICES


def _counter(name: str, meaning: str, labels: tuple[str, ...] = (), services: tuple[str, ...] = SERVICES) -> Metric:
    return Metric(name, Kind.COUNTER, meaning, labels, services)


def _gauge(name: str, meaning: str, labels: tuple[str, ...] = (), services: tuple[str, ...] = SERVICES) -> Metric:
    return Metric(name, Kind.GAUGE, meaning, labels, services)


def _seconds(name: str, meaning: str, labels: tuple[str, ...] = (), services: tuple[str, ...] = SERVICES) -> Metric:
    return Metric(name, Kind.HISTOGRAM, meaning, labels, services)


# --- flow, gates, latencies: counted as they happen ------------------------------------------------------------------

HANDLED = _counter("quantum_messages_handled_total", "Entries handled to their end.", ("stream",), CONSUMERS)
DEAD = _counter("quantum_messages_dead_total", "Entries that became dead letters.", ("stream",), CONSUMERS)
LOST = _counter("quantum_messages_lost_total", "Entries that Redis lost before handling.", ("stream",), CONSUMERS)
DECISIONS = _counter(
    "quantum_decisions_total",
    "Recorded decisions by the gate that stopped them; passed where none did.",
    ("eval_type", "gate"),
)
BOOKED = _counter("quantum_facts_booked_total", "Facts that changed a ledger.", ("kind",), (P33,))
AGE = _seconds(
    "quantum_message_age_seconds", "From the writing of an entry to the end of its handling.", ("stream",), CONSUMERS
)
HOP = _seconds("quantum_hop_seconds", "One stretch of the way from a closed bar to the ledger.", ("hop",))

# --- the process: read when somebody asks ----------------------------------------------------------------------------

BUILD = _gauge("quantum_build_info", "1, with the build that runs.", ("version",))
STARTED = _gauge("quantum_start_timestamp_seconds", "When the service started.")
RUNNING = _gauge("quantum_running", "1 while the service runs, 0 while it starts, waits or stops.")
STUCK = _gauge("quantum_stuck", "1 while something makes no progress and the watchdog is not fed.")
LAST_MESSAGE = _gauge("quantum_last_message_timestamp_seconds", "When the last entry or bar was handled.")
REDIS_UP = _gauge("quantum_redis_up", "1 where Redis answered this scrape.")
EXCHANGE_UP = _gauge("quantum_exchange_up", "1 where the exchange answered within the last 150 seconds.", (), TRADERS)
EXCHANGE_HEARD = _gauge("quantum_exchange_heard_timestamp_seconds", "When the exchange last answered.", (), TRADERS)
CLOCK_OFFSET = _gauge("quantum_exchange_clock_offset_seconds", "The exchange's clock less ours.", (), TRADERS)
LEASE = _gauge("quantum_lease_held", "1 while this instance holds its service's lease.", (), LEASED)

# --- consumers -------------------------------------------------------------------------------------------------------

LAG = _gauge("quantum_consumer_lag", "Entries not delivered yet.", ("stream",), CONSUMERS)
PENDING = _gauge("quantum_consumer_pending", "Entries delivered and not acknowledged.", ("stream",), CONSUMERS)
OLDEST = _gauge(
    "quantum_consumer_oldest_pending_seconds", "Age of the oldest entry not acknowledged.", ("stream",), CONSUMERS
)
BEHIND = _gauge(
    "quantum_consumer_behind_trim", "1 where the cursor is behind what was trimmed: a loss.", ("stream",), CONSUMERS
)

# --- positions and portfolio -----------------------------------------------------------------------------------------

POSITION = _gauge("quantum_position_amount", "The exchange's position, signed, in base asset.", ("symbol",), (P33,))
DRIFT = _gauge("quantum_position_drift", "Exchange's position less the ledger's, in base asset.", ("symbol",), (P33,))
PNL = _gauge("quantum_position_unrealized_pnl_usdt", "Unrealised PnL of a position.", ("symbol",), (P33,))
HELD = _gauge("quantum_position_held", "1 where entries on a symbol wait for a drift.", ("symbol",), (P33,))
SNAPSHOT = _gauge("quantum_snapshot_timestamp_seconds", "When a symbol's snapshot was taken.", ("symbol",), (P33,))
COVERAGE = _gauge("quantum_snapshot_coverage_ratio", "Share of the allowlist that has a snapshot.", (), (P33,))
UNPROTECTED = _gauge("quantum_position_unprotected", "1 where a position has no stop on record.", ("symbol",), (P33,))
EQUITY = _gauge("quantum_portfolio_equity_usdt", "Equity of the account.", (), (P33,))
PEAK = _gauge("quantum_portfolio_peak_equity_usdt", "Highest equity so far.", (), (P33,))
DRAWDOWN = _gauge("quantum_portfolio_drawdown_ratio", "Loss from the peak, as a fraction of it.", (), (P33,))
EXPOSURE = _gauge("quantum_portfolio_gross_exposure_usdt", "Sum of the positions' notionals.", (), (P33,))
UTILIZATION = _gauge("quantum_portfolio_exposure_utilization_ratio", "Gross exposure over its cap.", (), (P33,))
HEAT = _gauge("quantum_portfolio_heat_ratio", "Loss if every stop is hit, over equity.", (), (P33,))
OPEN = _gauge("quantum_portfolio_open_positions", "Positions that are not flat.", (), (P33,))
PORTFOLIO_AT = _gauge("quantum_portfolio_timestamp_seconds", "When the portfolio was measured.", (), (P33,))

# --- governor, model, budget -----------------------------------------------------------------------------------------

STATE = _gauge(
    "quantum_trading_state", "1 for the trading state that holds, 0 for the others.", ("state",), (GOVERNOR,)
)
STATE_SINCE = _gauge("quantum_trading_state_timestamp_seconds", "Since when that state holds.", (), (GOVERNOR,))
BAR = _gauge("quantum_last_bar_timestamp_seconds", "Close of a symbol's last recorded bar.", ("symbol",), (ENGINE,))
MODEL = _gauge("quantum_model_info", "1, with the model in use.", ("name", "version"), (ENGINE,))
MODEL_STATUS = _gauge("quantum_model_status", "1 for the status of the model that holds.", ("status",), (ENGINE,))
MODEL_TRAINED = _gauge("quantum_model_trained_timestamp_seconds", "When the model was trained.", (), (ENGINE,))
MODEL_EXPIRES = _gauge("quantum_model_expires_timestamp_seconds", "When the model expires.", (), (ENGINE,))
MODEL_DRIFT = _gauge("quantum_model_drift", "Drift of inputs or calibration from the card.", ("of",), (ENGINE,))
MODEL_DRIFT_LIMIT = _gauge("quantum_model_drift_limit", "Drift from which the model expires.", ("of",), (ENGINE,))
BUDGET_USED = _gauge(
    "quantum_rate_budget_used", "What is used of a limit of the exchange in its window.", ("kind", "window"), TRADERS
)
BUDGET_LIMIT = _gauge("quantum_rate_budget_limit", "That limit.", ("kind", "window"), TRADERS)
BUDGET_WAIT = _gauge(
    "quantum_rate_budget_wait_seconds", "How long a request of a lane would wait now.", ("lane",), TRADERS
)

CATALOGUE: tuple[Metric, ...] = tuple(found for found in list(globals().values()) if isinstance(found, Metric))
