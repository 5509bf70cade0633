"""One bench for every state port, on a real Redis or in a backtest's memory: the same hands, two backs.

What the contract tests do, they do through the services' own ports; what a Redis's streams do besides (delivery,
reading back) is here for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog
from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.keys import GROUP_BRIDGE, GROUP_EXECUTOR, GROUP_GOVERNOR, GROUP_P33, Keys
from quantum_common.messages import Record
from quantum_common.state import MarketState
from quantum_common.stream import Message
from services.ai_engine.store import RedisStore as EngineStore
from services.backtest.board import Board
from services.backtest.bridge_state import BridgeState
from services.backtest.executor_store import ExecutorStore
from services.backtest.governor_state import GovernorState
from services.backtest.governor_watch import GovernorWatch
from services.backtest.p33_store import P33Store
from services.governor import ports as governor_ports
from services.governor.store import RedisState as RedisGovernor
from services.governor.watch_store import RedisWatch
from services.intent_bridge import ports as bridge_ports
from services.intent_bridge.store import RedisState as RedisBridge
from services.intent_executor import ports as executor_ports
from services.intent_executor.store import RedisStore as RedisExecutor
from services.position_state_brain import ports as p33_ports
from services.position_state_brain.store import RedisStore as RedisP33
from tests.unit.governor.builders import NOW_MS

KEYS = Keys()
GROUPS = {
    KEYS.intents: (GROUP_BRIDGE,),
    KEYS.plans: (GROUP_GOVERNOR, GROUP_P33, GROUP_EXECUTOR),
    KEYS.permits: (GROUP_EXECUTOR,),
    KEYS.results: (GROUP_GOVERNOR, GROUP_P33),
}
R = TypeVar("R", bound=Record)


class Bench(Protocol):
    """The ports, and the streams between them."""

    bridge: bridge_ports.StatePort
    governor: governor_ports.StatePort
    watch: governor_ports.WatchPort
    p33: p33_ports.Store
    executor: executor_ports.Store

    async def deliver(self, stream: str, group: str, record: Record) -> Message:
        """Add an entry, and hand it to one group that reads the stream."""
        ...

    async def entries(self, stream: str, kind: type[R]) -> Sequence[R]:
        """Return what stands in a stream, oldest first."""
        ...

    async def pending(self, stream: str, group: str) -> int:
        """Return how many entries a group has not acknowledged."""
        ...

    async def market(self, symbol: str, state: MarketState) -> None:
        """Have the engine record a bar."""
        ...


@dataclass
class MemoryBench:
    """The ports of a backtest."""

    def __post_init__(self) -> None:
        self._states: dict[str, MarketState] = {}
        self._told: dict[str, list[Record]] = {stream: [] for stream in KEYS.streams}
        board = self._board = Board(KEYS, ManualClock(NOW_MS), market=self._states.get, closed=self._closed)
        for stream, told in self._told.items():
            board.heard[stream].append(told.append)
        self.bridge: bridge_ports.StatePort = BridgeState(board)
        self.governor: governor_ports.StatePort = GovernorState(board)
        self.watch: governor_ports.WatchPort = GovernorWatch(board)
        self.p33: p33_ports.Store = P33Store(board)
        self.executor: executor_ports.Store = ExecutorStore(board)

    def _closed(self, symbol: str) -> Any:
        state = self._states.get(symbol)
        return None if state is None else (state.bar_close_ms, state.price)

    async def deliver(self, stream: str, group: str, record: Record) -> Message:
        return self._board.send(stream, record)

    async def entries(self, stream: str, kind: type[R]) -> Sequence[R]:
        return [kind.from_fields(record.to_fields()) for record in self._told[stream]]

    async def pending(self, stream: str, group: str) -> int:
        return sum(self._board.is_pending(group, message) for message in self._board.queues[stream])

    async def market(self, symbol: str, state: MarketState) -> None:
        self._states[symbol] = state


@dataclass
class RedisBench:
    """The ports of the daemons, on a real Redis."""

    redis: Redis

    async def begin(self) -> "RedisBench":
        log = structlog.get_logger()
        for stream, groups in GROUPS.items():
            for group in groups:
                await self.redis.xgroup_create(stream, group, id="0", mkstream=True)
        self.bridge: bridge_ports.StatePort = RedisBridge(self.redis, KEYS, log)
        self.governor: governor_ports.StatePort = RedisGovernor(self.redis, KEYS, log)
        self.watch: governor_ports.WatchPort = RedisWatch(self.redis, KEYS, log)
        self.p33: p33_ports.Store = RedisP33(self.redis, KEYS)
        self.executor: executor_ports.Store = RedisExecutor(self.redis, KEYS)
        self._engine = EngineStore(self.redis, KEYS)
        await self.executor.meet()
        return self

    async def deliver(self, stream: str, group: str, record: Record) -> Message:
        fields: dict[Any, Any] = record.to_fields()
        await self.redis.xadd(stream, fields)
        for each in GROUPS[stream]:
            reply: Any = await self.redis.xreadgroup(each, each, {stream: ">"})
            if each == group:
                entry, read = reply[0][1][-1]
        return Message(stream, entry, read)

    async def entries(self, stream: str, kind: type[R]) -> Sequence[R]:
        rows: Any = await self.redis.xrange(stream)
        return [kind.from_fields(fields) for _, fields in rows]

    async def pending(self, stream: str, group: str) -> int:
        found: Any = await self.redis.xpending(stream, group)
        return int(found["pending"])

    async def market(self, symbol: str, state: MarketState) -> None:
        assert await self._engine.record_bar(symbol, state, (), None)
