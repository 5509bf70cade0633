"""Keeps a list of children running, in order, and stops them in reverse order within a bound.

A child that dies is started again after a growing pause; one that ends with status 78 (a setting that an operator must
mend) or dies again and again right after its start ends the whole run.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from quantum_common.settings import EXIT_CONFIG
from services.cli.complaint import Complaint
from services.cli.process import last_words

BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
HEALTHY_AFTER_S = 20.0  # a child that ran so long starts with the shortest pause again
DEATHS_MAX = 8  # so many in a row without a healthy stretch: the run makes no sense
ONE_BY_ONE_S = 2.0  # how long the next child waits with its stop for the one before it
FOUNDATIONS_S = 4.0  # of the bound, kept for Redis and the exchange: whoever needs them goes first
POLL_S = 0.02

Start = Callable[[], subprocess.Popen[bytes]]


@dataclass
class Child:
    """One process of the run: how it is started, where it logs, how it fares. Times are of the monotonic clock.
    A foundation is what the others cannot even stop without."""

    name: str
    start: Start
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    deaths: int = 0
    restarts: int = 0
    due_s: float | None = None
    wanted: bool = True
    foundation: bool = False

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None


class Supervisor:
    """Runs children. `say` is told in one line whatever an operator wants to know of them."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.children: list[Child] = []
        self._say = say
        self._clock = clock

    def add(self, child: Child) -> None:
        """Given a child, start it and keep it running. Raise Complaint where it cannot be started at all."""
        self.children.append(child)
        self._start(child)

    def child(self, name: str) -> Child:
        """Return the child of that name. Raise KeyError where there is none."""
        for child in self.children:
            if child.name == name:
                return child
        raise KeyError(name)

    def poll(self) -> bool:
        """Look after every child; return whether one was started again. Raise Complaint where the run must end."""
        restarted = False
        now_s = self._clock()
        for child in self.children:
            if not child.wanted or child.process is None:
                continue
            if child.due_s is not None:
                if now_s >= child.due_s:
                    child.due_s = None
                    child.restarts += 1
                    self._start(child)
                    restarted = True
                continue
            status = child.process.poll()
            if status is not None:
                self._mourn(child, status, now_s)
        return restarted

    def stop_one(self, name: str, within_s: float) -> None:
        """Given a child's name, end it for good: politely, then by force. A name without a child is left alone."""
        for child in self.children:
            if child.name == name:
                child.wanted = False
                _ask_to_end(child)
                self._wait((child,), self._clock() + within_s)
                _kill(child)

    def stop(self, within_s: float) -> Sequence[str]:
        """Stop every child in reverse order within the bound; return the names of those that had to be killed.

        One that is slow delays the next one only a little; the foundations stay until everyone else is gone.
        """
        deadline_s = self._clock() + within_s
        backwards = self.children[::-1]
        for children, until_s in (
            ([child for child in backwards if not child.foundation], deadline_s - FOUNDATIONS_S),
            ([child for child in backwards if child.foundation], deadline_s),
        ):
            for child in children:
                child.wanted = False
                _ask_to_end(child)
                self._wait((child,), min(self._clock() + ONE_BY_ONE_S, until_s))
            self._wait(children, until_s)
        killed = [child.name for child in self.children if child.pid is not None]
        for child in self.children:
            _kill(child)
        return killed

    def _wait(self, children: Sequence[Child], until_s: float) -> None:
        while any(child.pid is not None for child in children) and self._clock() < until_s:
            time.sleep(POLL_S)

    def _start(self, child: Child) -> None:
        try:
            child.process = child.start()
        except OSError as error:
            raise Complaint(f"{child.name} cannot be started: {error}", status=1) from None
        child.started_s = self._clock()

    def _mourn(self, child: Child, status: int, now_s: float) -> None:
        """Decide what follows a child's death."""
        words = last_words(child.log)
        if status == EXIT_CONFIG:
            raise Complaint(words or f"{child.name} refuses its settings; see {child.log}", EXIT_CONFIG)
        child.deaths = 1 if now_s - child.started_s >= HEALTHY_AFTER_S else child.deaths + 1
        manner = f"was killed by {_signal_name(-status)}" if status < 0 else f"ended with status {status}"
        if child.deaths >= DEATHS_MAX:
            raise Complaint(f"{child.name} {manner} {child.deaths} times in a row: {words or 'no word'}", status=1)
        told = words and status != -signal.SIGKILL  # who is killed outright has said nothing of it
        pause_s = BACK_OFF_S[min(child.deaths, len(BACK_OFF_S)) - 1]
        child.due_s = now_s + pause_s
        self._say(f"{child.name} {manner}; starting it again in {pause_s:g} s" + (f" ({words})" if told else ""))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _ask_to_end(child: Child) -> None:
    if child.pid is not None and child.process is not None:
        with suppress(ProcessLookupError):
            child.process.terminate()


def _kill(child: Child) -> None:
    if child.process is not None:
        with suppress(ProcessLookupError):
            child.process.kill()
        child.process.wait()
