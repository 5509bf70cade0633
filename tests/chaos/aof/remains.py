"""The whole chain on what a crash left: its services start anew, the exchange is as it was, and all must come right."""

import copy
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.messages import Intent
from quantum_common.state import MarketState
from quantum_common.stream import Message
from tests.contract.chain import KEYS, Chain, Venue
from tests.unit.position_state_brain.scripted import ScriptedAccount

FACTS_KEPT = 10
CYCLES, CYCLE_MS = 10, 2_000


@dataclass
class World:
    """What is not in Redis when it dies: the exchange, the time, and the last bar, which the AI engine does again."""

    clock: ManualClock
    account: ScriptedAccount
    venue: Venue
    bar: tuple[str, MarketState, list[Intent]] | None = None
    adopts: bool = False  # the exchange has a position that no trade explains

    @classmethod
    def of(cls, chain: "Remains") -> "World":
        """Return a copy of what is around a chain now."""
        return copy.deepcopy(cls(chain.clock, chain.account, chain.venue, chain.bar, chain.adopts))


@dataclass
class Remains(Chain):
    """A chain that can be put into a world, and that takes up what is pending."""

    bar: tuple[str, MarketState, list[Intent]] | None = None
    adopts: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.p33.books.facts_kept = FACTS_KEPT

    @classmethod
    def within(cls, redis: Redis, world: World) -> "Remains":
        """Given a Redis and a world, return new services in it; the exchange's stream is not connected yet."""
        world = copy.deepcopy(world)
        chain = cls(redis, clock=world.clock, bar=world.bar, adopts=world.adopts)
        vars(chain.account).update(vars(world.account))
        vars(chain.venue).update(vars(world.venue) | {"account": chain.account})
        chain.account.events.clear()
        return chain

    async def record(self, wish: Intent, state: MarketState) -> None:
        """Write a bar and its wish as the AI engine does, and remember it as the last one."""
        self.bar = (wish.symbol, state, [wish])
        await self.engine.record_bar(wish.symbol, state, [wish], None)

    async def start(self) -> None:
        """Start every service on what is there, as its wiring does, up to its recovery."""
        self.clock.advance(1)
        for group, handlers in self.groups.items():
            for stream in handlers:
                if not await self._has_group(stream, group):
                    await self.redis.xgroup_create(stream, group, id="0", mkstream=True)
        await self.bridge.refresh_rules()
        await self.p33.recover()
        await self.governor.recover()
        await self.executor.recover()

    async def go_on(self) -> None:
        """Take up what is pending, do the last bar again, work everything off, and let the books settle."""
        for group, handlers in self.groups.items():
            for stream, handle in handlers.items():
                reply: Any = await self.redis.xreadgroup(group, group, {stream: "0"})
                for entry, fields in reply[0][1] if reply else []:
                    await handle(Message(stream, entry, fields))
        if self.bar is not None:
            symbol, state, wishes = self.bar
            await self.engine.record_bar(symbol, state, wishes, None)
        for _ in range(CYCLES):
            await self.cycle()
            await self.p33.sync()
            await self.executor.sweep()
            self.clock.advance(CYCLE_MS)

    async def _has_group(self, stream: str, group: str) -> bool:
        if not await self.redis.exists(stream):
            return False
        return any(one["name"] == group for one in await self.redis.xinfo_groups(stream))


__all__ = ["KEYS", "Remains", "World"]
