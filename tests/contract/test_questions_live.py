"""The questions beside a running `quantum up`, under its ACL users: what they say when all is well, and when a cause is
planted in the running pipeline."""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from services.cli.complaint import Complaint
from services.cli.process import spawn
from tests.asked import ask

QUANTUM = [sys.executable, "-m", "services.cli"]
WITHIN_S = 60.0
EXECUTOR = "intent-executor"

pytestmark = pytest.mark.timeout(240)


class Run:
    """A run and the commands beside it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "run"
        self.environ = {**os.environ, "TMPDIR": str(root)}
        command = [*QUANTUM, "up", "--dir", str(self.folder), "--json", "--speed", "240", "--symbols", "4"]
        self.process = spawn(command, None, self.environ)

    def ask(self, *words: str) -> tuple[int, str]:
        return ask(*words, "--dir", str(self.folder))

    def until(self, good: Callable[[int, Any], bool], *words: str) -> Any:
        """Ask until the answer is as it should be; return it."""
        deadline_s, status, text = time.monotonic() + WITHIN_S, 0, ""
        while time.monotonic() < deadline_s:
            with suppress(Complaint):  # it has not begun yet
                status, text = self.ask(*words, "--json")
                if good(status, told := json.loads(text)):
                    return told
            time.sleep(0.1)
        raise AssertionError(f"{words}: status {status}, {text}")

    def pid(self, service: str) -> int:
        note: dict[str, Any] = json.loads((self.folder / "run.json").read_bytes())
        return int(note["children"][service])

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    root = Path(tempfile.mkdtemp(prefix="q-"))  # a unix socket's path has a limit
    made = Run(root)
    yield made
    made.close()
    shutil.rmtree(root)


@pytest.fixture(autouse=True)
def well(run: Run) -> None:
    """Each test begins on a run that does well."""
    run.until(lambda status, _: status == 0, "health")


def bad(told: Any) -> set[tuple[str, str]]:
    return {(one["name"], one["subject"]) for one in told["checks"] if one["level"] == "BAD"}


def test_every_hop_of_an_order_can_be_traced_and_every_question_has_a_good_answer(run: Run) -> None:
    orders = run.until(lambda _, told: any(one["order_id"] for one in told["orders"]), "orders")["orders"]
    plan = next(one["plan_id"] for one in reversed(orders) if one["order_id"])
    told = run.until(lambda _, told: told["stands"] == "done", "trace", plan)
    assert {hop["name"] for hop in told["hops"]} == {
        "intent", "plan", "permit governor", "permit p33", "sent", "order", "ledger", "result",
    }  # fmt: skip
    assert run.until(lambda status, _: status == 0, "why")["headline"].startswith("TRADING: ")
    for words in (["gates"], ["lag"], ["tail", "result", "--no-follow"]):
        assert run.ask(*words)[0] == 0


def test_a_halt_is_named_by_health_and_why_until_the_resume(run: Run) -> None:
    assert run.ask("halt", "--reason", "a look at it")[0] == 0
    try:
        assert bad(run.until(lambda status, _: status == 1, "health")) == {("trading_state", "")}
        status, text = run.ask("why")
    finally:
        assert run.ask("resume", "--reason", "all clear")[0] == 0
    assert status == 1
    assert text.splitlines()[0].startswith("NOTHING PASSES: trading_state, HALTED: nothing passes, exits neither")
    assert "a look at it" in text


def test_an_executor_that_hangs_is_named_by_health_and_why_until_it_goes_on(run: Run) -> None:
    os.kill(run.pid(EXECUTOR), signal.SIGSTOP)
    try:
        run.until(lambda _, told: ("heartbeat", EXECUTOR) in bad(told), "health")
        told = run.until(lambda status, _: status == 1, "why")
    finally:
        os.kill(run.pid(EXECUTOR), signal.SIGCONT)
    assert told["headline"].startswith(f"NOTHING PASSES: heartbeat {EXECUTOR}")
    run.until(lambda _, told: ("heartbeat", EXECUTOR) not in bad(told), "health")
