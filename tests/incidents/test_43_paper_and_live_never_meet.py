"""Incident 43: live orders in "paper" mode: mode and keys were set apart."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from quantum_common.exchange.addresses import address_of, require_fitting_key
from quantum_common.exchange.port import ConfigurationRefused
from quantum_common.settings import EXIT_CONFIG, LIVE_WORDS, CommonSettings, Environment, SettingsError, load
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.env_files import write_secret
from tests.paper import API_KEY, API_SECRET, start_paper
from tests.unit.position_state_brain.scripted import World, settings


def test_the_environment_is_the_address() -> None:
    confirms = {Environment.LIVE: LIVE_WORDS}
    addresses = {
        env: address_of(CommonSettings(quantum_env=env, quantum_live_confirm=confirms.get(env, "")))
        for env in Environment
    }
    assert "127.0.0.1" in addresses[Environment.PAPER].rest_url
    assert len({one.rest_url for one in addresses.values()}) == 3
    assert len({one.stream_url for one in addresses.values()}) == 3


@pytest.mark.parametrize("url", ["https://fapi.binance.com", "http://127.0.0.1:80@fapi.binance.com"])
def test_a_paper_address_is_on_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        CommonSettings(quantum_paper_url=url)


def test_a_key_of_another_environment_refuses_to_start() -> None:
    with pytest.raises(SettingsError):
        require_fitting_key(Environment.LIVE, SecretStr("paper-key-of-somebody"))
    with pytest.raises(SettingsError):
        require_fitting_key(Environment.PAPER, SecretStr("A" * 64))


async def test_snapshots_of_another_exchange_in_redis_refuse_the_start_and_stay_as_they_are(redis: Redis) -> None:
    world = await World(redis).begin()
    before = await world.snapshot()
    world.settings = settings(quantum_env="live", quantum_live_confirm=LIVE_WORDS)
    with pytest.raises(ConfigurationRefused, match="redis holds snapshots of paper and this is binance"):
        await world.restart()
    assert await world.snapshot() == before


LIVE = "QUANTUM_ENV=live\nQUANTUM_REDIS_URL=redis://127.0.0.1:1\n"
CONFIRM = f"QUANTUM_LIVE_CONFIRM={LIVE_WORDS}\n"
ALLOWED = {
    "ai_engine": "AI_SYMBOLS=BTCUSDT\n",
    "intent_bridge": "INTENT_BRIDGE_ALLOWLIST=BTCUSDT\n",
    "governor": "",
    "position_state_brain": "P33_ALLOWLIST=BTCUSDT\n",
    "intent_executor": "INTENT_EXECUTOR_ALLOWLIST=BTCUSDT\n",
}


def run_daemon(service: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a daemon with the settings of a folder until it ends."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("QUANTUM_")}
    return subprocess.run(
        [sys.executable, "-m", f"services.{service}"], env={**environ, "QUANTUM_CONFIG_DIR": str(folder)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def refused(folder: Path, common: str, own: str = "", **environ: str) -> str:
    (folder / "common.env").write_text(common, encoding="utf-8")
    (folder / "up.env").write_text(own, encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load(CommonSettings, "up", {"QUANTUM_CONFIG_DIR": str(folder), **environ})
    return str(error.value).replace(str(folder), "DIR")


def test_live_is_confirmed_in_common_env_and_nowhere_else(tmp_path: Path) -> None:
    alone = "is taken from DIR/common.env alone; move it there"
    assert refused(tmp_path, LIVE, CONFIRM) == f"DIR/up.env:1: QUANTUM_LIVE_CONFIRM: {alone}"
    words = refused(tmp_path, LIVE, QUANTUM_LIVE_CONFIRM=LIVE_WORDS)
    assert words == f"environment: QUANTUM_LIVE_CONFIRM: {alone}"
    (tmp_path / "common.env").write_text(LIVE + CONFIRM, encoding="utf-8")
    (tmp_path / "up.env").write_text("", encoding="utf-8")
    assert load(CommonSettings, "up", {"QUANTUM_CONFIG_DIR": str(tmp_path)}).quantum_env is Environment.LIVE


@pytest.mark.parametrize("words", ["yes", "true", LIVE_WORDS.upper(), f"{LIVE_WORDS}!"])
def test_live_is_confirmed_by_these_words_alone(tmp_path: Path, words: str) -> None:
    said = refused(tmp_path, f"{LIVE}QUANTUM_LIVE_CONFIRM={words}\n")
    assert said.endswith(f"write QUANTUM_LIVE_CONFIRM={LIVE_WORDS} into common.env")


def test_a_confirmation_does_not_lie_ready_for_a_change_of_one_word(tmp_path: Path) -> None:
    said = refused(tmp_path, CONFIRM)
    assert said == "DIR/common.env:1: QUANTUM_LIVE_CONFIRM is set while QUANTUM_ENV is paper; take it out"


@pytest.mark.parametrize("service", ALLOWED)
def test_a_daemon_that_is_live_unconfirmed_ends_with_78_and_one_line(tmp_path: Path, service: str) -> None:
    (tmp_path / "common.env").write_text(LIVE, encoding="utf-8")
    (tmp_path / f"{service.replace('_', '-')}.env").write_text(ALLOWED[service], encoding="utf-8")
    ended = run_daemon(service, tmp_path)
    assert ended.returncode == EXIT_CONFIG
    [line] = ended.stderr.splitlines()
    assert line.startswith(
        f"quantum-{service.replace('_', '-')}: {tmp_path}/common.env:1: QUANTUM_ENV is live, and QUANTUM_LIVE_CONFIRM"
    )


@pytest.mark.timeout(90)
@pytest.mark.parametrize("service", ["intent_executor", "position_state_brain"])
def test_a_key_that_may_withdraw_ends_who_trades_with_78(
    service: str, tmp_path: Path, redis: Redis, redis_server: EmbeddedRedis
) -> None:
    """Over the wire, against a paper exchange whose key has that right."""
    paper = start_paper(tmp_path, "--withdrawals")
    try:
        (tmp_path / "common.env").write_text(
            f"QUANTUM_REDIS_URL={redis_server.url}\nQUANTUM_PAPER_URL={paper.url}\nQUANTUM_DURABILITY=relaxed\n"
            f"QUANTUM_API_KEY_FILE={write_secret(tmp_path / 'key', API_KEY)}\n"
            f"QUANTUM_API_SECRET_FILE={write_secret(tmp_path / 'secret', API_SECRET)}\n"
        )
        (tmp_path / f"{service.replace('_', '-')}.env").write_text(ALLOWED[service], encoding="utf-8")
        ended = run_daemon(service, tmp_path)
    finally:
        paper.stop()
    assert ended.returncode == EXIT_CONFIG
    [line] = [line for line in ended.stderr.splitlines() if '"level":"error"' in line or "[error" in line]
    assert "refusing to run" in line
    assert "the API key may withdraw" in line
