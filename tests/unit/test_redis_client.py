"""The connection: addresses, users, and a client that never repeats a write on its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from quantum_common.redis_client import UNREACHABLE, connect, connect_url, why_gone
from quantum_common.settings import CommonSettings, SettingsError
from services.cli.embedded_redis import EmbeddedRedis


@pytest.mark.parametrize("url", ["", "redis://", "unix://", "rediss://h:1", "http://127.0.0.1:6379", "127.0.0.1:6379"])
def test_an_address_that_is_neither_socket_nor_host_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"neither unix:///path nor redis://host:port"):
        connect_url(url)


def test_a_refused_address_does_not_show_its_password() -> None:
    with pytest.raises(SettingsError) as refused:
        connect_url("rediss://me:hunter2@127.0.0.1:6379")
    assert "hunter2" not in str(refused.value)


async def test_a_socket_and_a_port_reach_the_same_server(redis_server: EmbeddedRedis) -> None:
    for url in (redis_server.url, f"redis://127.0.0.1:{redis_server.port}", f"redis://localhost:{redis_server.port}/0"):
        client = connect_url(url)
        assert await client.ping()
        await client.aclose()


async def test_replies_are_text(redis: Redis) -> None:
    await redis.set("k", "ü")
    assert await redis.get("k") == "ü"


@pytest.fixture
async def me(redis: Redis) -> AsyncIterator[None]:
    """A user with a password, who is gone afterwards."""
    await redis.acl_setuser("me", enabled=True, passwords=["+secret"], categories=["+@all"], keys=["*"])
    yield
    await redis.acl_deluser("me")


@pytest.mark.usefixtures("me")
async def test_user_and_password_come_from_the_settings_and_the_file(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    file.chmod(0o600)
    settings = CommonSettings(
        quantum_redis_url=redis_server.url, quantum_redis_user="me", quantum_redis_password_file=file
    )
    client = connect(settings)
    assert await client.acl_whoami() == "me"
    await client.aclose()
    stranger = connect_url(redis_server.url, user="me", password="wrong")
    with pytest.raises(UNREACHABLE) as refused:
        await stranger.ping()
    assert why_gone(refused.value).startswith("it refuses this user, invalid username-password pair")
    assert "QUANTUM_REDIS_PASSWORD_FILE" in why_gone(refused.value)
    await stranger.aclose()
    spoken = connect_url(f"redis://me:secret@127.0.0.1:{redis_server.port}")
    assert await spoken.acl_whoami() == "me"
    await spoken.aclose()


async def test_without_a_password_file_the_default_user_is_taken(redis_server: EmbeddedRedis) -> None:
    client = connect(CommonSettings(quantum_redis_url=redis_server.url))
    assert await client.acl_whoami() == "default"
    await client.aclose()


async def test_a_connection_that_the_server_closed_is_replaced_and_the_command_is_not_repeated(
    redis: Redis, redis_server: EmbeddedRedis
) -> None:
    client = connect_url(redis_server.url)
    await client.set("count", 0)
    await redis.client_kill_filter(_type="normal", skipme=True)
    answers = 0
    for _ in range(3):  # the first may meet the dead connection; none may be sent twice
        try:
            await client.incr("count")
            answers += 1
        except UNREACHABLE:
            continue
    assert answers >= 2
    assert int(await redis.get("count") or 0) == answers
    await client.aclose()


async def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    client = connect_url(f"unix://{tmp_path}/none.sock")
    with pytest.raises(UNREACHABLE) as gone:
        await client.ping()
    assert isinstance(gone.value, RedisConnectionError)
    assert why_gone(gone.value) == "no such file or directory"
    await client.aclose()


async def test_a_port_without_a_server_is_said_in_words_under_each_way_to_name_the_host(unused_tcp_port: int) -> None:
    for host in ("127.0.0.1", "localhost"):
        client = connect_url(f"redis://{host}:{unused_tcp_port}")
        with pytest.raises(UNREACHABLE) as gone:
            await client.ping()
        assert why_gone(gone.value) == "connection refused"
        await client.aclose()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RedisConnectionError("Error -2 connecting to nowhere:6379. No such name."), "no such name"),
        (RedisConnectionError("Error 32 while writing to socket. Broken pipe."), "broken pipe"),
        (RedisConnectionError("Error while reading from /r.sock : (32, 'Broken pipe')"), "broken pipe"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection reset by peer"),
        (RedisConnectionError("Connection closed by server."), "Connection closed by server"),
        (TimeoutError(), "TimeoutError"),
    ],
)  # fmt: skip
def test_why_redis_is_gone_is_said_without_what_is_for_programs(error: Exception, words: str) -> None:
    assert why_gone(error) == words
