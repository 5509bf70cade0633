"""What the shell offers: symbols and plans that begin so, and nothing at all where there is nothing."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis as blocking

from quantum_common.keys import Keys
from services.cli import completion, target
from services.cli.complaint import Complaint
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.health import limits
from services.cli.redis_link import RedisAddress, connect
from tests.unit.cli.config.given import put, sound_folder
from tests.unit.intent_executor.scripted import plan


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_server: EmbeddedRedis) -> Path:
    """A sound folder that the commands go by, beside a real Redis."""
    folder = sound_folder(tmp_path)
    put(folder, "common.env", "QUANTUM_REDIS_URL", redis_server.url)
    for module in (target, limits):
        monkeypatch.setattr(module, "environ_of", lambda *_: {"QUANTUM_CONFIG_DIR": str(folder)})
    return folder


def test_the_newest_plans_that_begin_so_are_offered(etc: Path, redis_server: EmbeddedRedis) -> None:
    link: blocking.Redis = connect(RedisAddress(redis_server.url))
    for plan_id in ("aaaa", "aabb", "bbbb"):
        fields: dict[Any, Any] = plan(plan_id=plan_id).to_fields()
        link.xadd(Keys().plans, fields)
    link.xadd(Keys().plans, {"nonsense": "1"})
    assert completion.plans("aa") == ["aabb", "aaaa"]
    assert completion.plans("") == ["bbbb", "aabb", "aaaa"]
    link.close()


def test_where_there_is_nothing_nothing_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object) -> None:
        raise Complaint("no pipeline")

    monkeypatch.setattr(completion, "settings_of", nowhere)
    monkeypatch.setattr(completion, "limits_of", nowhere)
    assert (completion.plans("a"), completion.symbols("B")) == ([], [])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "--show-completion", shell], capture_output=True, text=True, timeout=60,
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "_QUANTUM_COMPLETE" in done.stdout


def test_the_symbols_of_the_settings_that_begin_so_are_offered(etc: Path) -> None:
    assert completion.symbols("bt") == ["btcusdt"]
    assert completion.symbols("BT") == ["BTCUSDT"]
    assert len(completion.symbols("")) == 12


def test_the_shell_is_answered() -> None:
    environ = {**os.environ, "_QUANTUM_COMPLETE": "complete_bash", "COMP_WORDS": "quantum allow", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "services.cli"], capture_output=True, text=True, timeout=60, env=environ, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "allowlist\n", "")
