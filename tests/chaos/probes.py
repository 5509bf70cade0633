"""Whether a run's faults hit anything: what the daemons themselves say of their troubles, counted from their logs.

A run in which nothing was ever looked up, refused by its stamp or booked late has shown nothing, however clean it ends.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from quantum_common.reasons import Gate
from services.cli.facts import Facts

TOLD = {
    "fate unknown; looking it up": "fate_unknown",
    "settling an order of an earlier attempt": "settled_after_a_crash",
    "redis forgot an order; adopted from the exchange": "forgotten_order_found",
    "another instance holds the lease; waiting for it": "lease_waited_for",
    "lease lost; ending, so that the next start waits for it": "lease_lost",
    "trades that the stream did not bring were booked": "trades_booked_late",
    "a trade waits for the exchange's list": "trades_waited",
    "a ledger was not the fold of its facts; written anew": "ledgers_mended",
    "redis is gone; waiting for it": "redis_gone",
    "the exchange is out of reach; trying again": "exchange_gone",
    "dead letter": "dead_letters",
    "ledger drift": "drifts_held",
}


def probes(folder: Path, facts: Facts) -> Counter[str]:
    """Given a run's folder and what it left, return how often each kind of trouble was met."""
    found = Counter(TOLD[event] for event in _events(folder.glob("*.log")) if event in TOLD)
    for one in facts.results:
        result = one.message
        sent = result.sent_ms is not None
        found["expired_after_sending"] += sent and result.gate is Gate.PLAN_EXPIRED
        found["refused_by_stamp"] += result.error.startswith(("-1021", "-5028"))
        found["permit_timeouts"] += result.gate is Gate.PERMIT_TIMEOUT
    return +found


def _events(logs: Iterable[Path]) -> Iterator[str]:
    for log in logs:
        for line in log.read_bytes().splitlines():
            with contextlib.suppress(orjson.JSONDecodeError):  # a killed process ends in the middle of a line
                yield str(orjson.loads(line).get("event", ""))
