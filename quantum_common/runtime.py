"""What a service is given at its start: settings, Redis, names, time, a logger, and the ways to run its loops."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from quantum_common import metric_catalogue as catalogue
from quantum_common import probes
from quantum_common.clock import SystemClock
from quantum_common.exchange.session import Session
from quantum_common.keys import HEARTBEAT_TTL_MS, Keys
from quantum_common.lease import Lease
from quantum_common.log import Log
from quantum_common.metrics import Metrics
from quantum_common.notify import Notifier
from quantum_common.progress import Peer, Progress
from quantum_common.redis_client import UNREACHABLE, Redis, why_gone
from quantum_common.reload import reread, say
from quantum_common.settings import CommonSettings, SettingsError
from quantum_common.stream import Consumer, Handler, Lane, symbol_lane
from quantum_common.trimming import trim
from quantum_common.version import build_id

TRIM_EVERY_MS = 60_000

S = TypeVar("S", bound=CommonSettings)


@dataclass
class Runtime(Generic[S]):
    """What a service is given at its start: settings, Redis, names, time, a logger, and a way to run its loops."""

    service: str
    settings: S
    redis: Redis
    keys: Keys
    log: Log
    clock: SystemClock = field(default_factory=SystemClock)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    progress: Progress = field(default_factory=Progress)
    notifier: Notifier = field(default_factory=Notifier)
    take_up: Callable[[S], None] | None = None  # set by a service that can follow new settings while it runs
    status: str = "starting"
    mode: str = ""  # of a service that has several
    stuck: str = ""  # what makes no progress, while something does not
    heard_redis_ms: int = 0
    stop_within_s: float = 8.0
    lease_held: bool | None = None  # None where the service needs none

    def __post_init__(self) -> None:
        self.started_ms = self.clock.now_ms()
        self.metrics = Metrics(self.service)
        self.metrics.probes.append(self._show)

    def consumer(
        self,
        group: str,
        handlers: Mapping[str, Handler],
        *,
        lane: Lane = symbol_lane,
        recover: Callable[[], Awaitable[None]] | None = None,
    ) -> Coroutine[None, None, None]:
        """Given a group and a handler for each stream, return the loop that consumes them. The name is stable."""
        consumer = Consumer(
            redis=self.redis, handlers=handlers, group=group, name=self.service, clock=self.clock, log=self.log,
            lane=lane, recover=recover, progress=self.progress, meter=self.metrics,
        )  # fmt: skip
        self.metrics.expect(handlers)
        self.metrics.probes.append(probes.consumer(self.redis, group, tuple(handlers), self.clock))
        return consumer.run(self.stop)

    async def every(self, period_ms: int, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step at once and again `period_ms` after each, until stopped; Redis out of reach is waited for.

        A step that does not come to its end in time is no progress. One without a period waits for what comes next.
        """
        what = f"the loop {getattr(step, '__qualname__', 'of a service')}"
        while not self.stop.is_set():
            if period_ms:
                self.progress.round(what, self.clock.now_ms(), period_ms)
            try:
                await step()
            except UNREACHABLE as error:
                self.log.warning("redis is gone; trying again", error=why_gone(error))
                await self.pause(max(period_ms, 500))
            else:
                if period_ms:
                    await self.pause(period_ms)

    async def listen(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take step after step, each waiting for what comes next; a stop does not wait for it."""
        await self.until_stopped(self.every(0, step))

    async def insist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take one step that must have been taken before anything else; while Redis is gone, try again."""
        done = False
        while not done and not self.stop.is_set():
            try:
                await step()
                done = True
            except UNREACHABLE as error:
                self.log.warning("redis is gone; trying again", error=why_gone(error))
                await self.pause(500)

    @contextlib.asynccontextmanager
    async def leased(self) -> AsyncIterator[Lease | None]:
        """Hold this service's lease for as long as the context lasts; None where the daemon stopped before it had it.

        The holder runs `lease.renew` as one of its loops.
        """
        lease = Lease(self.redis, self.keys.lease(self.service), self.settings.quantum_lease_ms, self.log)
        self.status, self.lease_held = "waiting for the lease", False
        if not await lease.acquire(self.pause, self.stop.is_set):
            yield None
            return
        self.lease_held = True
        try:
            yield lease
        finally:
            self.lease_held = False
            await lease.release()

    async def until_stopped(self, loop: Coroutine[None, None, None]) -> None:
        """Run a coroutine that may wait for long, and cut it off at the stop. Raise what it raised."""
        running, stopping = asyncio.create_task(loop), asyncio.create_task(self.stop.wait())
        try:
            done, _ = await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if running in done:
                running.result()
        finally:
            for task in (running, stopping):
                task.cancel()
            await asyncio.gather(running, stopping, return_exceptions=True)

    def reload(self) -> str:
        """Read the settings anew, take up what the service can, log what changed, and return it in one line. A file
        that is wrong is one error in the log, and everything stays as it was."""
        self.notifier.reloading()
        try:
            found = reread(self.settings, self.service)
            if self.take_up is not None:
                self.take_up(found.settings)
        except SettingsError as error:
            self.log.error("reload refused; the settings of before hold", reason=str(error))
            result = "refused"
        else:
            self.settings = found.settings
            say(found, self.log)
            result = str(found)
        self.notifier.ready()
        return result

    def said(self) -> str:
        """Return what `systemctl status` shows of this daemon: what it does, how much, and how long ago."""
        progress = self.progress
        words = [f"stuck: {self.stuck}" if self.stuck else self.status, f"{progress.handled} handled"]
        if progress.last_message_ms:
            words.append(f"the last {(self.clock.now_ms() - progress.last_message_ms) // 1000} s ago")
        if progress.dead or progress.lost:
            words.append(f"{progress.dead} dead letters, {progress.lost} lost")
        if not progress.redis_up:
            words.append("redis is out of reach")
        return ", ".join(words)

    def watch_exchange(self, session: Session) -> None:
        """Given the line to the exchange, count its silence as no progress, and its order to wait as none of ours; and
        show both to whoever asks for the metrics."""
        self.progress.peers.append(
            Peer(
                "the exchange", self.clock.now_ms(), lambda: session.heard_ms,
                lambda: session.budget.state.closed_until_ms,
            )
        )  # fmt: skip
        self.metrics.probes.insert(0, probes.exchange(session, self.clock))  # before those that end without Redis

    async def pause(self, duration_ms: int) -> None:
        """Wait that long, or until the daemon is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration_ms / 1000):
                await self.stop.wait()

    async def run(self, *loops: Coroutine[None, None, None], owns: Sequence[str] = ()) -> None:
        """Run the loops side by side until the daemon is to stop. The first that breaks ends all. `owns` are the
        streams that this service writes, and therefore trims."""
        self.status = "running"
        self.notifier.ready()
        tasks = [asyncio.create_task(loop) for loop in loops]
        tasks.append(asyncio.create_task(self.every(TRIM_EVERY_MS, lambda: self._trim(owns))))
        stopping = asyncio.create_task(self.stop.wait())
        try:
            done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stopping not in done:
                for task in done:
                    task.result()
                raise RuntimeError("a loop of the service ended by itself")
            self.status = "stopping"
            _, late = await asyncio.wait(tasks, timeout=self.stop_within_s)
            if late:
                self.log.warning("still busy at the stop; what is pending is taken up at the next start")
        finally:
            self.stop.set()  # a cancellation that a client's connect swallowed must not leave a loop running
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    def fit(self) -> tuple[bool, str]:
        """Return whether the service runs as it should, and what it does in words."""
        if not self.progress.redis_up:
            return False, "redis is out of reach"
        if self.stuck:
            return False, f"stuck: {self.stuck}"
        return self.status == "running", self.status

    async def _show(self, metrics: Metrics) -> None:
        """Show the process itself: what it is needs no Redis, so that it stands there also without one."""
        metrics.set(catalogue.BUILD, 1, build_id())
        metrics.set(catalogue.STARTED, self.started_ms / 1000)
        metrics.set(catalogue.RUNNING, self.status == "running")
        metrics.set(catalogue.STUCK, bool(self.stuck))
        if self.lease_held is not None:
            metrics.set(catalogue.LEASE, self.lease_held)
        if self.progress.last_message_ms:
            metrics.set(catalogue.LAST_MESSAGE, self.progress.last_message_ms / 1000)
        await self.redis.ping()

    async def _trim(self, streams: Sequence[str]) -> None:
        now_ms, keep_ms = self.clock.now_ms(), self.settings.quantum_stream_keep_ms
        await trim(self.redis, streams, keep_ms, now_ms)

    async def heartbeat(self) -> None:
        """Write the heartbeat: who runs since when, and whether it makes progress."""
        now_ms, key = self.clock.now_ms(), self.keys.heartbeat(self.service)
        quiet_ms = now_ms - self.progress.last_message_ms if self.progress.last_message_ms else 0
        fields = {
            "pid": os.getpid(),
            "version": build_id(),
            "started_ms": self.started_ms,
            "ts_ms": now_ms,
            "status": f"stuck: {self.stuck}" if self.stuck else self.status,
            "mode": self.mode,
            "lag": quiet_ms,
            "handled": self.progress.handled,
            "dead": self.progress.dead,
            "lost": self.progress.lost,
            "last_message_ms": self.progress.last_message_ms,
        }
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.hset(key, mapping={name: str(value) for name, value in fields.items()})
            pipe.pexpire(key, HEARTBEAT_TTL_MS)
            await pipe.execute()
        self.heard_redis_ms = self.clock.now_ms()
