"""The command itself: what is wrong is one line and a status."""

import sys

import pytest

from quantum_common.version import build_id
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
