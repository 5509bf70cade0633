"""The rate budget on a real Redis: what one daemon was told, all obey."""

from redis.asyncio import Redis

from quantum_common.exchange.budget import Budget, Cost, Lane
from quantum_common.exchange.shared_budget import SharedBudget
from quantum_common.keys import Keys

NOW_MS = 1_700_000_040_000
WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"


def pair(redis: Redis) -> tuple[Budget, SharedBudget, Budget, SharedBudget]:
    one, two = Budget(), Budget()
    return one, SharedBudget(redis, Keys().budget, one), two, SharedBudget(redis, Keys().budget, two)


async def test_weight_that_one_daemon_was_told_keeps_the_other_from_opening(redis: Redis) -> None:
    one, share_one, two, share_two = pair(redis)
    one.told({WEIGHT_HEADER: "2300"}, NOW_MS, NOW_MS)
    assert two.reserve(Lane.OPEN, Cost(weight=1), NOW_MS) == 0
    await share_one.share()
    await share_two.share()
    assert two.reserve(Lane.OPEN, Cost(weight=1), NOW_MS) > 0
    assert two.reserve(Lane.CLOSE, Cost(weight=1), NOW_MS) == 0


async def test_a_ban_of_one_daemon_is_everybodys(redis: Redis) -> None:
    one, share_one, two, share_two = pair(redis)
    one.close(NOW_MS + 60_000)
    await share_one.share()
    await share_two.share()
    assert two.reserve(Lane.CLOSE, Cost(weight=1), NOW_MS) == 60_000


async def test_a_count_of_an_earlier_window_takes_nothing_from_a_later_one(redis: Redis) -> None:
    one, share_one, two, share_two = pair(redis)
    one.told({WEIGHT_HEADER: "2300"}, NOW_MS, NOW_MS)
    await share_one.share()
    later_ms = NOW_MS + 60_000
    two.told({WEIGHT_HEADER: "7"}, later_ms, later_ms)
    await share_two.share()
    await share_one.share()
    assert one.reserve(Lane.OPEN, Cost(weight=1), later_ms) == 0
    assert await redis.pttl(Keys().budget) > 0


async def test_what_was_reserved_while_sharing_is_not_forgotten(redis: Redis) -> None:
    one, share_one, _, share_two = pair(redis)
    await share_two.share()
    one.reserve(Lane.CLOSE, Cost(weight=2400), NOW_MS)
    await share_one.share()
    assert one.reserve(Lane.CLOSE, Cost(weight=1), NOW_MS) > 0
