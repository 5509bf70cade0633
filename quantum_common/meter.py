"""What the edges of a service tell of their work while they do it: the consumer and the stores, never a decision.

Whoever counts is behind this port, so that nothing on the way of an order knows how it is counted or who asks for it.
"""

from enum import StrEnum

PASSED = "passed"


class Hop(StrEnum):
    """A stretch of the way from a closed bar to the ledger. Each is told by the service at its end."""

    BAR_TO_INTENT = "bar_to_intent"  # the bar's close → the wish is written
    INTENT_TO_PLAN = "intent_to_plan"  # the wish was written → the plan is
    PLAN_TO_PERMIT = "plan_to_permit"  # the plan was written → one issuer's permit is
    PERMIT_TO_ORDER = "permit_to_order"  # the later permit was made → the order is claimed and goes out
    ORDER_TO_ACK = "order_to_ack"  # sent → its result is known
    PLAN_TO_RESULT = "plan_to_result"  # the plan was written → its one result is, blocked ones included
    FILL_TO_LEDGER = "fill_to_ledger"  # the exchange's time of a trade → the ledger shows it


class Meter:
    """Counts work: this one nothing, `Metrics` all. A call takes a microsecond or two, never waits and never fails."""

    def handled(self, stream: str, age_ms: int) -> None:
        """Given an entry's stream and how long ago it was written, count it as handled."""

    def dead(self, stream: str) -> None:
        """Count an entry that became a dead letter."""

    def lost(self, stream: str, count: int) -> None:
        """Count entries that Redis lost before they were handled."""

    def decided(self, eval_type: str, gate: str | None) -> None:
        """Given ENTRY or EXIT and the gate that stopped it, None where all passed, count one recorded decision."""

    def hop(self, hop: Hop, duration_ms: int) -> None:
        """Given a stretch of the way and how long it took, note it."""

    def booked(self, kind: str) -> None:
        """Count a fact that a ledger was changed by: fill, funding or adjustment."""


SILENT = Meter()
