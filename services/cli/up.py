"""`quantum up`: everything as real processes under one foreground command, until it is stopped or its time is over."""

import os
import sys
import time
from contextlib import suppress
from typing import Any

import orjson
from redis.exceptions import RedisError

from quantum_common.clock import SystemClock
from quantum_common.keys import SERVICES
from quantum_common.redis_client import why_gone
from services.cli.acl_check import check_default, check_users
from services.cli.board import Board, BoardReader
from services.cli.checks import Finding, Verdict, evaluate, judge
from services.cli.complaint import Complaint
from services.cli.options import UpOptions
from services.cli.pipeline import Interrupted, Pipeline
from services.cli.process import resident_mib
from services.cli.redis_link import GONE
from services.cli.rendering import duration
from services.cli.report import report, words
from services.cli.run_folder import RunFolder, RunNote, open_folder
from services.cli.screen import Screen, screen_for
from services.cli.settling import NotComparable, Settling
from services.cli.signals import StopSignals
from services.cli.supervisor import Supervisor

LOOP_S = 0.1
BOARD_EVERY_S = 0.5
ALL_RUNNING_WITHIN_S = 60.0
SETTLE_WITHIN_S = 75.0  # a permit lives 60 s: by then every plan has its result
SETTLE_STOPPED_S = 4.0  # of the 15 s that a Ctrl-C may take in all
STOP_WITHIN_S = 14.0  # from the wish to stop until nothing of it is left
STOP_AT_LEAST_S = 7.0
WISHING = "ai-engine"
WISHING_ENDS_WITHIN_S = 3.0


class Run:
    """One run, from its start to its stop."""

    def __init__(self, options: UpOptions, folder: RunFolder, screen: Screen, signals: StopSignals) -> None:
        self.options, self.folder, self.screen, self.signals = options, folder, screen, signals
        self.supervisor = Supervisor(screen.say)
        self.pipeline = Pipeline(options, folder, self.supervisor, screen.say, signals.requested)
        self.started_ms = SystemClock().now_ms()
        self.rss_mib: dict[str, float] = {}
        self._began_s = time.monotonic()
        self._board_s = 0.0
        self._running_s: float | None = None

    def start(self) -> None:
        """Start every process and say how to look in. Raise Complaint or Interrupted."""
        self.screen.say("starting redis, the paper exchange and the daemons")
        self.pipeline.start()
        self._reader = BoardReader(
            self.pipeline.redis, self.pipeline.keys, self.pipeline.symbols, after_ms=self.started_ms
        )
        self._note()
        self.screen.describe(self._title, self._address())

    def watch(self) -> None:
        """Keep everything running and shown until the time is over or the run is to stop. Raise Complaint."""
        while not self.signals.requested() and not self._over():
            self.tend()
            time.sleep(LOOP_S)

    def tend(self) -> None:
        """Look after the processes, and show how things stand where it is time to."""
        if self.supervisor.poll():
            self._note()
        if time.monotonic() - self._board_s < BOARD_EVERY_S:
            return
        self._board_s = time.monotonic()
        self._weigh()
        with suppress(*GONE):  # Redis comes back by itself or ends the run
            board = self._reader.read(sum(child.restarts for child in self.supervisor.children))
            self._meet(board)
            self.screen.show(board)

    def close(self) -> dict[str, Any] | None:
        """Stop the wishes, let what is under way come to its end, and return what the run came to.

        A run that somebody stops has only seconds for that. None where nothing could be read.
        """
        stopped = self.signals.requested()
        if self.signals.urgent():
            return None
        self.screen.say("stopping: what is under way ends, then the books are compared")
        self.supervisor.stop_one(WISHING, WISHING_ENDS_WITHIN_S)
        pipeline, hurry = self.pipeline, self.signals.urgent if stopped else self.signals.requested
        settling = Settling(pipeline.redis, pipeline.keys, pipeline.link, pipeline.symbols, self.tend, hurry)
        try:
            found = settling.settle(SETTLE_STOPPED_S if stopped else SETTLE_WITHIN_S)
        except NotComparable as error:
            self.screen.say(f"not compared with the exchange: {error}")
            return None
        # A stop is no failure of what it interrupted; a run that had all its time has no such excuse.
        settled = found.settled or not (stopped or self.signals.requested())
        verdicts = evaluate(found.facts, settled=settled) | {"G5": self._users_judged()}
        return report(found.facts, verdicts, self.started_ms, self.rss_mib, settled=found.settled)

    def _users_judged(self) -> Verdict:
        """G5, by trying on the embedded Redis; the users of a given one are not ours to know."""
        pipeline = self.pipeline
        if not pipeline.passwords:
            return Verdict(None)
        try:
            findings = check_users(pipeline.address, pipeline.keys, pipeline.passwords)
            findings += check_default(pipeline.address, pipeline.keys)
        except GONE as error:
            return Verdict(None, (f"Redis could not be asked: {why_gone(error)}",))
        return judge(map(Finding, findings), settled=True)

    def _meet(self, board: Board) -> None:
        """Note when all daemons ran for the first time: the time of `--for` counts from there."""
        if self._running_s is None:
            wanted = [name for name in SERVICES if any(child.name == name for child in self.supervisor.children)]
            late = time.monotonic() - self._began_s > ALL_RUNNING_WITHIN_S
            if late or all(name in board.beating for name in wanted):
                self._running_s = time.monotonic()

    def _over(self) -> bool:
        if self.options.for_s is None or self._running_s is None:
            return False
        return time.monotonic() - self._running_s >= self.options.for_s

    def _weigh(self) -> None:
        for child in self.supervisor.children:
            if child.pid is not None and (weight := resident_mib(child.pid)) is not None:
                self.rss_mib[child.name] = weight

    def _title(self) -> str:
        speed = f" \u00d7{self.options.speed}" if self.options.speed != 1 else ""
        up = duration(time.monotonic() - self._began_s)
        return f"paper {self.options.market}{speed} {self.options.profile}  up {up}"

    def _address(self) -> str:
        port = self.pipeline.redis_port
        return f"redis-cli -p {port}" if port else self.pipeline.address.url

    def _note(self) -> None:
        """Write down what runs, for whoever looks for it."""
        self.folder.write_note(
            RunNote(
                pid=os.getpid(),
                folder=str(self.folder.root),
                market=self.options.market,
                embedded=not self.options.redis_url,
                listed=self.options.listed,
                speed=self.options.speed,
                redis_url=self.pipeline.address.url,
                redis_port=self.pipeline.redis_port,
                paper_url=self.pipeline.paper_url,
                started_ms=self.started_ms,
                metrics=self.pipeline.metrics,
                children={child.name: child.pid for child in self.supervisor.children if child.pid is not None},
            )
        )


def run_up(options: UpOptions) -> int:
    """Given checked options, run until stopped and return the exit status. Raise Complaint where it cannot run."""
    signals = StopSignals()
    signals.install()
    folder = open_folder(options.folder)
    screen = screen_for(as_json=options.json)
    run = Run(options, folder, screen, signals)
    found: dict[str, Any] | None = None
    failed = True
    try:
        run.start()
        run.watch()
        signals.interrupting = True
        found = run.close()
        failed = found is not None and bool(found["violations"])
    except (Interrupted, KeyboardInterrupt):
        failed = False
    except RedisError as error:
        raise Complaint(f"redis does not do as it should: {why_gone(error)}", status=1) from None
    finally:
        signals.interrupting = False
        screen.close()
        killed = run.supervisor.stop(max(signals.left_s(STOP_WITHIN_S), STOP_AT_LEAST_S))
        if killed:
            screen.say(f"had to be killed: {', '.join(killed)}")
        if folder.close(failed=failed or bool(killed)):
            screen.say(f"data and logs are kept in {folder.root}")
    return _conclude(options, screen, found)


def _conclude(options: UpOptions, screen: Screen, found: dict[str, Any] | None) -> int:
    """Say what the run came to; return the exit status: 1 where a guarantee is broken or nothing could be told."""
    if options.json and found is not None:
        for name, findings in found["violations"].items():
            screen.say(f"{name} is broken: {'; '.join(findings)}")
        sys.stdout.write(orjson.dumps(found).decode() + "\n")
    elif found is not None:
        for line in words(found):
            screen.say(line)
    if found is None:
        return 1 if options.json or options.for_s is not None else 0
    return 1 if False in found["guarantees"].values() else 0
