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
    (tmp_path / f"{name}.env").write_text("\nQUANTUM_RECV_WINDOW=5000\n", encoding="utf-8")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("QUANTUM_")}
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service}"], env={**environ, "QUANTUM_CONFIG_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == EXIT_CONFIG
    problem = "QUANTUM_RECV_WINDOW: unknown key; did you mean QUANTUM_RECV_WINDOW_MS?"
    assert ended.stderr.splitlines() == [f"quantum-{name}: {tmp_path}/{name}.env:2: {problem}"]
