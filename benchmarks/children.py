"""Children of a benchmark: started in order, waited for, and stopped in the reverse order, each by its own pid."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.processes import usage
from services.cli.process import last_words, spawn

STOP_WITHIN_S = 12.0
POLL_S = 0.02


class BenchmarkFailed(Exception):
    """A benchmark cannot go on; the text says what happened, and what the processes complained of last."""


@dataclass
class Child:
    """One process of ours."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self.process.pid

    def stop(self) -> None:
        """Ask it to end and wait until it has; kill it where it does not."""
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Children:
    """All processes that one benchmark has started. A context manager: at its end none of them is left."""

    folder: Path
    environment: Mapping[str, str]
    found: dict[str, Child] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(list(self.found)):
            self.stop(name)

    def start(self, name: str, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Child:
        """Given a name, a module and its arguments, start it as a process of its own. It dies with us."""
        log = self.folder / f"{name}.log"
        command = [sys.executable, "-m", module, *arguments]
        child = Child(name, spawn(command, log, environment or self.environment), log)
        self.found[name] = child
        return child

    def stop(self, name: str) -> None:
        """Given a name, end that child; one that is not there is left alone."""
        child = self.found.pop(name, None)
        if child is not None:
            child.stop()

    def finish(self, name: str) -> None:
        """Given a name, ask that child to end. Raise BenchmarkFailed where it does not end in good order."""
        child = self.found.pop(name)
        child.stop()
        if child.process.returncode != 0:
            words = last_words(child.log) or "no word"
            raise BenchmarkFailed(f"{name} ended with status {child.process.returncode}: {words}")

    def wait_until(self, ready: Callable[[], bool], what: str, within_s: float, poll_s: float = POLL_S) -> None:
        """Given a condition and its name, wait until it holds. Raise BenchmarkFailed where a child ends first, or the
        time does."""
        deadline_s = time.monotonic() + within_s
        while not ready():
            self.require_alive()
            if time.monotonic() > deadline_s:
                raise BenchmarkFailed(f"{what}: not within {within_s:g} s{self._last_words()}")
            time.sleep(poll_s)

    def _last_words(self) -> str:
        """Return what each child complained of last; the logs go with the folder."""
        words = {child.name: last_words(child.log) for child in self.found.values()}
        return "".join(f"; {name}: {text}" for name, text in words.items() if text)

    def cpu_s(self, names: Iterable[str]) -> float:
        """Given the names of children, return the processor time that they have used so far, in seconds."""
        return sum(usage(self.found[name].pid).cpu_s for name in names)

    def require_alive(self) -> None:
        """Raise BenchmarkFailed where a child has ended by itself."""
        for child in self.found.values():
            status = child.process.poll()
            if status is not None:
                raise BenchmarkFailed(f"{child.name} ended with status {status}: {last_words(child.log) or 'no word'}")
