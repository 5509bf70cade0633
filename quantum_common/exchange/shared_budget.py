"""One rate budget for all daemons of an account: each tells the others, through Redis, what the exchange told it.

Counts in the exchange's headers are the account's and the address's, whoever caused them. What a daemon does not know
is what the others were told since its own last answer; twice a second they exchange that. A ban is everybody's.
"""

from dataclasses import replace
from typing import Any

from quantum_common.exchange.budget import Budget, BudgetState, Counter
from quantum_common.redis_client import Redis
from quantum_common.scripts import Script

SHARE_EVERY_MS = 500
TTL_MS = 120_000  # longer than the longest window that an order limit of the exchange has


class SharedBudget:
    """Keeps one process's budget in step with the key that all processes share."""

    def __init__(self, redis: Redis, key: str, budget: Budget) -> None:
        self._script = Script(redis, "share_budget")
        self._key = key
        self._budget = budget

    async def share(self) -> None:
        """Tell what this process knows, and learn what the others do."""
        state = self._budget.state
        counters = [part for item in state.counters for part in (_field(item), str(item.window), str(item.used))]
        answer: Any = await self._script(
            {"budget": self._key},
            {"counters": counters, "closed_until_ms": state.closed_until_ms, "ttl_ms": TTL_MS},
        )
        told, closed_until_ms = answer
        shared = {told[i]: (int(told[i + 1]), int(told[i + 2])) for i in range(0, len(told), 3)}
        self._budget.state = merged(self._budget.state, shared, int(closed_until_ms))


def merged(state: BudgetState, shared: dict[str, tuple[int, int]], closed_until_ms: int) -> BudgetState:
    """Given a state, which may have moved on, and what is shared, return the higher count of each newest window."""
    return replace(
        state,
        counters=tuple(
            _higher(item, *shared[_field(item)]) if _field(item) in shared else item for item in state.counters
        ),
        closed_until_ms=max(state.closed_until_ms, closed_until_ms),
    )


def _higher(item: Counter, window: int, used: int) -> Counter:
    if (window, used) <= (item.window, item.used):
        return item
    return replace(item, window=window, used=used)


def _field(item: Counter) -> str:
    return f"{item.kind}:{item.interval_ms}"
