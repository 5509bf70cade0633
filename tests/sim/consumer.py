"""The stream consumer's rules on the simulated Redis: own pending entries first, lanes, back-off, dead letters."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from redis.exceptions import ResponseError

from quantum_common.exchange.port import ExchangeUnavailable
from quantum_common.messages import Malformed
from quantum_common.redis_client import UNREACHABLE
from quantum_common.stream import BACK_OFF_MS, Message
from tests.sim.client import DELAY_MS, RedisState, lost
from tests.sim.redis import Server
from tests.sim.world import Call, Process, SimClock, Task, World

BLOCK_MS = 1000
RECLAIM_MS = 5_000

Handler = Callable[[Message], Awaitable[None]]


class SimConsumer:
    """Reads some streams for one group of one process."""

    def __init__(
        self,
        world: World,
        redis: RedisState,
        process: Process,
        group: str,
        handlers: Mapping[str, Handler],
        lane: Callable[[Message], str],
        recover: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.world, self.redis, self.process = world, redis, process
        self.group, self.handlers, self.lane, self.recover = group, handlers, lane, recover
        self.clock = SimClock(world, process)
        self.lanes: dict[str, deque[Message]] = {}
        self.in_hand: set[tuple[str, str]] = set()
        self.met = False
        self.dead: list[tuple[str, str]] = []
        self.early = False  # a mutant's: acknowledge before the effect

    def _run(self, label: str, effect: Callable[[Server], object]) -> Call:
        return Call(label, lambda: self.redis.run(effect), DELAY_MS, lost)

    async def run(self) -> None:
        """Consume until killed."""
        server_id, reclaim_ms, failures = 0, 0, 0
        while True:
            try:
                now_id = self.redis.server.run_id
                if now_id != server_id or self.clock.now_ms() >= reclaim_ms:
                    await self._run(f"groups {self.group}", self._make_groups)
                    if now_id != server_id and self.recover is not None:
                        await self.recover()
                    for message in await self._run(f"own pending {self.group}", self._own_pending):
                        self._take(message)
                    server_id, reclaim_ms = now_id, self.clock.now_ms() + RECLAIM_MS
                self.met = True
                for message in await self._read_new():
                    self._take(message)
                failures = 0
            except UNREACHABLE:
                await self.clock.sleep_ms(BACK_OFF_MS[min(failures, len(BACK_OFF_MS) - 1)])
                failures += 1
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                server_id, self.met = 0, False
            except ExchangeUnavailable as error:  # a recovery that needs the exchange
                await self.clock.sleep_ms(error.retry_after_ms)

    def _make_groups(self, server: Server) -> None:
        for stream in self.handlers:
            server.make_group(stream, self.group)

    def _own_pending(self, server: Server) -> list[Message]:
        return [
            Message(stream, entry_id, fields or {}, count)
            for stream in self.handlers
            for entry_id, fields, count in server.read_pending(stream, self.group, self.process.name)
        ]

    def _read_new(self) -> Call:
        """Block until a stream has something, at most a second."""

        def ready() -> bool:
            server = self.redis.server
            for stream in self.handlers:
                value: Any = server.values.get(stream)
                group = value.groups.get(self.group) if value else None
                if group is None or value is None or (value.entries and value.entries[-1][0] > group.last):
                    return True
            return False

        def park(task: Task) -> bool:
            if not self.redis.up or ready():
                return False
            done = False

            def wake() -> None:
                nonlocal done
                if done:
                    return
                done = True
                try:
                    self.world.resume(task, self.redis.run(self._new), None)
                except (*UNREACHABLE, ResponseError) as error:
                    self.world.resume(task, None, error)

            for stream in self.handlers:
                self.redis.parked.setdefault(stream, []).append(wake)
            self.world.later(BLOCK_MS, wake)
            return True

        return Call(f"read {self.group}", lambda: self.redis.run(self._new), DELAY_MS, lost, park=park)

    def _new(self, server: Server) -> list[Message]:
        return [
            Message(stream, entry_id, fields)
            for stream, entry_id, fields in server.read_new(self.handlers, self.group, self.process.name)
        ]

    def _take(self, message: Message) -> None:
        if (message.stream, message.id) in self.in_hand:
            return
        self.in_hand.add((message.stream, message.id))
        lane = self.lane(message)
        waiting = self.lanes.get(lane)
        if waiting is not None:
            waiting.append(message)
            return
        self.lanes[lane] = deque((message,))
        self.world.spawn(self.process, f"{self.group}:{lane}", self._work(lane))

    async def _work(self, lane: str) -> None:
        messages = self.lanes[lane]
        while messages:
            message = messages.popleft()
            await self._handle(message)
            self.in_hand.discard((message.stream, message.id))
        del self.lanes[lane]

    async def _handle(self, message: Message) -> None:
        failures = 0
        while True:
            try:
                if self.early:
                    await self._acknowledge(message)
                await self.handlers[message.stream](message)
            except Malformed as reason:
                self.dead.append((message.id, str(reason)))
                await self._acknowledge(message)
            except UNREACHABLE:
                await self.clock.sleep_ms(BACK_OFF_MS[min(failures, len(BACK_OFF_MS) - 1)])
                self.met = False
                while not self.met:  # Redis may have come back without what this lane has read and written
                    await self.clock.sleep_ms(20)
                failures += 1
                continue
            except ExchangeUnavailable as error:
                await self.clock.sleep_ms(error.retry_after_ms)
                continue
            return

    def _acknowledge(self, message: Message) -> Call:
        return self._run("ack", lambda server: server.do_xack(message.stream, self.group, message.id))
