"""Incident 43: live orders in "paper" mode: mode and keys were set apart."""

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from quantum_common.exchange.addresses import address_of, require_fitting_key
from quantum_common.exchange.port import ConfigurationRefused
from quantum_common.settings import CommonSettings, Environment, SettingsError
from tests.unit.position_state_brain.scripted import World, settings


def test_the_environment_is_the_address() -> None:
    addresses = {env: address_of(CommonSettings(quantum_env=env)) for env in Environment}
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
    world.settings = settings(quantum_env="live")
    with pytest.raises(ConfigurationRefused, match="redis holds snapshots of paper and this is binance"):
        await world.restart()
    assert await world.snapshot() == before
