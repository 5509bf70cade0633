"""Fixtures that every tier shares: a real Redis for the session, an empty one for each test."""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from quantum_common.redis_client import connect_url
from services.cli import embedded_redis

SHARED = Path(__file__).resolve().parents[2] / "shared"

# A property is judged by what holds, and not by how long a busy machine took to try it.
settings.register_profile("quantum", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quantum")


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded_redis.EmbeddedRedis]:
    """One embedded Redis for all tests of a worker, with whatever the last test left in it."""
    server = embedded_redis.start(tmp_path_factory.mktemp("redis"), fsync="no")
    yield server
    server.stop()


@pytest.fixture
def redis_server(redis_process: embedded_redis.EmbeddedRedis) -> embedded_redis.EmbeddedRedis:
    """The worker's Redis, emptied for this test."""
    with BlockingRedis.from_url(redis_process.url) as client:
        client.flushall()
    return redis_process


@pytest.fixture
async def redis(redis_server: embedded_redis.EmbeddedRedis) -> AsyncIterator[Redis]:
    """A client of an empty Redis."""
    client = connect_url(redis_server.url)
    yield client
    await client.aclose()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket on which a service manager listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(20)
        yield channel


@pytest.fixture
def shared_data() -> Path:
    """The folder of real market data beside the checkout; the test is skipped where it is absent."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("real market data (../shared/data) is not beside this checkout")
    return data
