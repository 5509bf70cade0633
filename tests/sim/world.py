"""Virtual time and the scheduler: every port call is a step, and the seed decides its delay, its loss and its end.

A coroutine of a service awaits only `Call`s. A call travels (delay), takes effect (at one instant), and its answer
travels back. On the way the process may be killed, the request or the answer may be lost.
"""

import heapq
import random
import traceback
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any

START_MS = 1_700_000_000_000


class Killed(BaseException):
    """Thrown into nothing: a killed coroutine is closed, it never sees why."""


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
    """One coroutine of a process, and the call that it waits for."""

    process: "Process"
    name: str
    coroutine: Coroutine[Any, Any, None]
    call: Call | None = None
    alive: bool = True


@dataclass(eq=False)
class Process:
    """A daemon: killed as one, started again by its supervisor."""

    name: str
    main: Callable[["Process"], Coroutine[Any, Any, None]]
    tasks: set[Task] = field(default_factory=set)
    lives: int = 0
    skew_ms: int = 0
    down: bool = True


@dataclass
class Odds:
    """How likely each fault is, per step; a seed switches some of them off."""

    kill: float = 0.0
    lost: float = 0.0
    slow: float = 0.0
    torn: float = 0.0
    forget: float = 0.0
    redis_down: float = 0.0


class World:
    """The scheduler. Everything that is random comes from `rng`, everything that is time from `now_ms`."""

    def __init__(self, seed: int, odds: Odds, *, trace: bool = False) -> None:
        self.rng = random.Random(seed)
        self.odds = odds
        self.now_ms = START_MS
        self.faulty = True
        self.steps = 0
        self.faults: Counter[str] = Counter()
        self.crashes: list[str] = []
        self.lines: deque[str] | None = deque(maxlen=4000) if trace else None
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self.processes: list[Process] = []

    def say(self, *words: object) -> None:
        """Add a line to the trace, where one is kept."""
        if self.lines is not None:
            self.lines.append(f"{self.now_ms - START_MS:>7} " + " ".join(str(word) for word in words))

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Do something after a delay."""
        self._order += 1
        heapq.heappush(self._queue, (self.now_ms + delay_ms, self._order, act))

    def run(self, until_ms: int, stop: Callable[[], bool] | None = None, every: int = 50) -> bool:
        """Take steps until a time, or until `stop` holds (asked every so many steps). Return whether it held."""
        while self._queue and self._queue[0][0] <= until_ms:
            self.now_ms, _, act = heapq.heappop(self._queue)
            act()
            self.steps += 1
            if stop is not None and self.steps % every == 0 and stop():
                return True
        self.now_ms = max(self.now_ms, until_ms)
        return stop is not None and stop()

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
        process.tasks.add(task)
        self.later(0, lambda: self.resume(task, None, None))
        return task

    def kill(self, process: Process, why: str) -> None:
        """End a process where it stands, and start it again later."""
        if process.down:
            return
        self.say(process.name, "KILLED", why)
        process.down = True
        for task in process.tasks:
            task.alive = False
            task.coroutine.close()
        process.tasks.clear()
        self.later(self.rng.randint(50, 3000), lambda: self.start(process))

    # --- calls -------------------------------------------------------------------------------------------------------

    def resume(self, task: Task, value: Any, error: BaseException | None) -> None:
        """Give a coroutine its answer, and send off its next call."""
        if not task.alive:
            return
        try:
            call = task.coroutine.throw(error) if error is not None else task.coroutine.send(value)
        except StopIteration:
            task.alive = False
            task.process.tasks.discard(task)
            return
        except Exception as broken:  # noqa: BLE001 - what a daemon dies of is judged, then it is started again
            self._died(task, broken)
            return
        task.call = call
        low, high = call.delay_ms
        delay = self.rng.randint(low, high)
        if self.faulty and self.odds.slow and self.rng.random() < self.odds.slow:
            self.faults["slow"] += 1
            delay += self.rng.randint(1, 6000)
        if call.timeout_ms and delay > call.timeout_ms and call.lost is not None:
            # The caller gives up; its request is still on the way, and arrives.
            error = call.lost()
            self.faults["timeout"] += 1
            self.later(delay, lambda: self._late(call))
            self.later(call.timeout_ms, lambda: self.resume(task, None, error))
            return
        self.later(delay, lambda: self._arrive(task, call))

    def _late(self, call: Call) -> None:
        self.say("a request arrives late:", call.label, "->", self._effect(call))

    def _died(self, task: Task, broken: Exception) -> None:
        """A coroutine raised: its process dies of it. Only a peer out of reach is an expected end."""
        if not isinstance(broken, OSError | ConnectionError) and "Unavailable" not in type(broken).__name__:
            where = traceback.extract_tb(broken.__traceback__)[-1]
            what, at = f"{type(broken).__name__}: {broken}", f"{where.name}:{where.lineno}"
            self.crashes.append(f"CRASH {task.process.name}/{task.name}: {what} ({at})")
        self.kill(task.process, f"{task.name} raised {broken!r}")

    def _arrive(self, task: Task, call: Call) -> None:
        """The call is where it goes: lose it, let it take effect, lose its answer, or answer."""
        if not task.alive:
            # The process died with the request on its way: the request arrives all the same.
            if call.lost is not None and self.rng.random() < 0.5:
                self._effect(call)
            return
        odds, chance = self.odds, self.rng.random
        losable = call.lost is not None and self.faulty
        if losable and odds.kill and chance() < odds.kill / 2:
            self.faults["kill_before"] += 1
            self.kill(task.process, f"before {call.label}")
            return
        if losable and odds.lost and chance() < odds.lost / 2:
            self.faults["request_lost"] += 1
            self.say(task.process.name, "request lost:", call.label)
            self.resume(task, None, call.lost())  # type: ignore[misc]
            return
        if call.park is not None and call.park(task):
            return
        value, error = self._effect(call)
        if self.lines is not None and call.lost is not None:
            self.say(f"{task.process.name}/{task.name}", call.label, "->", repr(error or value)[:160])
        if not task.alive:
            return
        if losable and odds.kill and chance() < odds.kill / 2:
            self.faults["kill_after"] += 1
            self.kill(task.process, f"after {call.label}")
            return
        if losable and odds.lost and chance() < odds.lost / 2:
            self.faults["answer_lost"] += 1
            self.say(task.process.name, "answer lost:", call.label)
            value, error = None, call.lost()  # type: ignore[misc]
        self.resume(task, value, error)

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
