"""The questions as processes: on a terminal and in a pipe, watched, followed, ended by Ctrl-C or by their reader."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.cli.embedded_redis import EmbeddedRedis
from services.cli.redis_link import RedisAddress, connect
from tests.planted import Planted, plant

QUANTUM = [sys.executable, "-m", "services.cli"]
WITHIN_S = 30.0
COLOUR = b"\x1b[3"  # a foreground colour; bold and dim are none


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, *words: str, folder: Path, **environ: str) -> None:
        self.end, theirs = pty.openpty()
        kept = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS"}}
        self.process = subprocess.Popen(
            [*QUANTUM, *words], stdin=theirs, stdout=theirs, stderr=theirs,
            env={**kept, "QUANTUM_CONFIG_DIR": str(folder), "TMPDIR": str(folder), "TERM": "xterm-256color", **environ},
        )  # fmt: skip
        os.close(theirs)
        self.seen = b""

    def until(self, words: bytes) -> bytes:
        """Read until these words were shown."""
        deadline_s = time.monotonic() + WITHIN_S
        while words not in self.seen and time.monotonic() < deadline_s:
            self._read()
        assert words in self.seen, self.seen
        return self.seen

    def to_its_end(self) -> int:
        """Read until the process is over; return its status."""
        while self._read():
            pass
        return self.process.wait(WITHIN_S)

    def _read(self) -> bytes:
        ready, _, _ = select.select([self.end], [], [], WITHIN_S)
        assert ready, self.seen
        with suppress(OSError):  # the other end is closed: it is over
            found = os.read(self.end, 65536)
            self.seen += found
            return found
        return b""

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.end)


@pytest.fixture
def made(redis_server: EmbeddedRedis, tmp_path: Path) -> Iterator[Planted]:
    client = connect(RedisAddress(redis_server.url))
    yield plant(client, tmp_path, redis_server.url)
    client.close()


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_has_colours_unless_no_color_is_set(made: Planted, environ: dict[str, str], coloured: bool) -> None:
    terminal = Terminal("positions", folder=made.folder, **environ)
    assert terminal.to_its_end() == 0
    assert (COLOUR in terminal.seen) is coloured
    terminal.close()


def test_a_watch_shows_what_changes_and_ends_with_ctrl_c_and_the_last_status(made: Planted) -> None:
    terminal = Terminal("positions", "--watch", "--every", "100ms", folder=made.folder)
    terminal.until(b"1 positions")
    made.position("ETHUSDT", "3", "3")
    terminal.until(b"2 positions")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.to_its_end() == 0
    assert b"Traceback" not in terminal.seen
    terminal.close()


def test_a_tail_follows_and_ends_with_ctrl_c(made: Planted) -> None:
    terminal = Terminal("tail", "plan", folder=made.folder)
    terminal.until(b"btc1")
    made.plan("SOLUSDT", "sol1", 0)
    terminal.until(b"sol1")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.to_its_end() == 0
    assert b"Traceback" not in terminal.seen
    terminal.close()


def test_a_reader_that_goes_away_ends_it_without_a_word(made: Planted) -> None:
    environ = {**os.environ, "QUANTUM_CONFIG_DIR": str(made.folder), "TMPDIR": str(made.folder)}
    tail = subprocess.Popen(
        [*QUANTUM, "tail", "plan", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
    )
    assert tail.stdout is not None
    assert tail.stderr is not None
    assert b"btc1" in tail.stdout.readline()
    tail.stdout.close()
    made.plan("SOLUSDT", "sol1", 0)
    assert tail.wait(WITHIN_S) == 0
    assert tail.stderr.read() == b""
    tail.stderr.close()
