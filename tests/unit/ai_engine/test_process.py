import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from services.ai_engine.model_files import save_model
from services.cli import embedded_redis
from tests.unit.ai_engine.given_model import card, fitted


def run(folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the engine under these settings alone, to its end."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AI_", "QUANTUM_"))}
    for name in ("common", "ai-engine"):
        (folder / f"{name}.env").touch()
    return subprocess.run(
        [sys.executable, "-m", "services.ai_engine"],
        env=kept | {"QUANTUM_CONFIG_DIR": str(folder)} | environ,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


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
    ended = run(tmp_path, environ)
    assert ended.returncode == 78
    assert complaint in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        (None, b"", "card.json: expired "),
        ("model.json", b"{}", "model.json: does not match its checksum in SHA256SUMS"),
        ("SHA256SUMS", b"", "card.json: does not match its checksum in SHA256SUMS"),
    ],
    ids=["stale", "corrupt", "without checksums"],
)
def test_a_model_that_must_not_be_used_stops_the_unit_with_one_line(
    tmp_path: Path, redis_server: embedded_redis.EmbeddedRedis, file: str | None, content: bytes, complaint: str
) -> None:
    model = tmp_path / "model"
    save_model(model, fitted(), card())  # which expired years ago
    if file is not None:
        (model / file).write_bytes(content)
    ended = run(
        tmp_path,
        {
            "AI_SYMBOLS": "BTCUSDT",
            "AI_PROFILE": "trade",
            "AI_MODEL_DIR": str(model),
            "QUANTUM_REDIS_URL": redis_server.url,
            "QUANTUM_DURABILITY": "relaxed",
        },
    )
    assert ended.returncode == 78
    told = [orjson.loads(line) for line in ended.stderr.splitlines()]
    (refused,) = [one for one in told if one["level"] == "error"]
    assert refused["event"] == "refusing to run"
    assert complaint in refused["reason"]
