"""`quantum alerts test`, `list` and `ack`, and how the settings and the command line go together."""

import getpass
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.cli.alerts import command
from services.cli.alerts.command import run_acknowledge, run_list, run_test, settings_of
from services.cli.alerts.decide import Kind, Notice, Standing
from services.cli.alerts.given import Given
from services.cli.alerts.outbox import Outbox
from services.cli.alerts.record import Record, read_acknowledged, write_record
from services.cli.complaint import Complaint
from services.cli.health.check import Level

Capture = pytest.CaptureFixture[str]
Remember = Callable[..., Path]


@pytest.fixture
def remember(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remember:
    """Settings in a folder of this test, and a state file that the daemon has left."""
    state = tmp_path / "state.json"
    (tmp_path / "alerts.env").write_text(f"ALERTS_STATE_FILE={state}\n")
    monkeypatch.setattr(command, "environ_of", lambda *_: {"QUANTUM_CONFIG_DIR": str(tmp_path)})

    def make(*standing: Standing, age_ms: int = 0, outbox: Outbox | None = None) -> Path:
        looked_ms = time.time_ns() // 1_000_000 - age_ms
        write_record(state, Record(looked_ms=looked_ms, standing=standing, outbox=outbox or Outbox()))
        return state

    return make


def standing(subject: str = "BTCUSDT", *, told: bool = True, calm: bool = False) -> Standing:
    since_ms = time.time_ns() // 1_000_000 - 90_000
    return Standing(
        name="drift", subject=subject, level=Level.BAD, figure="ledger 1, exchange 2", limit="equal",
        words="quantum reconcile", since_ms=since_ms, told_ms=since_ms + 1 if told else None,
        calm_since_ms=since_ms + 2 if calm else None,
    )  # fmt: skip


def test_the_list_says_what_stands_since_when_and_who_has_taken_note(remember: Remember, capsys: Capture) -> None:
    state = remember(standing(), standing("ETHUSDT", calm=True), standing("XRPUSDT", told=False))
    assert run_list(Given(), as_json=False) == 1
    first, second, foot = capsys.readouterr().out.splitlines()
    assert first.startswith("BAD  drift BTCUSDT  for 1m 30s, not acknowledged: ledger 1, exchange 2. quantum reconcile")
    assert "well again but not for long enough" in second
    assert foot.startswith("2 standing, looked ")
    assert run_acknowledge(Given(), "drift", "BTCUSDT", dry_run=True) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "dry run: nothing was done"
    assert not read_acknowledged(state).entries
    assert run_acknowledge(Given(), "drift", "BTCUSDT") == 0
    assert "acknowledged: drift BTCUSDT" in capsys.readouterr().out
    run_list(Given(), as_json=False)
    assert f"acknowledged by {getpass.getuser()}" in capsys.readouterr().out.splitlines()[0]
    assert run_list(Given(), as_json=True) == 1
    told = json.loads(capsys.readouterr().out)["standing"]
    assert [(one["subject"], one["acknowledged"]) for one in told] == [("BTCUSDT", True), ("ETHUSDT", False)]


def test_all_of_a_name_can_be_acknowledged_at_once_and_what_is_over_is_forgotten(remember: Remember) -> None:
    state = remember(standing(), standing("ETHUSDT"))
    assert run_acknowledge(Given(), "drift", "") == 0
    assert run_acknowledge(Given(), "drift", "") == 0
    assert [one.subject for one in read_acknowledged(state).entries] == ["BTCUSDT", "ETHUSDT"]
    remember(standing("XRPUSDT"))
    assert run_acknowledge(Given(), "drift", "XRPUSDT") == 0
    assert [one.subject for one in read_acknowledged(state).entries] == ["XRPUSDT"]


def test_what_does_not_stand_cannot_be_acknowledged(remember: Remember) -> None:
    remember(standing())
    with pytest.raises(Complaint, match="no alert model stands; what does: drift BTCUSDT"):
        run_acknowledge(Given(), "model", "")


def test_nothing_stands_and_nobody_looks(remember: Remember, capsys: Capture) -> None:
    notice = Notice(
        id="1", kind=Kind.RAISED, name="drift", subject="", level=Level.BAD, figure="", limit="", words="", since_ms=1,
        ts_ms=1,
    )  # fmt: skip
    remember(age_ms=command.DEAD_AFTER_MS + 1_000, outbox=Outbox(dropped=3).put([notice], ["webhook"]))
    assert run_list(Given(), as_json=False) == 0
    said = capsys.readouterr().out
    assert "nothing stands" in said
    assert "1 still to be delivered, 3 dropped, nobody looks" in said


def test_before_the_first_look_there_is_nothing_to_list(remember: Remember) -> None:
    with pytest.raises(Complaint, match="start quantum alerts run"):
        run_list(Given(), as_json=False)


def test_a_test_goes_to_every_channel_and_says_which_did_not_take_it(remember: Remember, capsys: Capture) -> None:
    with pytest.raises(Complaint, match="nobody to tell"):
        run_test(Given())
    assert run_test(Given(command=f"{sys.executable} -c pass")) == 0
    assert capsys.readouterr().out == "command: delivered\n"
    assert run_test(Given(command="/nonexistent/pager")) == 1
    assert capsys.readouterr().out == "command: the command cannot be run: No such file or directory\n"


def test_the_command_line_wins_over_the_settings(remember: Remember, tmp_path: Path) -> None:
    file = tmp_path / "alerts.env"
    file.write_text("ALERTS_COMMAND=page\nALERTS_CALM_MS=5\nALERTS_MUTED=bars, build\nALERTS_LEVEL_MIN=WARN\n")
    found, _ = settings_of(Given(command="other 'two words'"))
    assert found.alerts_command == ("other", "two words")
    assert found.policy.calm_ms == 5
    assert found.policy.muted == {"bars", "build"}
    assert found.policy.level_min is Level.WARN
    with pytest.raises(Complaint, match="--command"):
        settings_of(Given(command="an 'open quote"))
    file.write_text("ALERTS_CALM=5\n")
    with pytest.raises(Complaint, match=r"alerts\.env:1: ALERTS_CALM: unknown key; did you mean ALERTS_CALM_MS"):
        settings_of(Given())
