"""A daemon trades only on a Redis that keeps what it acknowledges, or says aloud that this one may not."""

from collections.abc import AsyncIterator

import pytest
import structlog
from redis.asyncio import Redis
from structlog.testing import capture_logs

from quantum_common.durability import WANTED, DurabilityRefused, require_durable
from quantum_common.redis_client import connect_url
from quantum_common.settings import CommonSettings, Durability
from services.cli.embedded_redis import EmbeddedRedis

STRICT = CommonSettings(quantum_durability=Durability.STRICT)
RELAXED = CommonSettings(quantum_durability=Durability.RELAXED)


@pytest.fixture
async def durable(redis: Redis) -> AsyncIterator[Redis]:
    """A Redis that is set as wanted, and as before afterwards."""
    before = await redis.config_get(*WANTED)
    try:
        for name, wanted in WANTED.items():
            await redis.config_set(name, wanted)
        yield redis
    finally:
        for setting, was in before.items():
            await redis.config_set(setting or "", was or "")


async def test_a_redis_that_is_set_right_is_taken_in_silence(durable: Redis) -> None:
    with capture_logs() as logs:
        await require_durable(durable, STRICT, structlog.get_logger())
    assert logs == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru"), ("no-appendfsync-on-rewrite", "yes")],
)
async def test_a_redis_that_may_forget_is_refused_by_the_setting_s_name(durable: Redis, name: str, value: str) -> None:
    await durable.config_set(name, value)
    with pytest.raises(DurabilityRefused, match=f"{name} is {value}, wanted {WANTED[name]}; or set QUANTUM_DURABILITY"):
        await require_durable(durable, STRICT, structlog.get_logger())


async def test_relaxed_goes_on_and_says_what_is_at_stake(durable: Redis) -> None:
    await durable.config_set("appendfsync", "everysec")
    with capture_logs() as logs:
        await require_durable(durable, RELAXED, structlog.get_logger())
    assert [(log["log_level"], log["settings"]) for log in logs] == [
        ("warning", "appendfsync is everysec, wanted always")
    ]


async def test_a_user_that_may_not_ask_is_told_what_to_allow(redis: Redis, redis_server: EmbeddedRedis) -> None:
    await redis.acl_setuser("poor", enabled=True, nopass=True, categories=["+@all"], commands=["-config"], keys=["*"])
    client = connect_url(redis_server.url, user="poor", password="any")
    try:
        with pytest.raises(DurabilityRefused, match=r"allow this user \+config\|get"):
            await require_durable(client, RELAXED, structlog.get_logger())
    finally:
        await client.aclose()
        await redis.acl_deluser("poor")
