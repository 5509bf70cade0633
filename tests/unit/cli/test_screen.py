"""The screens: standard output stays clean for JSON, lines come seldom, the table gives the terminal back."""

import io
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from services.cli.screen import LINE_EVERY_S, JsonScreen, LineScreen, LiveScreen, screen_for
from services.cli.signals import StopSignals
from tests.unit.cli.test_rendering import board


class Broken(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str, /) -> int:
        """Refuse."""
        raise BrokenPipeError(32, "nobody reads")


@pytest.fixture
def stops() -> Iterator[StopSignals]:
    """The wishes to stop, with the process's own handlers put back at the end."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    out, err = sys.stdout, sys.stderr
    made = StopSignals()
    made.install()
    yield made
    for number, handler in kept.items():
        signal.signal(number, handler)
    sys.stdout, sys.stderr = out, err
    if made.silence is not None:
        made.silence.close()


def test_json_leaves_standard_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    screen = JsonScreen()
    screen.say("starting")
    screen.describe(lambda: "title", "address")
    screen.show(board())
    screen.close()
    assert capsys.readouterr() == ("", "quantum up: starting\n")


def test_lines_come_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = [0.0]
    screen = LineScreen(lambda: now_s[0])
    screen.describe(lambda: "paper", "redis-cli -p 1")
    screen.show(board())
    now_s[0] += LINE_EVERY_S
    screen.show(board())
    screen.show(board())
    screen.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "paper  redis-cli -p 1"
    assert len(lines) == 2
    assert lines[1].startswith("0:00:05  ACTIVE")


def test_the_table_is_drawn_and_what_was_said_meanwhile_comes_back() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, color_system="standard")
    screen = LiveScreen(console)
    screen.say("starting")
    screen.describe(lambda: "paper", "redis-cli -p 1")
    screen.show(board())
    screen.say("governor was killed")
    screen.show(board())
    screen.close()
    screen.close()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.startswith("starting")
    assert "\x1b[?1049h" in text, "the terminal's other screen"
    after = text.partition("\x1b[?1049l")[2]
    assert "governor was killed" in after


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    screen = LiveScreen(console)
    screen.show(board())
    screen.close()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[32m" not in text
    assert "\x1b[1;32m" not in text


def test_a_reader_that_went_away_stops_the_run(stops: StopSignals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Broken())
    LineScreen().say("into the void")
    assert stops.requested()
    assert not stops.urgent()


def test_the_same_wish_passed_on_twice_is_one(stops: StopSignals, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("services.cli.signals.time.monotonic", lambda: now_s[0])
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    assert stops.requested()
    assert not stops.urgent()
    assert stops.left_s(14) == 14
    now_s[0] += 1
    os.kill(os.getpid(), signal.SIGINT)
    assert stops.urgent()
    assert stops.left_s(14) == 13


def test_a_second_wish_ends_even_what_takes_long(stops: StopSignals, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("services.cli.signals.time.monotonic", lambda: now_s[0])
    assert stops.left_s(14) == 14
    stops.interrupting = True
    os.kill(os.getpid(), signal.SIGINT)
    now_s[0] += 1
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_without_a_terminal_there_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(screen_for(as_json=True), JsonScreen)
    assert isinstance(screen_for(as_json=False), LineScreen)
