"""A reload: what is hot is taken up, what is not is said, and a wrong file changes nothing."""

from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from quantum_common.log import set_level, setup
from quantum_common.reload import reread, say
from quantum_common.settings import SettingsError
from services.intent_bridge.settings import BridgeSettings

ALLOWED = "intent_bridge_allowlist"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the env files."""
    monkeypatch.setenv("QUANTUM_CONFIG_DIR", str(tmp_path))
    for name in ("common", "intent-bridge"):
        (tmp_path / f"{name}.env").touch()
    return tmp_path


def running() -> BridgeSettings:
    return BridgeSettings.model_validate({ALLOWED: "BTCUSDT,ETHUSDT"})


def test_nothing_changed_is_said(folder: Path) -> None:
    (folder / "intent-bridge.env").write_text("INTENT_BRIDGE_ALLOWLIST=BTCUSDT,ETHUSDT\n")
    found = reread(running(), "intent-bridge")
    assert (found.settings, str(found)) == (running(), "nothing has changed")


def test_the_hot_is_taken_up_and_the_cold_waits(folder: Path) -> None:
    (folder / "common.env").write_text("QUANTUM_LEASE_MS=9000\n")
    (folder / "intent-bridge.env").write_text("INTENT_BRIDGE_ALLOWLIST=BTCUSDT,SOLUSDT\n")
    found = reread(running(), "intent-bridge")
    assert found.settings.intent_bridge_allowlist == ("BTCUSDT", "SOLUSDT")
    assert found.settings.quantum_lease_ms == running().quantum_lease_ms
    assert str(found) == "1 taken up, 1 wait for a restart"
    with capture_logs() as lines:
        say(found, structlog.get_logger())
    assert lines == [
        {"event": "setting changed, which takes a restart", "log_level": "warning", "key": "QUANTUM_LEASE_MS",
         "old": "8000", "new": "9000"},
        {"event": "setting taken up", "log_level": "info", "key": "INTENT_BRIDGE_ALLOWLIST", "old": "BTCUSDT,ETHUSDT",
         "new": "BTCUSDT,SOLUSDT", "added": "SOLUSDT", "removed": "ETHUSDT"},
        {"event": "reloaded", "log_level": "info", "result": "1 taken up, 1 wait for a restart"},
    ]  # fmt: skip


def test_a_wrong_file_is_refused_by_file_and_line(folder: Path) -> None:
    (folder / "intent-bridge.env").write_text("INTENT_BRIDGE_ALLOWLIST=BTCUSDT\nINTENT_BRIDGE_ADDS_MAX=many\n")
    with pytest.raises(SettingsError, match=r"intent-bridge\.env:2: INTENT_BRIDGE_ADDS_MAX=many"):
        reread(running(), "intent-bridge")


def test_a_file_that_has_gone_is_not_an_order_to_take_the_defaults(folder: Path) -> None:
    (folder / "common.env").unlink()
    with pytest.raises(SettingsError, match=r"common\.env: no such file"):
        reread(running(), "intent-bridge")


def test_hot_values_that_do_not_go_with_the_old_cold_ones_are_refused(folder: Path) -> None:
    (folder / "common.env").write_text("QUANTUM_RECV_WINDOW_MS=1000\n")
    (folder / "intent-bridge.env").write_text("INTENT_BRIDGE_ALLOWLIST=BTCUSDT\nINTENT_BRIDGE_SETTLE_MS=1000\n")
    with pytest.raises(SettingsError, match="must be at least QUANTUM_RECV_WINDOW_MS: a part of it takes a restart"):
        reread(running(), "intent-bridge")


def test_a_level_of_the_log_holds_at_once_wherever_the_logger_went(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        log = setup("info", "tiny")
        handed_on = log
        log.debug("before")
        set_level(log, "debug")
        handed_on.debug("after")
        set_level(log, "error")
        handed_on.warning("later")
        shown = capsys.readouterr().err
        assert [word in shown for word in ("before", "after", "later")] == [False, True, False]
    finally:
        structlog.reset_defaults()
