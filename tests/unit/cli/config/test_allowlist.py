"""`quantum allowlist`: the lists side by side, and changed as one."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from services.cli.complaint import Complaint
from services.cli.config import lists, reload
from services.cli.config.allowlist import Options, run_add, run_remove, run_show
from services.cli.config.edit import HALF
from services.cli.config.outside import Listing, NotAnswered
from services.cli.run_folder import RunNote
from tests.unit.cli.config.given import put, sound_folder, told

EXCHANGE = Listing("the paper exchange at http://127.0.0.1:9001", {"DOTUSDT": "TRADING", "OLDUSDT": "SETTLING"})
PLAIN = Options(engine=False, force=False, dry_run=False, reload=False)
DRY = Options(engine=False, force=False, dry_run=True, reload=False)
FORCED = Options(engine=False, force=True, dry_run=False, reload=False)
ENGINE = Options(engine=True, force=False, dry_run=False, reload=False)
RELOAD = Options(engine=False, force=False, dry_run=False, reload=True)
THREE = ("intent-bridge.env", "intent-executor.env", "position-state-brain.env")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound folder, an exchange that answers, and a position in ETHUSDT."""
    monkeypatch.setattr(lists, "ask_listing", lambda _: EXCHANGE)
    monkeypatch.setattr(lists, "_positions", lambda _: {"ETHUSDT": Decimal("0.5")})
    return sound_folder(tmp_path)


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.env")}


def changed(folder: Path, before: dict[str, str]) -> set[str]:
    return {name for name, text in texts(folder).items() if text != before[name]}


def test_a_symbol_is_added_at_the_end_of_all_three_and_nothing_else_changes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = texts(folder)
    assert run_add(["dotusdt"], folder, PLAIN) == 0
    assert changed(folder, before) == set(THREE)
    for name, text in texts(folder).items():
        assert text.replace(",DOTUSDT", "") == before[name]
    said = capsys.readouterr().out
    assert said.count("+++ ") == 3
    assert "changed: intent-bridge.env, intent-executor.env, position-state-brain.env" in said
    assert "DOTUSDT: not in AI_SYMBOLS, so nothing ever wishes for it; --engine adds it there too" in said
    assert not list(folder.glob(f"*{HALF}"))


def test_a_dry_run_shows_the_same_diff_and_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = texts(folder)
    run_add(["DOTUSDT"], folder, DRY)
    shown = capsys.readouterr().out
    assert changed(folder, before) == set()
    assert "dry run: nothing was changed" in shown
    run_add(["DOTUSDT"], folder, PLAIN)
    assert shown.partition("dry run")[0] in capsys.readouterr().out


def test_a_symbol_that_is_removed_is_close_only_while_it_has_a_position(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = texts(folder)
    assert run_remove(["ETHUSDT", "BTCUSDT"], folder, PLAIN) == 0
    assert changed(folder, before) == set(THREE)
    said = capsys.readouterr().out
    assert "ETHUSDT: 0.5 stands, and becomes close-only: entries stop, exits pass" in said
    assert "BTCUSDT: " not in said
    assert {line.split(": ")[1] for line in told(folder)} == {"warning"}


def test_a_symbol_goes_into_the_lists_that_lack_it_and_mends_what_differed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder, "position-state-brain.env", "P33_ALLOWLIST", "BTCUSDT,DOTUSDT")
    run_add(["DOTUSDT"], folder, PLAIN)
    assert "position-state-brain.env" not in capsys.readouterr().out.split("changed: ")[1]
    run_add(["DOTUSDT"], folder, PLAIN)
    assert "every list is like that already; nothing to change" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("symbol", "why"),
    [("WAVESUSDT", "is not listed on the paper exchange"), ("OLDUSDT", "is SETTLING on the paper exchange")],
)
def test_a_symbol_that_the_exchange_does_not_trade_is_refused_unless_forced(
    folder: Path, symbol: str, why: str
) -> None:
    before = texts(folder)
    with pytest.raises(Complaint, match=f"{symbol} {why}"):
        run_add([symbol], folder, PLAIN)
    assert changed(folder, before) == set()
    run_add([symbol], folder, FORCED)
    assert changed(folder, before) == set(THREE)


def test_where_nobody_answers_an_addition_is_refused_and_a_removal_says_what_is_not_known(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> Listing:
        raise NotAnswered("the paper exchange did not answer")

    def gone(_: object) -> dict[str, Decimal]:
        raise ConnectionRefusedError("no Redis")

    monkeypatch.setattr(lists, "ask_listing", away)
    monkeypatch.setattr(lists, "_positions", gone)
    with pytest.raises(Complaint, match=r"did not answer.*whether it trades DOTUSDT is not known"):
        run_add(["DOTUSDT"], folder, PLAIN)
    run_remove(["BTCUSDT"], folder, PLAIN)
    assert "whether a position stands is not known" in capsys.readouterr().out
    with pytest.raises(Complaint, match="whether a position stands is not known"):
        run_remove(["ETHUSDT"], folder, ENGINE)
    run_show(folder, as_json=False)
    said = capsys.readouterr().out
    assert "?" in said.splitlines()[1]
    assert "not known: the paper exchange did not answer" in said


def test_the_engine_s_symbols_change_on_demand_and_never_where_a_position_would_be_forgotten(folder: Path) -> None:
    before = texts(folder)
    run_add(["DOTUSDT"], folder, ENGINE)
    assert changed(folder, before) == {*THREE, "ai-engine.env"}
    before = texts(folder)
    with pytest.raises(Complaint, match="ETHUSDT has a position, and an engine that does not follow it makes no exits"):
        run_remove(["ETHUSDT"], folder, ENGINE)
    assert changed(folder, before) == set()
    run_remove(["DOTUSDT"], folder, ENGINE)
    assert changed(folder, before) == {*THREE, "ai-engine.env"}


@pytest.mark.parametrize(("symbol", "why"), [("DOTUSDT", "is in no list"), ("DOT-USDT", "is not a symbol")])
def test_what_cannot_be_removed_is_refused(folder: Path, symbol: str, why: str) -> None:
    with pytest.raises(Complaint, match=why):
        run_remove([symbol], folder, PLAIN)


def test_the_last_symbol_stays(folder: Path) -> None:
    for name, key in zip(THREE, ("INTENT_BRIDGE_ALLOWLIST", "INTENT_EXECUTOR_ALLOWLIST", "P33_ALLOWLIST"), strict=True):
        put(folder, name, key, "BTCUSDT")
    with pytest.raises(Complaint, match="would be empty, and no service starts on that"):
        run_remove(["BTCUSDT"], folder, PLAIN)


@pytest.mark.parametrize(("value", "why"), [("BTC-USDT", "is no list of symbols"), ('"BTCUSDT', "change it by hand")])
def test_a_list_that_cannot_be_read_or_changed_is_refused(folder: Path, value: str, why: str) -> None:
    put(folder, "intent-bridge.env", "INTENT_BRIDGE_ALLOWLIST", value)
    before = texts(folder)
    with pytest.raises(Complaint, match=why):
        run_add(["DOTUSDT"], folder, PLAIN)
    assert changed(folder, before) == set()


def test_the_lists_are_shown_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_show(folder, as_json=False) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == [
        "symbol", "INTENT_BRIDGE_ALLOWLIST", "INTENT_EXECUTOR_ALLOWLIST", "P33_ALLOWLIST", "AI_SYMBOLS", "position",
        "exchange",
    ]  # fmt: skip
    assert rows[2] == ["ETHUSDT", "yes", "yes", "yes", "yes", "0.5", "not", "listed"]
    put(folder, "position-state-brain.env", "P33_ALLOWLIST", "BTCUSDT")
    assert run_show(folder, as_json=True) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["agree"], answer["lists"]["P33_ALLOWLIST"]) == (False, ["BTCUSDT"])
    assert answer["positions"] == {"ETHUSDT": "0.5"}


def note_of(folder: Path, **children: int) -> RunNote:
    return RunNote(
        pid=1, folder=str(folder.parent), market="synthetic:7", embedded=True, listed=0, speed=1, redis_url="unix:///x",
        redis_port=1, paper_url="http://127.0.0.1:1", started_ms=1, children=children,
    )  # fmt: skip


def test_the_services_of_a_run_are_told_to_reload(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that waits for SIGHUP stands in for a daemon; one that is gone is left out."""
    program = (
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP]); print('ready', flush=True);"
        "raise SystemExit(signal.sigwait([signal.SIGHUP]) == signal.SIGHUP and 7)"
    )
    daemon = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    with daemon.stdout:
        assert daemon.stdout.readline() == "ready\n"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(20)
    note = note_of(folder, **{"intent-bridge": daemon.pid, "intent-executor": gone.pid})
    monkeypatch.setattr(reload, "live_note", lambda _: note)
    run_add(["DOTUSDT"], folder, RELOAD)
    assert daemon.wait(20) == 7
    assert "reloaded: intent-bridge\n" in capsys.readouterr().out


def systemctl(folder: Path, monkeypatch: pytest.MonkeyPatch, active: int, reloads: int) -> Path:
    """A systemctl that writes what it was asked and answers with these statuses."""
    asked, program = folder.parent / "asked", folder.parent / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {asked}\n[ $1 = is-active ] && exit {active}\necho broken >&2\nexit {reloads}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(reload, "DEFAULT_CONFIG_DIR", folder)
    return asked


def test_the_units_of_this_machine_are_reloaded(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = systemctl(folder, monkeypatch, active=0, reloads=0)
    run_add(["DOTUSDT"], folder, RELOAD)
    assert "reloaded: quantum-position-state-brain.service" in capsys.readouterr().out
    assert asked.read_text().splitlines()[1] == "reload quantum-intent-bridge.service"


def test_a_unit_that_does_not_run_is_left_alone(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = systemctl(folder, monkeypatch, active=3, reloads=0)
    run_add(["DOTUSDT"], folder, RELOAD)
    assert "quantum-intent-bridge.service does not run; it reads the change at its start" in capsys.readouterr().out
    assert "reload" not in asked.read_text()


def test_a_reload_that_fails_is_one_line_and_the_files_are_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl(folder, monkeypatch, active=0, reloads=1)
    before = texts(folder)
    with pytest.raises(Complaint, match=r"changed, but quantum-intent-bridge\.service did not reload: broken"):
        run_add(["DOTUSDT"], folder, RELOAD)
    assert changed(folder, before) == set(THREE)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(Complaint, match="there is no systemctl here"):
        run_remove(["DOTUSDT"], folder, RELOAD)


def test_a_folder_that_no_service_is_known_to_read_is_not_reloaded(folder: Path) -> None:
    with pytest.raises(Complaint, match="no running service is known to read"):
        run_add(["DOTUSDT"], folder, RELOAD)
