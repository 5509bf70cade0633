"""Children: bound to our life, in a session of their own, their last words understood."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.process import last_words, resident_mib, spawn

PARENT = """
import sys
from services.cli.process import spawn
child = spawn([sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"], None)
print(child.pid, flush=True)
child.wait()
"""


def test_output_goes_to_the_log_and_is_kept_from_start_to_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for word in ("one", "two"):
        assert spawn([sys.executable, "-c", f"print('{word}')"], log).wait() == 0
    assert log.read_text().split() == ["one", "two"]


def test_a_child_has_a_session_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = spawn([sys.executable, "-c", "import os; print(os.getsid(0))"], log)
    child.wait()
    assert int(log.read_text()) == child.pid != os.getsid(0)


def test_a_child_dies_with_its_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    watch = os.pidfd_open(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    died, _, _ = select.select([watch], [], [], 10)
    os.close(watch)
    assert died


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("plain\n\n", "plain"),
        ('{"level":"error","event":"refusing to run","reason":"why"}\n{"level":"info","event":"stopped"}\n', "why"),
        ('{"level":"error","event":"broken invariant","error":"KeyError"}\n', "KeyError"),
        ('{"level":"error","event":"dead letter"}\n', "dead letter"),
        ('{"level":"info","event":"starting"}\n', ""),
        ("Traceback (most recent call last):\n  File x\nValueError: no\n", "ValueError: no"),
    ],
)
def test_last_words_are_the_line_that_tells_of_the_failure(tmp_path: Path, text: str, words: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert last_words(log) == words


def test_a_line_that_the_tail_cuts_is_no_last_word(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f'{{"level":"info","event":"{"x" * 20_000}"}}\n{{"level":"info","event":"handled"}}\n')
    assert last_words(log) == ""


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none") == ""


def test_resident_memory_is_that_of_a_live_process() -> None:
    weight = resident_mib(os.getpid())
    assert weight is not None
    assert weight > 1
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert resident_mib(gone.pid) is None
