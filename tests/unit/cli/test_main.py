"""The command itself: what is wrong is one line and a status."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from redis.exceptions import ConnectionError as RedisConnectionError

from quantum_common.version import build_id
from services.cli import __main__ as command
from services.cli.__main__ import main


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["up", "--for", "soon"], 2, "quantum: --for soon: give a duration such as 90s, 10m or 2h\n"),
        (["up", "--speed", "0"], 2, "--help lists what there is\n"),
        (["nonsense"], 2, "quantum: No such command 'nonsense'; --help lists what there is\n"),
        (["redis", "MONITOR"], 2, "quantum: redis: MONITOR never ends; use redis-cli for it\n"),
        ([], 2, "Usage: quantum"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["quantum", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == status
    assert said in capsys.readouterr().err


def test_version_shows_the_build(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["quantum", "version"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert not caught.value.code
    assert capsys.readouterr().out.strip() == build_id()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "quantum: [Errno 28] No space left on device\n"),
        (RedisConnectionError("gone\nfor good"), "quantum: gone\n"),
        (OSError(), "quantum: OSError\n"),
    ],
)
def test_what_the_world_does_is_one_line_whatever_verb_met_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    def met(**_: object) -> None:
        raise error

    monkeypatch.setattr(command, "app", met)
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_ends_it_without_a_word(tmp_path: Path, unbuffered: str) -> None:
    """As `quantum ... | head` does: nobody reads any more before anything was written."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", "redis-users", "--out", str(tmp_path), "--dry-run"], stdout=pipe,
            stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_every_verb_that_writes_has_a_dry_run() -> None:
    writing = {
        "halt", "reduce", "resume", "flatten", "reconcile release", "ledger rebuild", "redis-users", "allowlist add",
        "allowlist remove", "alerts ack",
    }  # fmt: skip
    for words in writing:
        found: Any = typer.main.get_command(command.app)
        for word in words.split():
            found = found.commands[word]
        assert any("--dry-run" in option.opts for option in found.params), words
