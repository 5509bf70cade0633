"""`quantum ledger` and `quantum reconcile` beside a running `quantum up`, under its ACL users."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from services.cli.process import spawn
from services.cli.redis_link import GONE, RedisAddress, connect

QUANTUM = [sys.executable, "-m", "services.cli"]
P33 = "position-state-brain"
WITHIN_S = 90.0

pytestmark = pytest.mark.timeout(300)


class Place:
    """A run and the commands beside it."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "run"
        self.environ = {**os.environ, "TMPDIR": str(root)}
        command = [*QUANTUM, "up", "--dir", str(self.folder), "--json", "--speed", "240"]
        self.process = spawn(command, None, self.environ)

    def run(self, *words: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [*QUANTUM, *words], capture_output=True, text=True, check=False, env=self.environ, timeout=100
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    def as_p33(self) -> Redis:
        password = (self.folder / "etc" / f"{P33}.password").read_text(encoding="utf-8").strip()
        return connect(RedisAddress(f"unix://{self.folder / 'redis' / 'redis.sock'}", P33, password))

    def traded(self) -> str:
        """A symbol that has traded, once there is one."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(*GONE):
                client = self.as_p33()
                with contextlib.closing(client):
                    rows: Any = client.xrange("quantum:stream:ledger.journal", count=1)
                    if rows:
                        return str(rows[0][1]["symbol"])
            time.sleep(0.1)
        raise AssertionError("nothing was traded")

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()


@pytest.fixture
def place() -> Iterator[Place]:
    root = Path(tempfile.mkdtemp(prefix="q-"))
    made = Place(root)
    yield made
    made.close()
    shutil.rmtree(root, ignore_errors=True)


def test_ledgers_are_verified_and_rebuilt_beside_a_running_pipeline(place: Place) -> None:
    symbol = place.traded()
    status, said, complaint = place.run("ledger", "verify")
    assert (status, complaint) == (0, ""), said + complaint
    assert said.splitlines()[-1].endswith("ledgers verified, 0 wrong")
    status, said, _ = place.run("reconcile", "--json")
    assert (status, json.loads(said)) == (0, [])

    with contextlib.closing(place.as_p33()) as liar:
        liar.hset(f"quantum:position:ledger:{symbol}", "last_plan_id", "a lie")
        liar.hset(f"quantum:position:ledger:{symbol}", "nonsense", "1")
        status, said, _ = place.run("ledger", "verify", symbol, "--json")
        [found] = json.loads(said)["ledgers"]
        assert (status, found["symbol"], found["verdict"]) == (1, symbol, "not_the_fold")
        status, said, complaint = place.run("ledger", "rebuild", symbol, "--reason", "a lie stood there")
        assert (status, complaint) == (0, "")
        assert "a lie stood there; changed ledger" in said
        assert liar.hget(f"quantum:position:ledger:{symbol}", "nonsense") is None
    status, said, _ = place.run("ledger", "verify", symbol)
    assert status == 0, said
    _bad_input_is_one_line_each(place)


def _bad_input_is_one_line_each(place: Place) -> None:
    """In the same test: a second one would start a run of its own on another worker."""
    for words, status, text in (
        (("ledger", "verify", "no symbol"), 2, "is not a symbol"),
        (("ledger", "verify", "NOSUCHUSDT"), 2, "does not list it"),
        (("ledger", "rebuild"), 2, "give a symbol"),
        (("ledger", "rebuild", "NOSUCHUSDT"), 1, "has no ledger"),
        (("ledger", "frobnicate"), 2, "frobnicate"),
        (("reconcile", "release"), 2, "Missing argument"),
        (("reconcile", "release", "BTCUSDT"), 2, "--reason"),
        (("reconcile", "release", "BTCUSDT", "--reason", " "), 2, "--reason takes"),
        (("reconcile", "release", "BTCUSDT", "--reason", "x"), 1, "is not on hold"),
        (("reconcile", "--dir", "/nowhere"), 1, "no quantum up runs in /nowhere"),
    ):
        found, said, complaint = place.run(*words)
        assert (found, said) == (status, ""), (words, complaint)
        assert len(complaint.splitlines()) == 1, (words, complaint)
        assert text in complaint, (words, complaint)
