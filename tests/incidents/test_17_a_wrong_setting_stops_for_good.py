"""Incident 17: a daemon restarted 6,568 times on a missing key, while another granted its permits for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quantum_common.settings import EXIT_CONFIG

SERVICES = ("ai_engine", "intent_bridge", "governor", "position_state_brain", "intent_executor")


@pytest.mark.parametrize("service", SERVICES)
def test_a_setting_that_cannot_be_used_ends_a_service_with_78_and_one_line(service: str, tmp_path: Path) -> None:
    name = service.replace("_", "-")
    (tmp_path / "common.env").touch()
    (tmp_path / f"{name}.env").write_text("\nQUANTUM_RECV_WINDOW=5000\n", encoding="utf-8")
    problem = "QUANTUM_RECV_WINDOW: unknown key; did you mean QUANTUM_RECV_WINDOW_MS?"
    assert refused(service, tmp_path) == f"quantum-{name}: {tmp_path}/{name}.env:2: {problem}"


@pytest.mark.parametrize("there", [None, (), ("common",), ("governor",)], ids=str)
def test_a_folder_or_a_file_that_is_not_there_is_never_the_default_settings(
    there: tuple[str, ...] | None, tmp_path: Path
) -> None:
    folder = tmp_path / "etc"
    if there is not None:
        folder.mkdir()
        for name in there:
            (folder / f"{name}.env").touch()
    missing = folder if there is None else folder / ("governor.env" if there == ("common",) else "common.env")
    said = refused("governor", folder)
    assert said.startswith(f"quantum-governor: {missing}: no such {'folder' if there is None else 'file'}; ")
    assert "QUANTUM_CONFIG_DIR" in said


def refused(service: str, folder: Path) -> str:
    """Run a daemon with the settings of a folder; it must end with 78, and the one line that it says is returned."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("QUANTUM_")}
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service}"], env={**environ, "QUANTUM_CONFIG_DIR": str(folder)},
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert ended.returncode == EXIT_CONFIG
    [line] = ended.stderr.splitlines()
    return line
