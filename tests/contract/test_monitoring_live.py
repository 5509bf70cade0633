"""Metrics and alerts of a running pipeline, as whoever watches it sees them: over HTTP, and by a webhook."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from quantum_common import metric_catalogue as catalogue
from quantum_common.keys import SERVICES
from quantum_common.metric_catalogue import CATALOGUE, Kind
from services.cli.process import spawn
from tests.served import served

QUANTUM = [sys.executable, "-m", "services.cli"]
WITHIN_S = 90.0
# What only some models have.
SOME = {
    catalogue.MODEL_TRAINED, catalogue.MODEL_EXPIRES, catalogue.MODEL_DRIFT, catalogue.MODEL_DRIFT_LIMIT,
    catalogue.MODEL, catalogue.MODEL_STATUS,
}  # fmt: skip

pytestmark = pytest.mark.timeout(240)


def eventually(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        with contextlib.suppress(OSError, ValueError, KeyError):
            if what():
                return
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


class Run:
    """A running `quantum up`, and what is started beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "run"
        self.environ = {**os.environ, "TMPDIR": str(folder)}
        self.started: list[subprocess.Popen[bytes]] = []
        self.start("up", "--speed", "60", "--json", "--symbols", "4")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        log = self.folder.parent / f"{words[0]}.log"
        process = spawn([*QUANTUM, *words, "--dir", str(self.folder)], log, self.environ)
        self.started.append(process)
        return process

    def do(self, *words: str) -> int:
        done = subprocess.run(
            [*QUANTUM, *words, "--dir", str(self.folder)],
            env=self.environ,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode

    @property
    def ports(self) -> dict[str, int]:
        note: dict[str, Any] = json.loads((self.folder / "run.json").read_bytes())
        ports: dict[str, int] = note["metrics"]
        return ports

    def page(self, service: str, path: str = "/metrics") -> str:
        with urlopen(f"http://127.0.0.1:{self.ports[service]}{path}", timeout=5) as reply:
            text: str = reply.read().decode()
            return text

    def values(self, service: str, name: str) -> dict[str, float]:
        """Every series of a metric, by its labels."""
        return {
            ",".join(value for label, value in sample.labels.items() if label != "service"): sample.value
            for family in text_string_to_metric_families(self.page(service))
            for sample in family.samples
            if sample.name == name
        }

    def close(self) -> None:
        for process in reversed(self.started):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # and the children that it could not stop
                process.wait()


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    folder = Path(tempfile.mkdtemp(prefix="q-"))  # a unix socket's path has a limit
    made = Run(folder)
    try:
        eventually(lambda: sum(made.values("position-state-brain", "quantum_facts_booked_total").values()) > 1)
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_every_service_exports_what_the_catalogue_says_and_nothing_else(run: Run) -> None:
    for service in SERVICES:
        exports_its_part(run, service)


def exports_its_part(run: Run, service: str) -> None:
    wanted = {metric for metric in CATALOGUE if service in metric.services and metric not in SOME}
    names = {metric.name.removesuffix("_total"): metric for metric in CATALOGUE if service in metric.services}

    def shown() -> dict[str, Any]:
        return {one.name: one for one in text_string_to_metric_families(run.page(service)) if one.samples}

    eventually(lambda: {metric.name.removesuffix("_total") for metric in wanted} <= shown().keys())
    for name, family in shown().items():
        if name.startswith("process_"):
            continue
        metric = names[name]
        assert family.type == metric.kind.value
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == {"service", *metric.labels}
            assert sample.labels["service"] == service
        if metric.kind is Kind.HISTOGRAM:
            assert any(sample.name.endswith("_bucket") for sample in family.samples)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus")
def test_promtool_has_nothing_to_say_about_a_live_page(run: Run) -> None:
    for service in SERVICES:
        done = subprocess.run(
            [str(shutil.which("promtool")), "check", "metrics"], input=run.page(service).encode(), capture_output=True,
            timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), service


def test_figures_agree_with_each_other(run: Run) -> None:
    planned = run.values("intent-bridge", "quantum_decisions_total")
    eventually(  # a message that is in hand is decided already, and not yet handled
        lambda: sum(planned.values()) <= sum(run.values("intent-bridge", "quantum_messages_handled_total").values())
    )
    held = run.values("position-state-brain", "quantum_snapshot_timestamp_seconds")
    assert len(held) == len(run.values("position-state-brain", "quantum_position_drift")) == 4
    assert all(abs(time.time() - at) < 30 for at in held.values())
    assert run.values("governor", "quantum_trading_state") == {"ACTIVE": 1, "REDUCING": 0, "HALTED": 0}
    assert run.page("governor", "/healthz") == "running\n"


def test_a_halt_and_its_end_come_by_webhook_and_stand_in_the_list_meanwhile(run: Run) -> None:
    got: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    hook = run.folder / "etc" / "hook"
    hook.touch(mode=0o600)
    settings = run.folder / "etc" / "alerts.env"
    lines = f"\nALERTS_WEBHOOK_FILE={hook}\nALERTS_CALM_MS=1000\nALERTS_EVERY_MS=300\n"
    settings.write_text(settings.read_text() + lines)

    def told(kind: str, name: str) -> bool:
        return any((one["kind"], one["name"]) == (kind, name) for one in got)

    with served(HTTPServer(("127.0.0.1", 0), Hook)) as url:
        hook.write_text(f"{url}/hook")
        assert run.do("alerts", "test") == 0
        assert told("test", "test")
        run.start("alerts", "run")
        eventually(lambda: run.do("alerts", "list") in {0, 1} and (run.folder / "alerts" / "state.json").exists())
        assert run.do("halt", "--reason", "a test") == 0
        eventually(lambda: told("raised", "trading_state"))
        eventually(lambda: run.values("governor", "quantum_trading_state")["HALTED"] == 1)
        assert run.do("alerts", "list") == 1
        assert run.do("alerts", "ack", "trading_state") == 0
        assert run.do("alerts", "ack", "nothing_of_the_kind") == 1
        assert run.do("resume", "--reason", "a test") == 0
        eventually(lambda: told("recovered", "trading_state"))
    halts = [one for one in got if one["name"] == "trading_state"]
    assert [one["kind"] for one in halts] == ["raised", "recovered"]
    assert "by " in halts[0]["words"]
    assert "a test" in halts[0]["text"]
    assert halts[1]["lasted_ms"] > 0


def test_an_address_that_is_none_is_404(run: Run) -> None:
    with pytest.raises(HTTPError) as error:
        run.page("governor", "/")
    assert error.value.code == 404
    error.value.close()
