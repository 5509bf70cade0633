"""A governor over a real Redis, with an ordinary world in it."""

from typing import Any

import structlog
from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.keys import GROUP_GOVERNOR, Keys
from quantum_common.messages import EvalType, Permit, Plan, Record, Result
from quantum_common.state import TradingState
from quantum_common.stream import Message
from services.governor.service import Governor
from services.governor.store import ALL, RedisState
from tests.unit.governor.builders import NOW_MS, ledger, limits, market, portfolio, snapshot

KEYS = Keys()
DAY = KEYS.governor_day("20260921")


async def make_governor(redis: Redis, **changes: Any) -> Governor:
    """A governor over an empty Redis with groups and an ordinary world."""
    for stream in (KEYS.plans, KEYS.results):
        await redis.xgroup_create(stream, GROUP_GOVERNOR, id="0", mkstream=True)
    records: list[tuple[str, Record]] = [(KEYS.portfolio, portfolio())]
    for symbol in ("BTCUSDT", "ETHUSDT"):
        records += [
            (KEYS.snapshot(symbol), snapshot()), (KEYS.ledger(symbol), ledger()),
            (KEYS.market_state(symbol), market()),
        ]  # fmt: skip
    for key, record in records:
        fields: dict[Any, Any] = record.to_fields()
        await redis.hset(key, mapping=fields)
    log = structlog.get_logger()
    first = TradingState(changes.pop("first_state", "ACTIVE"))
    return Governor(RedisState(redis, KEYS, log), ManualClock(NOW_MS), limits(**changes), first, log)


async def deliver(redis: Redis, record: Plan | Result) -> Message:
    """Put a record on its stream and read it as the group does."""
    stream = KEYS.plans if isinstance(record, Plan) else KEYS.results
    entry: dict[Any, Any] = record.to_fields()
    await redis.xadd(stream, entry)
    reply: Any = await redis.xreadgroup(GROUP_GOVERNOR, "governor", {stream: ">"}, count=1)
    [(_, [(entry_id, read)])] = reply
    return Message(stream, entry_id, read)


async def permits(redis: Redis) -> list[Permit]:
    found: Any = await redis.xrange(KEYS.permits)
    return [Permit.from_fields(fields) for _, fields in found]


async def pending(redis: Redis) -> int:
    return sum([int((await redis.xpending(one, GROUP_GOVERNOR))["pending"]) for one in (KEYS.plans, KEYS.results)])


async def reserved(redis: Redis) -> dict[str, str]:
    found: Any = await redis.hgetall(KEYS.governor_reserved)
    return dict(found)


async def statistics(redis: Redis, symbol: str = "BTCUSDT", eval_type: EvalType = EvalType.ENTRY) -> dict[str, str]:
    found: Any = await redis.hgetall(KEYS.governor_stats(symbol, eval_type))
    return dict(found)


async def budgets(redis: Redis, symbol: str = "BTCUSDT") -> tuple[list[str], list[str], dict[str, str]]:
    one: Any = await redis.zrange(KEYS.governor_executions(symbol), 0, -1)
    everything: Any = await redis.zrange(KEYS.governor_executions(ALL), 0, -1)
    day: Any = await redis.hgetall(DAY)
    return one, everything, day
