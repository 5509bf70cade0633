"""The daemon's loop: look, decide, write down, tell. Looks and deliveries run side by side, so that a webhook that
hangs delays no look."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quantum_common.clock import Clock
from quantum_common.log import Log
from quantum_common.notify import Notifier
from services.cli.alerts.channels import Channel, NotDelivered
from services.cli.alerts.decide import Policy, decide
from services.cli.alerts.look import Seen
from services.cli.alerts.record import Record, read_acknowledged, write_record
from services.cli.complaint import Complaint

WRITTEN_EVERY_MS = 30_000  # where nothing but the time of the last look is new: `quantum alerts list` wants that too

Look = Callable[[], Coroutine[Any, Any, Seen]]


@dataclass
class Watcher:
    """Watches one pipeline and tells what is wrong with it. `record` is what the file holds."""

    look: Look
    channels: Sequence[Channel]
    policy: Policy
    state: Path
    every_ms: int
    clock: Clock
    log: Log
    record: Record
    notifier: Notifier = field(default_factory=Notifier)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._names = [channel.name for channel in self.channels]
        self.record = self.record.model_copy(update={"outbox": self.record.outbox.only(self._names)})
        self._news = asyncio.Event()
        self._written_ms = 0

    async def run(self) -> None:
        """Watch until told to stop. What is not told by then is told after the next start."""
        tasks = [asyncio.create_task(loop) for loop in (self._watch(), *map(self._tell, self.channels))]
        stopping = asyncio.create_task(self.stop.wait())
        try:
            done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.notifier.stopping()
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    async def _watch(self) -> None:
        self.notifier.ready()
        while not self.stop.is_set():
            await self.step()
            self.notifier.progress()
            self.notifier.status(f"{len(self.record.standing)} standing, {len(self.record.outbox.parcels)} to be told")
            await self._pause(self.every_ms)

    async def step(self) -> None:
        """Look once, and write down what follows from it before any of it is told."""
        seen = await self.look()
        now_ms = self.clock.now_ms()
        before = {one.key: one for one in self.record.standing}
        notices, standing = decide(seen.checks, before, self._acknowledged(), self.policy, now_ms, whole=seen.whole)
        outbox = self.record.outbox.put(notices, self._names)
        if outbox.dropped > self.record.outbox.dropped:
            self.log.error("alerts were dropped: too many wait to be delivered", dropped=outbox.dropped)
        for notice in notices:
            self.log.warning("alert", kind=notice.kind, check=notice.name, subject=notice.subject, text=notice.text)
        record = Record(looked_ms=now_ms, standing=tuple(standing.values()), outbox=outbox)
        same = (record.standing, record.outbox) == (self.record.standing, self.record.outbox)
        if same and now_ms - self._written_ms < WRITTEN_EVERY_MS:
            self.record = record
        else:
            self._write(record)
        if notices:
            self._news.set()

    def _acknowledged(self) -> dict[tuple[str, str], int]:
        """Return what operators have taken note of. A file that cannot be read mutes nothing."""
        try:
            return read_acknowledged(self.state).since
        except Complaint as complaint:
            self.log.warning("acknowledgements cannot be read; none counts", reason=str(complaint))
            return {}

    async def _tell(self, channel: Channel) -> None:
        """Deliver what a channel has to, one after the other, each until it gets through."""
        while not self.stop.is_set():
            parcel = self.record.outbox.next(channel.name)
            if parcel is None:
                self._news.clear()
                await self._news.wait()
                continue
            wait_ms = parcel.due_ms - self.clock.now_ms()
            if wait_ms > 0:
                await self._pause(wait_ms)
                continue
            try:
                await channel.deliver(parcel.notice)
            except NotDelivered as error:
                self.log.warning("an alert was not delivered; trying again", channel=channel.name, reason=str(error))
                outbox = self.record.outbox.failed(parcel, self.clock.now_ms())
            else:
                outbox = self.record.outbox.delivered(parcel)
            self._write(self.record.model_copy(update={"outbox": outbox}))

    def _write(self, record: Record) -> None:
        """Remember, also on disk. A disk that is full must not keep anybody from being told."""
        self.record, self._written_ms = record, record.looked_ms
        try:
            write_record(self.state, record)
        except OSError as error:
            self.log.error("the alerts' state cannot be written; a restart may repeat or lose", error=str(error))

    async def _pause(self, duration_ms: int) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(duration_ms / 1000):
                await self.stop.wait()
