"""What makes a service a daemon: the only event loop, signals, heartbeats, exit statuses.

A daemon exits with 0 after SIGTERM or SIGINT, with 78 on a setting that an operator must mend (one line says which),
and with 1 on a broken invariant, so that systemd starts it again.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NoReturn, TypeVar

import uvloop

from quantum_common.clock import SystemClock
from quantum_common.durability import DurabilityRefused, require_durable
from quantum_common.exchange.port import ConfigurationRefused
from quantum_common.keys import HEARTBEAT_TTL_MS, Keys
from quantum_common.lease import Lease, LeaseLost
from quantum_common.log import Log, setup
from quantum_common.redis_client import UNREACHABLE, Redis, connect
from quantum_common.settings import EXIT_CONFIG, CommonSettings, SettingsError, load, shown, without_password
from quantum_common.stream import Consumer, Handler, Lane, Progress, symbol_lane, trim
from quantum_common.version import build_id

HEARTBEAT_EVERY_MS = 2_000
TRIM_EVERY_MS = 60_000
STOP_WITHIN_S = 8.0

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
    status: str = "starting"

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
            lane=lane, recover=recover, progress=self.progress,
        )  # fmt: skip
        return consumer.run(self.stop)

    async def every(self, period_ms: int, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step at once and again `period_ms` after each, until stopped; Redis out of reach is waited for."""
        while not self.stop.is_set():
            try:
                await step()
            except UNREACHABLE as error:
                self.log.warning("redis is gone; trying again", error=str(error))
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
                self.log.warning("redis is gone; trying again", error=str(error))
                await self.pause(500)

    @contextlib.asynccontextmanager
    async def leased(self) -> AsyncIterator[Lease | None]:
        """Hold this service's lease for as long as the context lasts; None where the daemon stopped before it had it.

        The holder runs `lease.renew` as one of its loops.
        """
        lease = Lease(self.redis, self.keys.lease(self.service), self.settings.quantum_lease_ms, self.log)
        self.status = "waiting for the lease"
        if not await lease.acquire(self.pause, self.stop.is_set):
            yield None
            return
        try:
            yield lease
        finally:
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

    async def pause(self, duration_ms: int) -> None:
        """Wait that long, or until the daemon is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration_ms / 1000):
                await self.stop.wait()

    async def run(self, *loops: Coroutine[None, None, None], owns: Sequence[str] = ()) -> None:
        """Run the loops side by side until the daemon is to stop. The first that breaks ends all. `owns` are the
        streams that this service writes, and therefore trims."""
        self.status = "running"
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
            _, late = await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
            if late:
                self.log.warning("still busy at the stop; what is pending is taken up at the next start")
        finally:
            self.stop.set()  # a cancellation that a client's connect swallowed must not leave a loop running
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    async def _trim(self, streams: Sequence[str]) -> None:
        now_ms, keep_ms = self.clock.now_ms(), self.settings.quantum_stream_keep_ms
        await trim(self.redis, streams, keep_ms, now_ms)

    async def heartbeat(self, started_ms: int) -> None:
        """Write the heartbeat: who runs since when, and whether it makes progress."""
        now_ms, key = self.clock.now_ms(), self.keys.heartbeat(self.service)
        quiet_ms = now_ms - self.progress.last_message_ms if self.progress.last_message_ms else 0
        fields = {
            "pid": os.getpid(),
            "version": build_id(),
            "started_ms": started_ms,
            "ts_ms": now_ms,
            "status": self.status,
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


def run_daemon(service: str, settings: type[S], start: Callable[[Runtime[S]], Awaitable[None]]) -> NoReturn:
    """Given a service's name, its settings class and its start, run it until a signal. Exits the process."""
    try:
        values = load(settings, service)
        runtime = Runtime(
            service, values, connect(values), Keys(values.quantum_key_prefix), setup(values.quantum_log_level, service)
        )
    except SettingsError as error:
        sys.stderr.write(f"quantum-{service}: {error}\n")
        sys.exit(EXIT_CONFIG)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_supervise(runtime, start)))


async def _supervise(runtime: Runtime[S], start: Callable[[Runtime[S]], Awaitable[None]]) -> int:
    """Run a service between its signals; return the process's exit status."""
    asked = asyncio.Event()

    def end() -> None:
        asked.set()
        runtime.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    log, started_ms = runtime.log, runtime.clock.now_ms()
    log.info("starting", build=build_id(), settings=shown(runtime.settings))
    if not await _wait_for_redis(runtime):
        return 0
    beat = asyncio.create_task(runtime.every(HEARTBEAT_EVERY_MS, lambda: runtime.heartbeat(started_ms)))
    body = asyncio.create_task(_body(runtime, start))
    stopping = asyncio.create_task(runtime.stop.wait())
    try:
        # A start that waits for a peer is not stuck: after the signal it has its time, then it is cut off.
        await asyncio.wait({body, stopping}, return_when=asyncio.FIRST_COMPLETED)
        done, _ = await asyncio.wait({body}, timeout=STOP_WITHIN_S + 1)
        if not done and not asked.is_set():
            log.error("a loop broke, and the others did not end")
            return 1
        if done:
            body.result()
    except (SettingsError, ConfigurationRefused, DurabilityRefused) as error:
        log.error("refusing to run", reason=str(error))
        return EXIT_CONFIG
    except LeaseLost as error:
        log.error("lease lost; ending, so that the next start waits for it", reason=str(error))
        return 1
    except Exception as error:  # the last word of a process that dies of a broken invariant
        log.error("broken invariant; exiting", error=f"{type(error).__name__}: {error}", exc_info=error)
        return 1
    finally:
        runtime.stop.set()
        for task in (beat, body, stopping):
            task.cancel()
        await asyncio.gather(beat, body, stopping, return_exceptions=True)
        with contextlib.suppress(*UNREACHABLE):
            await runtime.redis.delete(runtime.keys.heartbeat(runtime.service))
        await runtime.redis.aclose()
        log.info("stopped", handled=runtime.progress.handled, dead=runtime.progress.dead)
    return 0


async def _body(runtime: Runtime[S], start: Callable[[Runtime[S]], Awaitable[None]]) -> None:
    await require_durable(runtime.redis, runtime.settings, runtime.log)
    await start(runtime)


async def _wait_for_redis(runtime: Runtime[S]) -> bool:
    """Wait until Redis answers. Return False where the daemon is to stop before that."""
    said = False
    while not runtime.stop.is_set():
        try:
            await runtime.redis.ping()
        except UNREACHABLE as error:
            if not said:
                runtime.log.warning(
                    "waiting for redis", url=without_password(runtime.settings.quantum_redis_url), error=str(error)
                )
            said = True
            await runtime.pause(500)
        else:
            return True
    return False
