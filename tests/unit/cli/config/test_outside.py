"""What only others know: which symbols the exchange trades, and how Redis is set."""

import http.server
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quantum_common.settings import CommonSettings
from services.cli import embedded_redis
from services.cli.config.check import findings
from services.cli.config.finding import Finding, Level
from services.cli.config.folder import CLI, read_folder
from services.cli.config.outside import NotAnswered, ask_listing, redis_findings
from services.cli.config.values import read_values
from tests.served import served
from tests.unit.cli.config.given import add, put, sound_folder

BOTH = "BTCUSDT,WAVESUSDT,OLDUSDT"


@contextmanager
def exchange(body: bytes, status: int = 200) -> Iterator[str]:
    """Answer every question with this, on a free port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with served(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)) as url:
        yield url


def info(**status: str) -> bytes:
    return json.dumps({"symbols": [{"symbol": name, "status": word} for name, word in status.items()]}).encode()


def test_a_symbol_that_is_not_listed_or_not_traded_names_file_and_line_and_what_it_wastes(tmp_path: Path) -> None:
    folder = sound_folder(tmp_path)
    lines = {
        "ai-engine.env": put(folder, "ai-engine.env", "AI_SYMBOLS", BOTH),
        "intent-bridge.env": put(folder, "intent-bridge.env", "INTENT_BRIDGE_ALLOWLIST", BOTH),
        "intent-executor.env": put(folder, "intent-executor.env", "INTENT_EXECUTOR_ALLOWLIST", BOTH),
        "position-state-brain.env": put(folder, "position-state-brain.env", "P33_ALLOWLIST", BOTH),
    }
    with exchange(info(BTCUSDT="TRADING", OLDUSDT="SETTLING")) as url:
        add(folder, "common.env", f"QUANTUM_PAPER_URL={url}")
        put(folder, "common.env", "QUANTUM_REDIS_URL", "unix:///absent.sock")
        found = findings(read_folder(folder), offline=False)
    wrong = [one for one in found if one.level is Level.ERROR and one.key != "QUANTUM_API_KEY_FILE"]
    assert {(one.path.name, one.line) for one in wrong} == set(lines.items())
    assert len(wrong) == 8
    assert (
        f"WAVESUSDT is not listed on the paper exchange at {url}: every wish for it ends at symbol_not_tradable; "
        "quantum allowlist remove WAVESUSDT"
    ) in str(next(one for one in wrong if one.path.name == "intent-bridge.env"))
    assert any(
        f"OLDUSDT is SETTLING on the paper exchange at {url} and takes no new orders" in str(one) for one in wrong
    )
    [redis] = [one for one in found if one.key == "QUANTUM_REDIS_URL"]
    assert redis.level is Level.WARNING


@pytest.mark.parametrize(
    ("body", "status"), [(b"not JSON", 200), (b"{}", 200), (b'{"symbols":[1]}', 200), (b"{}", 503)]
)
def test_an_exchange_that_does_not_answer_as_one_is_a_warning(tmp_path: Path, body: bytes, status: int) -> None:
    folder = sound_folder(tmp_path)
    with exchange(body, status) as url:
        add(folder, "common.env", f"QUANTUM_PAPER_URL={url}")
        found = findings(read_folder(folder), offline=False)
    said = next(one for one in found if "did not answer" in str(one) and not one.key)
    assert said.level is Level.WARNING
    assert f"the paper exchange at {url}" in str(said)


def test_an_exchange_that_is_away_is_said_in_words() -> None:
    settings = CommonSettings(quantum_paper_url="http://127.0.0.1:1")
    with pytest.raises(
        NotAnswered, match=r"the paper exchange at http://127\.0\.0\.1:1 did not answer: Connection refused"
    ):
        ask_listing(settings)


def test_an_address_that_is_refused_is_not_asked(tmp_path: Path) -> None:
    folder = sound_folder(tmp_path)
    add(folder, "common.env", "QUANTUM_PAPER_URL=http://10.0.0.1:9001")
    assert any(
        "neither the exchange nor Redis was asked" in str(one) for one in findings(read_folder(folder), offline=False)
    )


def asked(folder: Path) -> list[Finding]:
    held = read_folder(folder)
    return list(redis_findings(held, read_values(held).settings[CLI]))


@pytest.mark.parametrize(
    ("url", "problem"),
    [("unix:///absent.sock", "does not answer"), ("redis://127.0.0.1:1", "does not answer"), ("nonsense", "redis")],
)
def test_a_redis_that_does_not_answer_is_a_warning_at_its_line(tmp_path: Path, url: str, problem: str) -> None:
    folder = sound_folder(tmp_path)
    line = put(folder, "common.env", "QUANTUM_REDIS_URL", url)
    [one] = asked(folder)
    assert (one.level, one.line) == (Level.WARNING, line)
    assert problem in str(one)


def test_a_redis_that_may_forget_is_a_warning_and_one_that_keeps_everything_is_none(
    tmp_path: Path, redis_server: embedded_redis.EmbeddedRedis
) -> None:
    folder = sound_folder(tmp_path)
    put(folder, "common.env", "QUANTUM_REDIS_URL", redis_server.url)
    [one] = asked(folder)
    assert "redis may lose what it acknowledged (appendfsync is no), and no service starts on it" in str(one)
    add(folder, "common.env", "QUANTUM_DURABILITY=relaxed")
    [one] = asked(folder)
    assert str(one).endswith("as QUANTUM_DURABILITY=relaxed allows")
    server = embedded_redis.start(tmp_path / "strict", fsync="always")
    try:
        put(folder, "common.env", "QUANTUM_REDIS_URL", server.url)
        assert asked(folder) == []
        add(folder, "cli.env", "QUANTUM_REDIS_USER=nobody", f"QUANTUM_REDIS_PASSWORD_FILE={folder}/api-secret")
        [one] = asked(folder)
        assert "refuses the user nobody: " in str(one)
        add(folder, "cli.env", "# next")
        put(folder, "cli.env", "QUANTUM_REDIS_PASSWORD_FILE", f"{folder}/absent")
        [one] = asked(folder)
        assert "redis cannot be asked" in str(one)
    finally:
        server.stop()
