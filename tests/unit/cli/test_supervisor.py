"""The supervisor: what dies comes back after a pause, what refuses its settings ends the run, all stops in order."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.complaint import Complaint
from services.cli.process import spawn
from services.cli.supervisor import BACK_OFF_S, DEATHS_MAX, HEALTHY_AFTER_S, Child, Supervisor

WAITS = "import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({ready!r}, 'w').close(); signal.pause()"


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def hand() -> Hand:
    """The supervisor's clock."""
    return Hand()


@pytest.fixture
def said() -> list[str]:
    """What the operator was told."""
    return []


@pytest.fixture
def supervisor(hand: Hand, said: list[str]) -> Iterator[Supervisor]:
    """A supervisor whose children all end with the test."""
    made = Supervisor(said.append, hand)
    yield made
    for child in made.children:
        if child.process is not None:
            child.process.kill()
            child.process.wait()


def child(tmp_path: Path, code: str, name: str = "it", *, foundation: bool = False) -> Child:
    """A child that runs a line of Python."""
    log = tmp_path / f"{name}.log"

    def start() -> subprocess.Popen[bytes]:
        return spawn([sys.executable, "-c", code], log)

    return Child(name, start, log, foundation=foundation)


def wait(of: Child) -> None:
    """Wait until the child's process has ended."""
    assert of.process is not None
    of.process.wait(20)


def test_a_child_that_died_comes_back_after_a_pause(
    supervisor: Supervisor, hand: Hand, said: list[str], tmp_path: Path
) -> None:
    it = child(tmp_path, "import sys; sys.exit('no luck')")
    supervisor.add(it)
    wait(it)
    first = it.process
    assert not supervisor.poll()
    assert said == ["it ended with status 1; starting it again in 0.5 s (no luck)"]
    assert not supervisor.poll()
    assert it.process is first
    hand.now_s += BACK_OFF_S[0]
    assert supervisor.poll()
    assert it.process is not first
    assert it.restarts == 1


def test_the_pause_grows_and_a_healthy_stretch_forgets_it(
    supervisor: Supervisor, hand: Hand, said: list[str], tmp_path: Path
) -> None:
    it = child(tmp_path, "import sys; sys.exit(1)")
    supervisor.add(it)
    for pause_s in (*BACK_OFF_S, BACK_OFF_S[-1]):
        wait(it)
        supervisor.poll()
        assert f"again in {pause_s:g} s" in said[-1]
        hand.now_s += pause_s
        supervisor.poll()
    wait(it)
    hand.now_s += HEALTHY_AFTER_S
    supervisor.poll()
    assert f"again in {BACK_OFF_S[0]:g} s" in said[-1]


def test_a_child_that_dies_again_and_again_ends_the_run(supervisor: Supervisor, hand: Hand, tmp_path: Path) -> None:
    it = child(tmp_path, "import sys; sys.exit('still no luck')")
    supervisor.add(it)
    for _ in range(DEATHS_MAX - 1):
        wait(it)
        supervisor.poll()
        hand.now_s += BACK_OFF_S[-1]
        supervisor.poll()
    wait(it)
    with pytest.raises(Complaint, match="it ended with status 1 8 times in a row: still no luck") as caught:
        supervisor.poll()
    assert caught.value.status == 1


def test_a_child_that_refuses_its_settings_ends_the_run_with_its_line(supervisor: Supervisor, tmp_path: Path) -> None:
    it = child(tmp_path, "import sys; print('etc/it.env:3: KEY=x: wrong'); sys.exit(78)")
    supervisor.add(it)
    wait(it)
    with pytest.raises(Complaint, match=r"etc/it\.env:3: KEY=x: wrong") as caught:
        supervisor.poll()
    assert caught.value.status == 78


def test_a_kill_is_called_by_its_name(supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    it = child(tmp_path, WAITS)
    it.log.write_text("ready\n")  # it has said nothing of its end
    supervisor.add(it)
    assert it.process is not None
    it.process.kill()
    wait(it)
    supervisor.poll()
    assert said == ["it was killed by SIGKILL; starting it again in 0.5 s"]


def test_a_command_that_cannot_be_started_is_said(supervisor: Supervisor, tmp_path: Path) -> None:
    def start() -> subprocess.Popen[bytes]:
        return spawn([str(tmp_path / "nothing")], None)

    with pytest.raises(Complaint, match="it cannot be started"):
        supervisor.add(Child("it", start, tmp_path / "log"))


def test_all_are_stopped_and_the_foundations_come_last(said: list[str], tmp_path: Path) -> None:
    supervisor = Supervisor(said.append)
    order = tmp_path / "order"
    code = (
        "import signal, sys\n"
        "def end(*_):\n    open({order!r}, 'a').write({name!r} + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); open({ready!r}, 'w').close()\nsignal.pause()"
    )
    names = ("base", "first", "second")
    for name in names:
        ready = tmp_path / f"{name}.ready"
        os.mkfifo(ready)
        text = code.format(order=str(order), name=name, ready=str(ready))
        supervisor.add(child(tmp_path, text, name, foundation=name == "base"))
        ready.read_text()  # until the child has opened it
    assert supervisor.stop(14.0) == []
    assert order.read_text().split() == ["second", "first", "base"]
    assert all(it.pid is None for it in supervisor.children)


def test_one_that_does_not_listen_is_killed_within_the_bound(said: list[str], tmp_path: Path) -> None:
    polite = child(tmp_path, WAITS, "polite")
    supervisor = Supervisor(said.append, lambda: 0.0 if polite.pid is not None else 100.0)  # time is over once it ended
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    deaf = child(tmp_path, STUBBORN.format(ready=str(ready)), "deaf")
    supervisor.add(deaf)
    ready.read_text()
    supervisor.add(polite)
    assert supervisor.stop(14.0) == ["deaf"]
    assert deaf.pid is None


def test_one_that_was_stopped_for_good_does_not_come_back(said: list[str], tmp_path: Path) -> None:
    supervisor = Supervisor(said.append)
    supervisor.add(child(tmp_path, WAITS))
    supervisor.stop_one("it", 5.0)
    supervisor.stop_one("nobody", 5.0)
    assert not supervisor.poll()
    assert supervisor.child("it").pid is None
    assert said == []
    with pytest.raises(KeyError):
        supervisor.child("nobody")
