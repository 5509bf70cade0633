"""Incident 36: the deployed code was not the running code: two checkouts."""

import subprocess
from pathlib import Path
from typing import Any

import structlog
from redis.asyncio import Redis

from quantum_common.keys import Keys
from quantum_common.runtime import Runtime
from quantum_common.settings import CommonSettings
from quantum_common.version import build_id


async def test_every_heartbeat_names_the_build(redis: Redis) -> None:
    runtime: Runtime[CommonSettings] = Runtime("governor", CommonSettings(), redis, Keys(), structlog.get_logger())
    await runtime.heartbeat()
    beat: Any = await redis.hgetall(Keys().heartbeat("governor"))
    assert beat["version"] == build_id()
    assert beat["started_ms"] == str(runtime.started_ms)


def test_in_a_checkout_the_build_names_its_commit() -> None:
    root = Path(__file__).resolve().parents[2]
    number, _, commit = build_id().partition("+")
    assert number
    if (root / ".git").exists():
        log = subprocess.run(
            ["git", "-C", str(root), "log", "--format=%H", "-200"],  # noqa: S607
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert commit
        assert any(one.startswith(commit) for one in log.stdout.split())
