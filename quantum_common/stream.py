"""The only reader of streams: consumer groups with stable names, pending entries first, dead letters, back-off.

Messages run in lanes: one lane handles its messages in order, lanes run side by side, so that no plan waits behind
another symbol's. A handler acknowledges through the script that writes its effect; here is only what every consumer
shares:

- at start, and whenever Redis came back as another server: groups are made (from the stream's beginning, never from
  its end), the service recovers, and own pending entries come before new ones;
- idle entries of dead peers are claimed; entries that Redis lost while they were pending are reported as loss;
- `Malformed` makes a dead letter; Redis or the exchange out of reach make the same message wait and try again;
- anything else is a broken invariant: it leaves `run`, and the process dies.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from redis.exceptions import ResponseError

from quantum_common.clock import Clock
from quantum_common.exchange.port import ExchangeUnavailable
from quantum_common.keys import Keys
from quantum_common.log import Log
from quantum_common.messages import Malformed, Record
from quantum_common.meter import SILENT, Meter
from quantum_common.progress import Progress
from quantum_common.redis_client import BLOCK_MS, UNREACHABLE, Redis, why_gone
from quantum_common.scripts import Script
from quantum_common.trimming import written_off

R = TypeVar("R", bound=Record)
BATCH = 64
IN_HAND_MAX = 512
CLAIM_IDLE_MS = 30_000
CLAIM_EVERY_MS = 10_000
CRASHES_MAX = 8
BACK_OFF_MS = (50, 100, 250, 500, 1000, 2000)


@dataclass(frozen=True, slots=True)
class Message:
    """One entry as it was delivered. `deliveries` counts this delivery too, where it is known to be more than one."""

    stream: str
    id: str
    fields: Mapping[str, str]
    deliveries: int = 1

    @property
    def written_ms(self) -> int:
        """Return when Redis took the entry, in epoch milliseconds."""
        return int(self.id.partition("-")[0])

    def read(self, kind: type[R]) -> R:
        """Given the contract of its stream, return the record. Raise Malformed where the fields break it."""
        return kind.from_fields(self.fields)


Handler = Callable[[Message], Awaitable[None]]
Lane = Callable[[Message], str]


def symbol_lane(message: Message) -> str:
    """Given a message, return its lane: one for each symbol."""
    return message.fields.get("symbol", "")


@dataclass
class Consumer:
    """Reads some streams for one group and hands each message to the stream's handler."""

    redis: Redis
    handlers: Mapping[str, Handler]
    group: str
    name: str
    clock: Clock
    log: Log
    lane: Lane = symbol_lane
    recover: Callable[[], Awaitable[None]] | None = None
    progress: Progress = field(default_factory=Progress)
    block_ms: int = BLOCK_MS
    meter: Meter = SILENT

    def __post_init__(self) -> None:
        self._dead_letter = Script(self.redis, "dead_letter")
        self._lanes: dict[str, deque[Message]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._in_hand: set[tuple[str, str]] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._met = asyncio.Event()
        self._broken: BaseException | None = None
        self._server = ""
        self._claimed_ms = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then finish what is in hand. Raise what a handler broke on."""
        failures = 0
        while not stop.is_set() and self._broken is None:
            self.progress.round(f"the consumer of {self.group}", self.clock.now_ms())
            try:
                await self._meet_server(stop)
                await self._claim_idle()
                await self._read_new()
                await self._room.wait()
            except UNREACHABLE as error:
                await self._redis_gone(error, failures)
                failures += 1
            except ExchangeUnavailable as error:
                self.log.warning("cannot recover without the exchange; trying again", error=error.cause)
                await self.clock.sleep_ms(error.retry_after_ms)
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self.log.error("redis forgot the consumer group: entries may be lost", group=self.group)
                self._server = ""
                self._met.clear()
            else:
                failures = 0
        while (
            self._workers and self._broken is None and self.progress.redis_up
        ):  # without Redis no lane comes to an end
            await asyncio.wait(self._workers.values(), timeout=0.2, return_when=asyncio.FIRST_COMPLETED)
        if self._broken is not None:
            raise self._broken

    # --- reading -------------------------------------------------------------------------------------------------

    async def _meet_server(self, stop: asyncio.Event) -> None:
        """Where this server is not the one that we know, make the groups, recover, and take own pending entries."""
        if self._server and self.progress.redis_up:
            return
        server = (await self.redis.info("server"))["run_id"]
        if server != self._server:
            for stream in self.handlers:
                await self._make_group(stream)
            if self.recover is not None:
                await self.recover()
            for stream in self.handlers:
                await self._take_own_pending(stream, stop)
            self._server = server
        if not self.progress.redis_up:
            self.progress.redis_up = True
            self.log.info("redis is back", group=self.group)
        self._met.set()

    async def _make_group(self, stream: str) -> None:
        try:
            await self.redis.xgroup_create(stream, self.group, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        lost = await written_off(self.redis, stream, self.group)
        if lost:
            self._lose(stream, lost)
            self.log.error("the cursor is behind the trimmed entries: some were lost", stream=stream, group=self.group)

    async def _take_own_pending(self, stream: str, stop: asyncio.Event) -> None:
        """Hand over what an earlier life of this consumer left, oldest first. Too many crashes make a dead letter."""
        after = "0"
        while not stop.is_set():
            rows: Any = await self.redis.xpending_range(
                stream, self.group, "-" if after == "0" else f"({after}", "+", BATCH, consumername=self.name
            )
            if not rows:
                return
            counts = {row["message_id"]: int(row["times_delivered"]) for row in rows}
            reply: Any = await self.redis.xreadgroup(self.group, self.name, {stream: after}, count=BATCH)
            entries = reply[0][1] if reply else []
            if not entries:
                return
            for entry_id, fields in entries:
                after = entry_id
                await self._take(Message(stream, entry_id, fields or {}, counts.get(entry_id, 1) + 1))
                self._lose(stream, int(fields is None))

    async def _claim_idle(self) -> None:
        """Take over what a dead peer has left lying, and our own that waited too long; report what Redis lost."""
        now_ms = self.clock.now_ms()
        if now_ms - self._claimed_ms < CLAIM_EVERY_MS:
            return
        self._claimed_ms = now_ms
        for stream in self.handlers:
            reply: Any = await self.redis.xautoclaim(
                stream, self.group, self.name, min_idle_time=CLAIM_IDLE_MS, count=BATCH
            )
            for entry_id, fields in reply[1]:
                await self._take(Message(stream, entry_id, fields, 2))
            if reply[2]:
                self._lose(stream, len(reply[2]))
                self.log.error("pending entries are gone from the stream", stream=stream, ids=reply[2][:10])

    async def _read_new(self) -> None:
        reply: Any = await self.redis.xreadgroup(
            self.group, self.name, dict.fromkeys(self.handlers, ">"), count=BATCH, block=self.block_ms
        )
        for stream, entries in reply or ():
            for entry_id, fields in entries:
                await self._take(Message(stream, entry_id, fields))

    def _lose(self, stream: str, count: int) -> None:
        self.progress.lost += count
        if count:
            self.meter.lost(stream, count)

    async def _redis_gone(self, error: BaseException, failures: int) -> None:
        if self.progress.redis_up:
            self.log.warning("redis is gone; waiting for it", group=self.group, error=why_gone(error))
        self.progress.redis_up = False
        self._met.clear()
        await self.clock.sleep_ms(BACK_OFF_MS[min(failures, len(BACK_OFF_MS) - 1)])

    # --- handling ------------------------------------------------------------------------------------------------

    async def _take(self, message: Message) -> None:
        if (message.stream, message.id) in self._in_hand:
            return
        if message.deliveries > CRASHES_MAX:
            await self._bury(message, Malformed("entry", f"was taken up {message.deliveries - 1} times and never done"))
            return
        self._in_hand.add((message.stream, message.id))
        if len(self._in_hand) >= IN_HAND_MAX:
            self._room.clear()
        lane = self.lane(message)
        waiting = self._lanes.get(lane)
        if waiting is not None:
            waiting.append(message)
            return
        self._lanes[lane] = deque((message,))
        self._workers[lane] = asyncio.create_task(self._work(lane))

    async def _work(self, lane: str) -> None:
        """Handle the messages of one lane in order, until there is none."""
        messages = self._lanes[lane]
        try:
            while messages and self._broken is None:
                message = messages.popleft()
                await self._handle(message)
                self._in_hand.discard((message.stream, message.id))
                if len(self._in_hand) < IN_HAND_MAX:
                    self._room.set()
        except BaseException as error:  # noqa: BLE001 - kept for run(), which raises it and ends the process
            self._broken = error
            self._room.set()
        finally:
            del self._lanes[lane], self._workers[lane]

    async def _handle(self, message: Message) -> None:
        attempt, what = 0, f"{message.stream} {message.id}"
        while True:
            self.progress.round(what, self.clock.now_ms())
            try:
                await self._handle_or_bury(message)
            except UNREACHABLE as error:
                await self._redis_gone(error, attempt)
                await self._met.wait()  # Redis may have come back without what this lane has read and written
                attempt += 1
                continue
            except ExchangeUnavailable as error:
                self.log.warning("the exchange is out of reach; trying again", error=error.cause, id=message.id)
                await self.clock.sleep_ms(max(error.retry_after_ms, BACK_OFF_MS[min(attempt, len(BACK_OFF_MS) - 1)]))
                attempt += 1
                continue
            self.progress.over(what)
            self.progress.handled += 1
            self.progress.last_message_ms = now_ms = self.clock.now_ms()
            self.meter.handled(message.stream, now_ms - message.written_ms)
            return

    async def _handle_or_bury(self, message: Message) -> None:
        try:
            await self.handlers[message.stream](message)
        except Malformed as reason:
            await self._bury(message, reason)

    async def _bury(self, message: Message, reason: Malformed) -> None:
        self.progress.dead += 1
        self.meter.dead(message.stream)
        self.log.error(
            "dead letter", stream=message.stream, id=message.id, field=reason.field, reason=reason.reason,
            symbol=message.fields.get("symbol", ""),
        )  # fmt: skip
        letter = {
            **message.fields,
            "dead_field": reason.field,
            "dead_reason": reason.reason,
            "dead_group": self.group,
            "dead_entry_id": message.id,
            "dead_ts_ms": str(self.clock.now_ms()),
        }
        await self._dead_letter(
            {"stream": message.stream, "dead": Keys.dead(message.stream)},
            {"group": self.group, "id": message.id, "fields": letter},
        )
