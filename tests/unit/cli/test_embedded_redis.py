"""The embedded Redis: keeps what it acknowledged, never applies a torn script in part, says why it cannot start."""

from pathlib import Path

import pytest

from services.cli import embedded_redis
from services.cli.redis_link import RedisAddress, connect

BOTH = "redis.call('SET', 'a', ARGV[1]) redis.call('SET', 'b', ARGV[1])"


def test_a_torn_script_is_not_there_at_all_after_two_restarts(tmp_path: Path) -> None:
    server = embedded_redis.start(tmp_path)
    client = connect(RedisAddress(server.url))
    for number in ("1", "2"):
        client.eval(BOTH, 0, number)
    client.close()
    server.process.kill()
    server.process.wait()
    (log,) = (tmp_path / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(log.read_bytes()[:-30])
    for _ in range(2):
        server = embedded_redis.start(tmp_path)
        client = connect(RedisAddress(server.url))
        assert client.mget("a", "b") == ["1", "1"]
        client.close()
        server.stop()


def test_a_path_that_is_too_long_for_a_socket_is_said(tmp_path: Path) -> None:
    with pytest.raises(embedded_redis.EmbeddedRedisError, match="choose a shorter folder"):
        embedded_redis.start(tmp_path / ("x" * 100))


def test_a_port_that_was_taken_between_look_and_start_is_chosen_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = embedded_redis.start(tmp_path / "first")
    chosen = iter([first.port, embedded_redis.free_port()])
    monkeypatch.setattr(embedded_redis, "free_port", lambda: next(chosen))
    try:
        second = embedded_redis.start(tmp_path / "second")
        second.stop()
    finally:
        first.stop()
    assert second.port != first.port


def test_a_port_that_is_taken_is_not_given_out(tmp_path: Path) -> None:
    server = embedded_redis.start(tmp_path)
    assert embedded_redis.free_port(server.port) != server.port
    with pytest.raises(embedded_redis.EmbeddedRedisError, match=r"redis\.log"):
        embedded_redis.start(tmp_path / "other", port=server.port)
    server.stop()
    assert embedded_redis.free_port(server.port) == server.port
