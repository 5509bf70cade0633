"""A booted machine with Quantum deployed on it by its own command, for the tests of a module."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.deploy.box import CODE, PACKAGES, PYTHON, Box, booted, missing

SERVICES = ("position-state-brain", "governor", "intent-executor", "intent-bridge", "ai-engine")
UNITS = tuple(f"quantum-{name}.service" for name in ("redis", "paper-exchange", *SERVICES, "alerts"))
WITHIN_S = 40.0


def quantum(box: Box, *words: str, check: bool = True) -> str:
    """Run this checkout's `quantum` in the box, before anything is installed there, and return what it wrote."""
    done = box.run(
        "env", f"PYTHONPATH={CODE}:{PACKAGES}", "PYTHONDONTWRITEBYTECODE=1", PYTHON, "-m", "services.cli", *words,
        check=check,
    )  # fmt: skip
    return done.stdout + done.stderr


def eventually(what: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Wait until it is so. Raise AssertionError where it does not come to that."""
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def machine() -> Iterator[Box]:
    """A booted machine with nothing of ours on it; the test is skipped where there is none to be had."""
    lacks = missing()
    if lacks:
        pytest.skip(lacks)
    with booted() as box:
        yield box


empty = pytest.fixture(machine, name="empty")
shared = pytest.fixture(machine, scope="module", name="shared")


@pytest.fixture(scope="module")
def box(shared: Box) -> Box:
    """A booted machine on which everything was deployed and started, for all tests of a module."""
    said = quantum(shared, "deploy", "--link", "--symbols", "BTCUSDT,ETHUSDT", "--profile", "trade", "--start")
    assert "quantum.target: 8 units run" in said, said
    limits = "/etc/quantum/governor.env"  # more entries in five minutes than an operator would let pass
    shared.write(limits, shared.read(limits) + "GOV_SYMBOL_ENTRIES_PER_5MIN_MAX=1000\n")
    shared.run("systemctl", "reload", "quantum-governor.service")
    return shared
