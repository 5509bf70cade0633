"""All checkers: functions of what is left of a run. Each violation is a sentence that begins with a name."""

from collections.abc import Callable, Iterator

from tests.sim import ledger_checkers as ledgers
from tests.sim import order_checkers as orders
from tests.sim.evidence import Evidence

Checker = Callable[[Evidence], Iterator[str]]

CHECKERS: tuple[Checker, ...] = (
    orders.at_most_one,
    orders.order_without_plan,
    orders.no_order_without_permits,
    orders.permits_are_used_once,
    orders.blocked_has_no_order,
    orders.unresolved,
    orders.output_once,
    orders.results_tell_the_truth,
    orders.journal_tells_the_truth,
    orders.id_determinism,
    orders.monotone_state,
    orders.no_foreign_touch,
    orders.positions_are_protected,
    orders.bounded_recovery,
    orders.pending_zero,
    orders.no_broken_invariant,
    ledgers.ledger_sum,
    ledgers.facts_equal_trades,
    ledgers.no_needless_adoption,
    ledgers.fold_equals_cache,
    ledgers.conservation,
)


def check(seen: Evidence) -> list[str]:
    """Return every violation."""
    return [violation for checker in CHECKERS for violation in checker(seen)]
