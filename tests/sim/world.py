"""Virtual time and the scheduler: every port call is a step, and the seed decides its delay, its loss and its end.

A coroutine of a service awaits only `Call`s. A call travels (delay), takes effect (at one instant), and its answer
travels back. On the way the process may be killed or stopped, the request or the answer may be lost.
"""

import heapq
import random
import traceback
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from redis.exceptions import OutOfMemoryError

from quantum_common.lease import LeaseLost

START_MS = 1_700_000_000_000
TRACE_LINES = 4000


class Fault(StrEnum):
    """What may happen to a call and its caller."""

    NONE = "none"
    KILL_BEFORE = "kill_before"
    REQUEST_LOST = "request_lost"
    KILL_AFTER = "kill_after"
    ANSWER_LOST = "answer_lost"


@dataclass(slots=True)
class Call:
    """One awaited port call. `lost` makes the error that a lost answer looks like; None: it cannot be lost."""

    label: str
    effect: Callable[[], Any]
    delay_ms: tuple[int, int]
    lost: Callable[[], Exception] | None = None
    timeout_ms: int = 0
    park: Callable[["Task"], bool] | None = None

    def __await__(self) -> Generator["Call", Any, Any]:
        """Hand the call to the scheduler and return its answer."""
        return (yield self)


@dataclass(slots=True, eq=False)
class Task:
    """One coroutine of a process."""

    process: "Process"
    name: str
    coroutine: Coroutine[Any, Any, None]
    alive: bool = True


@dataclass(eq=False)
class Process:
    """A daemon: killed as one, stopped as one, started again by its supervisor. `host` tells instances apart."""

    name: str
    main: Callable[["Process"], Coroutine[Any, Any, None]]
    host: str = "one"
    tasks: dict[Task, None] = field(default_factory=dict)
    lives: int = 0
    skew_ms: int = 0
    down: bool = True
    stopped_until_ms: int = 0


@dataclass
class Odds:
    """How likely each fault is, per step; a seed switches some of them off."""

    kill: float = 0.0
    lost: float = 0.0
    slow: float = 0.0
    stop: float = 0.0
    torn: float = 0.0
    forget: float = 0.0
    redis_down: float = 0.0
    redis_full: float = 0.0

    @property
    def table(self) -> tuple[tuple[float, Fault], ...]:
        """Return the faults of a call with their cumulative odds."""
        return (
            (self.kill / 2, Fault.KILL_BEFORE),
            (self.kill, Fault.KILL_AFTER),
            (self.kill + self.lost / 2, Fault.REQUEST_LOST),
            (self.kill + self.lost, Fault.ANSWER_LOST),
        )


class World:
    """The scheduler. Everything that is random comes from `rng`, everything that is time from `now_ms`."""

    def __init__(self, seed: int, odds: Odds, *, trace: bool = False) -> None:
        self.rng = random.Random(seed)
        self.odds = odds
        self.now_ms = START_MS
        self.faulty = True
        self.steps = 0
        self.faults: Counter[str] = Counter()
        self.probes: Counter[str] = Counter()
        self.crashes: list[str] = []
        self.lines: deque[str] | None = deque(maxlen=TRACE_LINES) if trace else None
        self.judge: Callable[[Task, Call], Fault] = self._by_chance
        self.processes: list[Process] = []
        self._table = odds.table
        self._digest = sha256()
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0

    @property
    def trace_hash(self) -> str:
        """Return the hash of everything that was said so far: equal only where the same happened."""
        return self._digest.hexdigest()

    def say(self, *words: object) -> None:
        """Add a line to the trace, where one is kept."""
        if self.lines is not None:
            line = f"{self.now_ms - START_MS:>7} " + " ".join(str(word) for word in words)
            self._digest.update(line.encode())
            self.lines.append(line)

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Do something after a delay."""
        self._order += 1
        heapq.heappush(self._queue, (self.now_ms + delay_ms, self._order, act))

    def run(self, until_ms: int) -> None:
        """Take steps until a time."""
        while self._queue and self._queue[0][0] <= until_ms:
            self.now_ms, _, act = heapq.heappop(self._queue)
            act()
            self.steps += 1
        self.now_ms = max(self.now_ms, until_ms)

    # --- processes -------------------------------------------------------------------------------------------------

    def add(self, process: Process) -> None:
        """Start a process."""
        self.processes.append(process)
        self.later(self.rng.randint(0, 20), lambda: self.start(process))

    def start(self, process: Process) -> None:
        """Begin a new life of a process."""
        process.lives += 1
        process.down = False
        self.say(process.name, "starts, life", process.lives)
        self.spawn(process, "main", process.main(process))

    def spawn(self, process: Process, name: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        """Run a coroutine as part of a process."""
        task = Task(process, name, coroutine)
        process.tasks[task] = None
        self.later(0, lambda: self.resume(task, None, None))
        return task

    def kill(self, process: Process, why: str) -> None:
        """End a process where it stands, and start it again later."""
        if process.down:
            return
        self.say(process.name, "KILLED", why)
        process.down = True
        process.stopped_until_ms = 0
        for task in process.tasks:
            task.alive = False
            task.coroutine.close()
        process.tasks.clear()
        self.later(self.rng.randint(50, 3000), lambda: self.start(process))

    def stop(self, process: Process, duration_ms: int) -> None:
        """Stop a process as SIGSTOP does: what it waits for arrives, and it sees it only when it wakes."""
        self.say(process.name, "STOPPED for", duration_ms, "ms")
        process.stopped_until_ms = max(process.stopped_until_ms, self.now_ms + duration_ms)

    def close(self) -> None:
        """End every process for good."""
        for process in self.processes:
            for task in process.tasks:
                task.alive = False
                task.coroutine.close()
            process.tasks.clear()

    # --- calls -------------------------------------------------------------------------------------------------------

    def resume(self, task: Task, value: Any, error: BaseException | None) -> None:
        """Give a coroutine its answer, and send off its next call."""
        if not task.alive:
            return
        if self._stopped(task.process):
            self.later(task.process.stopped_until_ms - self.now_ms, lambda: self.resume(task, value, error))
            return
        try:
            call = task.coroutine.throw(error) if error is not None else task.coroutine.send(value)
        except StopIteration:
            task.alive = False
            task.process.tasks.pop(task, None)
            return
        except Exception as broken:  # noqa: BLE001 - what a daemon dies of is judged, then it is started again
            self._died(task, broken)
            return
        low, high = call.delay_ms
        delay = self.rng.randint(low, high) if high > low else low
        if self.faulty and self.odds.slow and call.lost is not None and self.rng.random() < self.odds.slow:
            self.faults["slow"] += 1
            delay += self.rng.randint(1, 6000)
        if call.timeout_ms and delay > call.timeout_ms and call.lost is not None:
            # The caller gives up; its request is still on the way, and arrives.
            gone = call.lost()
            self.faults["timeout"] += 1
            self.later(delay, lambda: self._late(call))
            self.later(call.timeout_ms, lambda: self.resume(task, None, gone))
            return
        self.later(delay, lambda: self._arrive(task, call))

    def _stopped(self, process: Process) -> bool:
        """Return whether a process is stopped, which may happen to it now."""
        if self.faulty and self.odds.stop and self.rng.random() < self.odds.stop:
            self.faults["stopped"] += 1
            self.stop(process, self.rng.choice((800, 3000, 6000, 12_000)))
        return process.stopped_until_ms > self.now_ms

    def _late(self, call: Call) -> None:
        self.say("a request arrives late:", call.label, "->", self._effect(call))

    def _died(self, task: Task, broken: Exception) -> None:
        """A coroutine raised: its process dies of it. Expected ends: a peer out of reach or full, a lost lease."""
        if isinstance(broken, LeaseLost | OutOfMemoryError):
            self.probes[type(broken).__name__] += 1
        elif not isinstance(broken, OSError | ConnectionError) and "Unavailable" not in type(broken).__name__:
            where = traceback.extract_tb(broken.__traceback__)[-1]
            what, at = f"{type(broken).__name__}: {broken}", f"{where.name}:{where.lineno}"
            self.crashes.append(f"CRASH {task.process.name}/{task.name}: {what} ({at})")
        self.kill(task.process, f"{task.name} raised {broken!r}")

    def _by_chance(self, task: Task, call: Call) -> Fault:
        """Given a call that can be lost, choose its fault by the odds."""
        roll = self.rng.random()
        return next((fault for odds, fault in self._table if roll < odds), Fault.NONE)

    def _arrive(self, task: Task, call: Call) -> None:
        """The call is where it goes: lose it, let it take effect, lose its answer, or answer."""
        if not task.alive:
            # The process died with the request on its way: the request arrives all the same.
            if call.lost is not None and self.rng.random() < 0.5:
                self._effect(call)
            return None
        fault = self.judge(task, call) if self.faulty and call.lost is not None else Fault.NONE
        if fault is not Fault.NONE:
            self.faults[fault] += 1
            self.say(task.process.name, fault, call.label)
        if fault is Fault.KILL_BEFORE:
            self.probes[f"{fault} {call.label.partition(' ')[0]}"] += 1
            return self.kill(task.process, f"before {call.label}")
        if fault is Fault.REQUEST_LOST:
            return self.resume(task, None, call.lost())  # type: ignore[misc]
        if call.park is not None and call.park(task):
            return None
        value, error = self._effect(call)
        if fault is not Fault.NONE and error is None:
            self.probes[f"{fault} {call.label.partition(' ')[0]}"] += 1
        if self.lines is not None and call.lost is not None:
            answer = repr(value) if error is None else f"{type(error).__name__}: {error}"
            self.say(f"{task.process.name}/{task.name}", call.label, "->", answer[:160])
        if fault is Fault.KILL_AFTER:
            return self.kill(task.process, f"after {call.label}")
        if fault is Fault.ANSWER_LOST:
            value, error = None, call.lost()  # type: ignore[misc]
        return self.resume(task, value, error)

    @staticmethod
    def _effect(call: Call) -> tuple[Any, BaseException | None]:
        try:
            return call.effect(), None
        except Exception as error:  # noqa: BLE001 - the effect's error is the call's answer
            return None, error


class SimClock:
    """A process's clock: virtual, and a little off the exchange's."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    def now_ms(self) -> int:
        """Return virtual time with this process's skew."""
        return self._world.now_ms + self._process.skew_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        """Wait in virtual time."""
        await Call(f"sleep {duration_ms}", lambda: None, (max(duration_ms, 0),) * 2)
