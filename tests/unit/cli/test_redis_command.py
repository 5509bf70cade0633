"""`quantum redis`: replies as redis-cli prints them, and a Redis that is found."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from services.cli.complaint import Complaint
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.redis_command import raw, run_redis, shown


@pytest.mark.parametrize(
    ("reply", "lines"),
    [
        (None, ["(nil)"]),
        (3, ["(integer) 3"]),
        (b"OK", ["OK"]),
        (b"PONG", ["PONG"]),
        (b"a", ['"a"']),
        (b'say "\n\\', ['"say \\"\\n\\\\"']),
        ("é→".encode(), ['"é→"']),
        (b"\xff\x00a", ['"\\xff\\x00a"']),
        ([], ["(empty array)"]),
        ([b"a", None], ['1) "a"', "2) (nil)"]),
        ([[b"1-0", [b"k", b"v"]]], ['1) 1) "1-0"', '   2) 1) "k"', '      2) "v"']),
        (ResponseError("ERR no"), ["(error) ERR no"]),
    ],
)
def test_replies_for_people(reply: Any, lines: list[str]) -> None:
    assert shown(reply) == lines


def test_long_arrays_are_aligned() -> None:
    lines = shown([b"x"] * 10)
    assert lines[0] == ' 1) "x"'
    assert lines[9] == '10) "x"'


@pytest.mark.parametrize(
    ("reply", "lines"),
    [(None, [""]), (3, ["3"]), (b"a\nb", ["a\nb"]), ([b"a", [b"b", 1]], ["a", "b", "1"]), (ResponseError("E"), ["E"])],
)
def test_replies_for_pipes(reply: Any, lines: list[str]) -> None:
    assert raw(reply) == lines


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run of this machine is seen, and no settings."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("QUANTUM_CONFIG_DIR", str(tmp_path / "etc"))


def test_without_a_run_the_settings_say_where_redis_is(
    redis_server: EmbeddedRedis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "common.env").write_text(f"QUANTUM_REDIS_URL={redis_server.url}\n")
    assert run_redis(["SET", "test:cli", "5", "EX", "5"], None) == 0
    assert run_redis(["INCR", "test:cli"], None) == 0
    assert run_redis(["HGET", "test:cli"], None) == 1
    assert capsys.readouterr().out.splitlines()[:2] == ["OK", "6"]


def test_without_run_and_settings_it_says_so() -> None:
    with pytest.raises(Complaint, match="no quantum up is running"):
        run_redis(["PING"], None)


def test_a_folder_without_a_live_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="no quantum up runs in"):
        run_redis(["PING"], tmp_path)


def test_a_redis_that_is_away_is_said(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "common.env").write_text(f"QUANTUM_REDIS_URL=unix://{tmp_path}/none.sock\n")
    with pytest.raises(Complaint, match="does not answer"):
        run_redis(["PING"], None)


@pytest.mark.parametrize("words", [[], ["MONITOR"], ["subscribe", "x"]])
def test_what_cannot_be_one_command_is_refused(words: list[str]) -> None:
    with pytest.raises(Complaint, match="redis: "):
        run_redis(words, None)
