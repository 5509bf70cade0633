"""Incident 40: 75 minutes of IP ban, because every service polled on its own and none obeyed."""

from redis.asyncio import Redis

from quantum_common.exchange.budget import Budget, Cost, Lane
from quantum_common.exchange.shared_budget import SharedBudget
from quantum_common.keys import Keys

NOW_MS = 1_700_000_040_000


async def test_a_ban_that_one_daemon_is_told_silences_all_of_them(redis: Redis) -> None:
    budgets = [Budget() for _ in range(4)]
    shared = [SharedBudget(redis, Keys().budget, budget) for budget in budgets]
    budgets[0].close(NOW_MS + 120_000)
    for one in shared:
        await one.share()
    assert [budget.reserve(Lane.CLOSE, Cost(weight=1), NOW_MS) for budget in budgets] == [120_000] * 4


async def test_entries_stop_before_closes_where_the_address_has_used_its_weight(redis: Redis) -> None:
    told, other = Budget(), Budget()
    told.told({"X-MBX-USED-WEIGHT-1M": "2000"}, NOW_MS, NOW_MS)
    for budget in (told, other):
        await SharedBudget(redis, Keys().budget, budget).share()
    assert other.reserve(Lane.OPEN, Cost(weight=1), NOW_MS) > 0
    assert other.reserve(Lane.CLOSE, Cost(weight=1), NOW_MS) == 0
