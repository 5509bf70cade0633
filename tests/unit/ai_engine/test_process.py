import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("environ", "complaint"),
    [
        ({}, "AI_SYMBOLS: not set"),
        ({"AI_SYMBOLS": "BTCUSDT", "AI_PROFILE": "explore", "QUANTUM_ENV": "testnet"}, "AI_PROFILE=explore"),
        ({"AI_SYMBOLS": "BTCUSDT,,ETHUSDT"}, "AI_SYMBOLS=BTCUSDT,,ETHUSDT"),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_unit_with_one_line(
    tmp_path: Path, environ: dict[str, str], complaint: str
) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AI_", "QUANTUM_"))}
    for name in ("common", "ai-engine"):
        (tmp_path / f"{name}.env").touch()
    ended = subprocess.run(
        [sys.executable, "-m", "services.ai_engine"],
        env=kept | {"QUANTUM_CONFIG_DIR": str(tmp_path)} | environ,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 78
    assert complaint in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
