"""Incident 44: `"".split(",")` allowed nothing; `0.5` broke an int; comments broke an env file."""

from pathlib import Path

import pytest

from quantum_common.settings import SettingsError, load
from services.cli.config.check import findings
from services.cli.config.finding import Level
from services.cli.config.folder import read_folder
from services.intent_executor.settings import ExecutorSettings


def loaded(folder: Path, text: str) -> ExecutorSettings:
    (folder / "intent-executor.env").write_text(text, encoding="utf-8")
    return load(ExecutorSettings, "intent-executor", {"QUANTUM_CONFIG_DIR": str(folder)})


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [("INTENT_EXECUTOR_ALLOWLIST=,\n", 1, "INTENT_EXECUTOR_ALLOWLIST"),
     ("\n# c\nINTENT_EXECUTOR_ALLOWLIST=BTCUSDT\nINTENT_EXECUTOR_PERMIT_WAIT_MS=0.5\n", 4,
      "INTENT_EXECUTOR_PERMIT_WAIT_MS"),
     ("INTENT_EXECUTOR_ALLOWLIST=BTCUSDT\nINTENT_EXECUTOR_GATEWAY=5\n", 2, "INTENT_EXECUTOR_GATEWAY")],
)  # fmt: skip
def test_a_wrong_setting_is_named_by_file_line_and_key(tmp_path: Path, text: str, line: int, key: str) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path}/intent-executor.env:{line}: {key}")


def test_an_empty_list_is_not_a_list_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="INTENT_EXECUTOR_ALLOWLIST: not set, and it has no default"):
        loaded(tmp_path, "INTENT_EXECUTOR_ALLOWLIST=\n")


def test_comments_do_not_break_a_file(tmp_path: Path) -> None:
    values = loaded(tmp_path, "# one\nINTENT_EXECUTOR_ALLOWLIST=BTCUSDT # two\n# three\n")
    assert values.intent_executor_allowlist == ("BTCUSDT",)


def test_every_mistake_of_every_file_is_told_in_one_run(tmp_path: Path) -> None:
    """A start tells the first; `quantum config check` tells them all."""
    (tmp_path / "common.env").write_text("QUANTUM_RECV_WINDOW_MS=0.5\nQUANTUM_LOG_LEVL=info\n", encoding="utf-8")
    (tmp_path / "intent-executor.env").write_text("INTENT_EXECUTOR_ALLOWLIST=,\n", encoding="utf-8")
    told = {
        (one.path.name, one.line, one.key)
        for one in findings(read_folder(tmp_path), offline=True)
        if one.level is Level.ERROR and one.line
    }
    assert told == {
        ("common.env", 1, "QUANTUM_RECV_WINDOW_MS"), ("common.env", 2, "QUANTUM_LOG_LEVL"),
        ("intent-executor.env", 1, "INTENT_EXECUTOR_ALLOWLIST"),
    }  # fmt: skip
