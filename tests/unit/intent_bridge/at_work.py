"""A bridge over a real Redis, with an ordinary world in it."""

from collections.abc import Mapping
from typing import Any

import structlog
from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.exchange.port import ExchangeUnavailable, SymbolRules
from quantum_common.keys import GROUP_BRIDGE, Keys
from quantum_common.messages import Intent, Plan
from quantum_common.state import Ledger, Portfolio, Snapshot
from quantum_common.stream import Message
from services.intent_bridge.service import Bridge
from services.intent_bridge.store import RedisState
from tests.unit.intent_bridge.builders import NOW_MS, RULES, ledger, limits, portfolio, snapshot

KEYS = Keys()


class FixedFilters:
    """A ReferencePort that knows one symbol, or is away."""

    away = False

    async def rules(self) -> Mapping[str, SymbolRules]:
        if self.away:
            raise ExchangeUnavailable("away")
        return {"BTCUSDT": RULES, "ETHUSDT": RULES, "SOLUSDT": RULES}

    async def server_time_ms(self) -> int:
        return NOW_MS


async def make_bridge(redis: Redis, **changes: Any) -> Bridge:
    """A bridge over an empty Redis with a group."""
    await redis.xgroup_create(KEYS.intents, GROUP_BRIDGE, id="0", mkstream=True)
    bridge = Bridge(
        RedisState(redis, KEYS, structlog.get_logger()), FixedFilters(), ManualClock(NOW_MS), limits(**changes),
        KEYS.prefix, structlog.get_logger(),
    )  # fmt: skip
    await bridge.refresh_rules()
    return bridge


async def put(redis: Redis, key: str, record: Snapshot | Ledger | Portfolio) -> None:
    fields: dict[Any, Any] = record.to_fields()
    await redis.hset(key, mapping=fields)


async def world(redis: Redis, position_amt: str = "0") -> None:
    await put(redis, KEYS.portfolio, portfolio())
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        await put(redis, KEYS.snapshot(symbol), snapshot(position_amt))
        await put(redis, KEYS.ledger(symbol), ledger(position_amt))


async def deliver(redis: Redis, wish: Intent | None = None, **fields: str) -> Message:
    """Put an intent on the stream and read it as the group does."""
    entry: dict[Any, Any] = (wish.to_fields() if wish else {}) | fields
    await redis.xadd(KEYS.intents, entry)
    reply: Any = await redis.xreadgroup(GROUP_BRIDGE, "intent-bridge", {KEYS.intents: ">"}, count=1)
    [(_, [(entry_id, read)])] = reply
    return Message(KEYS.intents, entry_id, read)


async def plans(redis: Redis) -> list[Plan]:
    found: Any = await redis.xrange(KEYS.plans)
    return [Plan.from_fields(fields) for _, fields in found]


async def pending(redis: Redis) -> int:
    return int((await redis.xpending(KEYS.intents, GROUP_BRIDGE))["pending"])
