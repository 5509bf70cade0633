"""Fixtures that every tier shares: a real Redis for the session, an empty one for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from quantum_common.redis_client import connect_url
from services.cli import embedded_redis

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded_redis.EmbeddedRedis]:
    """One embedded Redis for all tests of a worker."""
    server = embedded_redis.start(tmp_path_factory.mktemp("redis"), fsync="no")
    yield server
    server.stop()


@pytest.fixture
async def redis(redis_server: embedded_redis.EmbeddedRedis) -> AsyncIterator[Redis]:
    """A client of an empty Redis."""
    client = connect_url(redis_server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def shared_data() -> Path:
    """The folder of real market data beside the checkout; the test is skipped where it is absent."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("real market data (../shared/data) is not beside this checkout")
    return data
