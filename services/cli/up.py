"""`quantum up`: everything as real processes under one foreground command, until it is stopped or its time is over."""

import os
import time
from contextlib import suppress

from quantum_common.clock import SystemClock
from quantum_common.keys import SERVICES
from services.cli.board import Board, BoardReader
from services.cli.options import UpOptions
from services.cli.pipeline import Interrupted, Pipeline
from services.cli.process import resident_mib
from services.cli.redis_link import GONE
from services.cli.rendering import duration
from services.cli.run_folder import RunFolder, RunNote, open_folder
from services.cli.screen import Screen, screen_for
from services.cli.signals import StopSignals
from services.cli.supervisor import Supervisor

LOOP_S = 0.1
BOARD_EVERY_S = 0.5
ALL_RUNNING_WITHIN_S = 60.0


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
        speed = f" x{self.options.speed}" if self.options.speed != 1 else ""
        up = duration(time.monotonic() - self._began_s)
        return f"paper {self.options.market}{speed} {self.options.profile}  up {up}"

    def _address(self) -> str:
        port = self.pipeline.redis_port
        return f"redis-cli -p {port} or quantum redis" if port else self.pipeline.address.url

    def _note(self) -> None:
        """Write down what runs, for whoever looks for it."""
        self.folder.write_note(
            RunNote(
                pid=os.getpid(),
                market=self.options.market,
                embedded=not self.options.redis_url,
                listed=self.options.listed,
                speed=self.options.speed,
                redis_url=self.pipeline.address.url,
                redis_port=self.pipeline.redis_port,
                paper_url=self.pipeline.paper_url,
                started_ms=self.started_ms,
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
    failed = True
    try:
        run.start()
        run.watch()
        failed = False
    except Interrupted:
        failed = False
    finally:
        killed = run.supervisor.stop()
        screen.close()
        if killed:
            screen.say(f"had to be killed: {', '.join(killed)}")
        if folder.close(failed=failed or bool(killed)):
            screen.say(f"data and logs are kept in {folder.root}")
    return 0
