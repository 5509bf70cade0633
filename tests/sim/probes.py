"""What must really have happened in a batch of schedules: a fault that never strikes proves nothing."""

from collections.abc import Mapping

from quantum_common.ids import STOP_PREFIXES
from quantum_common.state import OrderState
from tests.sim.pipeline import KEYS, Pipeline

# Each with how often it must have been seen in a thousand schedules, at least.
WANTED: Mapping[str, int] = {
    "answer_lost place": 10,  # the order was executed, its answer was lost
    "kill_after claim_order": 2,  # between the journal and the send
    "kill_before place": 2,
    "kill_after place": 2,
    "refused_by_stamp": 2,
    "found after not found": 5,
    "timeout": 50,
    "torn": 20,
    "redis_restart": 50,
    "redis_forgot": 20,
    "redis_full": 20,
    "stopped": 50,
    "doubled": 50,
    "reordered": 50,
    "stream_cut": 50,
    "stale_positions": 50,
    "foreign_trade": 50,
    "adl": 5,
    "expired": 5,
    "adopted position": 1,
    "redis forgot an order; adopted from the exchange": 2,  # found by the quarantine
    "stop triggered": 20,
    "fenced": 5,  # a script of an instance whose lease had gone
    "another instance holds the lease; waiting for it": 50,
}


def look(pipeline: Pipeline) -> None:
    """Count what the end of a run shows of what happened in it."""
    seen = pipeline.world.probes
    seen["expired"] += sum(after == OrderState.EXPIRED and bool(before) for _, before, after in pipeline.moves)
    seen["stop triggered"] += sum(
        order.client_order_id.startswith(STOP_PREFIXES) for order in pipeline.exchange.all_orders()
    )
    seen["adopted position"] += sum(
        fields["kind"] == "adjustment" for _, fields in pipeline.redis.server.history(KEYS.journal)
    )


def missing(seen: Mapping[str, int], schedules: int) -> list[str]:
    """Given counts of a batch, return what happened less often than it must."""
    return [
        f"{name}: {seen.get(name, 0)} of at least {least * schedules // 1000}"
        for name, least in WANTED.items()
        if seen.get(name, 0) < least * schedules // 1000
    ]
