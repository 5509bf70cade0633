"""`quantum up` as its operators use it: real processes, from the command line, stopped in every way there is."""

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
from pathlib import Path

import pytest

from services.cli import embedded_redis
from services.cli.redis_link import RedisAddress, connect
from tests.conftest import SHARED
from tests.piped import piped

DAEMONS = {"position-state-brain", "governor", "intent-executor", "intent-bridge", "ai-engine"}
EVERYTHING = {"redis", "paper-exchange", *DAEMONS}
QUANTUM = [sys.executable, "-m", "services.cli"]
WITHIN_S = 90.0
CHECKED = ("G1", "G2", "G3", "G4", "G5", "G6", "G7", "G9", "G10")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: a unix socket's path has a limit."""
    folder = Path(tempfile.mkdtemp(prefix="q-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(place: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `quantum up` with these options; whatever still runs at the end is killed, and its children with it."""
    started: list[subprocess.Popen[str]] = []

    def run(*options: str, **environ: str) -> subprocess.Popen[str]:
        process = piped([*QUANTUM, "up", *options], {**os.environ, "TMPDIR": str(place), **environ})
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def eventually(what: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + WITHIN_S
    while not what():
        assert time.monotonic() < deadline, "did not come to pass"
        time.sleep(0.05)


def children(folder: Path) -> dict[str, int]:
    """The processes of the run in a folder, by name."""
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, int] = json.loads((folder / "run.json").read_bytes())["children"]
        return found
    return {}


def alive(pid: int) -> bool:
    """Whether the process runs; one that has died and was not waited for does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False


def runs_whole(folder: Path) -> bool:
    """Whether every process of the run was started."""
    return children(folder).keys() == EVERYTHING


def test_a_run_trades_keeps_every_guarantee_and_is_resumed(
    place: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    folder = place / "run"
    options = ("--dir", str(folder), "--json", "--speed", "240")
    process = start("--for", "10s", *options)
    output, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    found = json.loads(output)
    assert output.count("\n") == 1, "one JSON object and nothing else"
    assert found["intents"] >= found["orders"] > 0 or found["orders"] > found["intents"] > 0
    assert found["fills"] > 0
    assert found["entries"] > 0
    assert found["plans"] == found["results"]
    assert found["permits"] >= found["entries"]
    assert found["symbols_traded"] > 0
    assert found["ledger_matches_exchange"] is True
    assert {name: found["guarantees"][name] for name in CHECKED} == dict.fromkeys(CHECKED, True)
    assert False not in found["guarantees"].values()
    assert all(found["latency_ms"][hop]["p50"] is not None for hop in found["latency_ms"])
    assert found["rss_mib"].keys() >= DAEMONS
    assert not any(alive(pid) for pid in children(folder).values())
    fills = found["fills"]

    again = start("--for", "4s", *options)
    output, said = again.communicate(timeout=200)
    assert again.returncode == 0, said
    resumed = json.loads(output)
    assert resumed["ledger_matches_exchange"] is True
    assert resumed["guarantees"]["G3"] is True, "the fills of the first run are still counted, each once"
    assert fills > 0


def test_whatever_is_killed_comes_back_and_ctrl_c_leaves_nothing(
    place: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    process = start("--speed", "60", "--symbols", "3")
    eventually(lambda: any(runs_whole(folder) for folder in place.glob("quantum-up-*")))
    folder = next(place.glob("quantum-up-*"))
    before = children(folder)
    for name in ("governor", "redis", "paper-exchange"):
        os.kill(before[name], signal.SIGKILL)
        eventually(lambda name=name: children(folder).get(name) not in {None, before[name]})  # type: ignore[misc]
    asked = subprocess.run(
        [*QUANTUM, "redis", "--dir", str(folder), "PING"], capture_output=True, text=True, check=False,
        env={**os.environ, "TMPDIR": str(place)},
    )  # fmt: skip
    assert (asked.returncode, asked.stdout) == (0, "PONG\n"), asked.stderr
    after = children(folder)
    process.send_signal(signal.SIGINT)
    output, said = process.communicate(timeout=60)
    assert process.returncode == 0, output + said
    for name in ("governor", "redis", "paper-exchange"):
        assert f"{name} was killed by SIGKILL; starting it again" in output
    assert "ledger matches the exchange" in output
    assert not any(alive(pid) for pid in {*before.values(), *after.values()})
    assert not list(place.glob("quantum-up-*")), "a run that went well leaves no folder"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_told_to_end_stops_all_of_it(
    place: Path, start: Callable[..., subprocess.Popen[str]], number: signal.Signals
) -> None:
    folder = place / "run"
    process = start("--dir", str(folder), "--symbols", "2")
    eventually(lambda: runs_whole(folder))
    running = children(folder)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not any(alive(pid) for pid in running.values())


def test_kill_9_leaves_no_orphan(place: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    folder = place / "run"
    process = start("--dir", str(folder), "--symbols", "2")
    eventually(lambda: runs_whole(folder))
    running = children(folder)
    assert all(alive(pid) for pid in running.values())
    process.kill()
    process.communicate()
    eventually(lambda: not any(alive(pid) for pid in running.values()))


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--market", "synthetic:x"), 2, "the seed must be a whole number"),
        (("--market", "nowhere"), 2, "give csv:DIR or synthetic:SEED"),
        (("--market", "csv:/nowhere/at/all"), 78, "is not a folder"),
        (("--market", "csv:{place}"), 78, "no <SYMBOL>-1m.csv"),
        (("--speed", "0"), 2, "--speed"),
        (("--for", "soon"), 2, "give a duration such as 90s"),
        (("--profile", "brave"), 2, "--profile"),
        (("--no-such-option",), 2, "--no-such-option"),
        (("--symbols", "btc usdt"), 2, "is not a symbol"),
        (("--symbols", "NOSUCHUSDT"), 78, "not on this market"),
        (("--redis", "http://127.0.0.1"), 2, "give redis://"),
        (("--redis", "redis://127.0.0.1:1"), 78, "does not answer"),
        (("--dir", "/proc/nowhere"), 78, "choose another folder"),
        (("--exchange-option", "port=1"), 2, "quantum up decides port itself"),
        (("--exchange-option", "nonsense=1"), 78, "nonsense"),
    ],
)
def test_what_cannot_run_is_one_line_that_says_why(
    place: Path, start: Callable[..., subprocess.Popen[str]], options: tuple[str, ...], status: int, words: str
) -> None:
    process = start("--json", *(option.format(place=place) for option in options))
    output, said = process.communicate(timeout=100)
    assert process.returncode == status, said
    assert not output
    complaint = [line for line in said.splitlines() if line.startswith("quantum: ")]
    assert len(complaint) == 1, said
    assert words in complaint[0]
    assert "Traceback" not in said


def test_a_setting_that_a_daemon_refuses_ends_the_run_with_its_line(
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    process = start("--json", GOV_DRAWDOWN_MAX="7")
    output, said = process.communicate(timeout=100)
    assert process.returncode == 78, said
    assert not output
    assert "environment: GOV_DRAWDOWN_MAX=7" in said
    assert "Traceback" not in said


def test_a_redis_that_holds_a_pipeline_already_is_left_alone(
    place: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    server = embedded_redis.start(place / "redis", fsync="no")
    try:
        client = connect(RedisAddress(server.url))
        client.xadd("quantum:stream:trade.intent", {"symbol": "BTCUSDT"})
        process = start("--json", "--redis", f"redis://127.0.0.1:{server.port}")
        _, said = process.communicate(timeout=100)
        assert process.returncode == 78, said
        assert "already holds quantum:stream:trade.intent" in said
        assert client.keys("*") == ["quantum:stream:trade.intent"]
        client.close()
    finally:
        server.stop()


def test_a_given_redis_serves_as_well(place: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    server = embedded_redis.start(place / "redis", fsync="everysec")
    try:
        process = start("--json", "--for", "3s", "--speed", "240", "--redis", f"redis://127.0.0.1:{server.port}")
        output, said = process.communicate(timeout=200)
        assert process.returncode == 0, said
        assert "running relaxed" in said
        assert json.loads(output)["ledger_matches_exchange"] is True
    finally:
        server.stop()


@pytest.mark.skipif(not (SHARED / "data" / "klines").is_dir(), reason="real market data (../shared/data) is absent")
def test_real_bars_are_traded_and_the_books_match(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("--json", "--for", "10s", "--speed", "240", "--market", f"csv:{SHARED / 'data' / 'klines'}")
    output, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    found = json.loads(output)
    assert found["fills"] > 0
    assert found["ledger_matches_exchange"] is True
    assert False not in found["guarantees"].values()
