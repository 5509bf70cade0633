"""`python -m tests.chaos.aof` cuts the file at every byte of each script's first run, and tears every run of each.

`--every N` takes each N-th byte only; `--server FILE` takes that server alone, such as /usr/bin/redis-server. The last
line reads `scripts=N cuts=N torn=N wrong=0`; the status is 1 otherwise.
"""

import argparse
import asyncio
import logging
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from tests.chaos.aof.cutting import Bench, bytes_of
from tests.chaos.aof.scenario import Written, live
from tests.chaos.aof.server import binaries

CHUNK = 64


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do to one script's run: cut at a byte, or keep so many commands."""

    index: int
    kind: str
    at: int


@dataclass
class Worker:
    """What one process of the pool works with."""

    bench: Bench
    written: Sequence[Written]

    def do(self, task: Task) -> tuple[Task, list[str]]:
        """Given a task, return it with what is wrong after it."""
        one = self.written[task.index]
        if task.kind == "torn":
            return task, asyncio.run(self.bench.torn_at(one, task.at))
        return task, asyncio.run(self.bench.cut_at(one, task.at))


_workers: list[Worker] = []


def main() -> int:
    """Cut with every server at hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.aof", description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--server", type=Path, metavar="FILE")
    given = parser.parse_args()
    _be_quiet()
    return max(cut_all(binary, given.every) for binary in ((given.server,) if given.server else binaries()))


def cut_all(binary: Path, every: int) -> int:
    """Given a server and a stride, do everything to every script and say what came of it. Return the status."""
    with tempfile.TemporaryDirectory(prefix="aof-") as name:
        base = Path(name) / "base"
        base.mkdir()
        written = asyncio.run(live(binary, base))
        tasks = list(tasks_for(written, every))
        wrong = 0
        with multiprocessing.Pool(initializer=_begin, initargs=(binary, base, Path(name), written)) as pool:
            for task, findings in pool.imap_unordered(_do, tasks, chunksize=CHUNK):
                wrong += bool(findings)
                for finding in findings:
                    print(f"{written[task.index]} {task.kind} at {task.at}: {finding}", flush=True)
    cuts = sum(task.kind == "cut" for task in tasks)
    scripts = len({one.script for one in written})
    print(f"{binary.name}: scripts={scripts} cuts={cuts} torn={len(tasks) - cuts} wrong={wrong}")
    return 1 if wrong else 0


def tasks_for(written: Sequence[Written], every: int) -> Iterator[Task]:
    """Given every run and a stride, yield what is to be done: bytes of first runs, and all ways to tear all runs."""
    for index, one in enumerate(written):
        yield from (Task(index, "torn", kept) for kept in range(len(one.transaction.commands) + 1))
        if one.number == 1:
            yield from (Task(index, "cut", at) for at in bytes_of(one, every))


def _begin(binary: Path, base: Path, folder: Path, written: Sequence[Written]) -> None:
    _be_quiet()
    _workers.append(Worker(Bench(binary, base, folder / f"w{os.getpid()}"), written))


def _do(task: Task) -> tuple[Task, list[str]]:
    return _workers[0].do(task)


def _be_quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


if __name__ == "__main__":
    sys.exit(main())
