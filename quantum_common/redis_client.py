"""The connection to Redis, with redis-py's traps closed.

- A pooled connection that the server reset must not surface as a RuntimeError of the event loop: `is_connected` asks
  the transport too.
- A write is never sent again by the client: no retries. What must be repeated is repeated by the stream's consumer,
  through scripts that are idempotent.
- BLOCK stays far below the socket timeout, and the reply shapes are those of one pinned protocol version.
"""

import os
import re
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Connection, Redis, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, OutOfMemoryError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from quantum_common.settings import CommonSettings, SettingsError, read_secret, without_password

SOCKET_TIMEOUT_S = 10.0
BLOCK_MS = 1000
MAX_CONNECTIONS = 64

# What means "Redis cannot do it now": wait and go on. Everything else that Redis says is a broken invariant.
UNREACHABLE = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, ReadOnlyError, OutOfMemoryError, OSError)

__all__ = ["BLOCK_MS", "UNREACHABLE", "Redis", "RedisError", "connect", "connect_url", "why_gone"]

# The number of the system's error in whatever redis-py makes of it; that of a host nobody knows is negative.
_NUMBER = re.compile(r"(?:\bError |\[Errno |: \()(\d+)\b")
_WHO = "see QUANTUM_REDIS_USER and QUANTUM_REDIS_PASSWORD_FILE"
_NO_SUCH_NAME = re.compile(r"Error -\d+ connecting to .+?\. (.+)")


def why_gone(error: BaseException) -> str:
    """Given what a client of Redis raised, return in an operator's words why there was no answer; where Redis is, is
    the caller's to say."""
    text = str(error).rstrip(".")
    if isinstance(error, AuthenticationError) or isinstance(error.__cause__, AuthenticationError):
        return f"it refuses this user, {text[:1].lower()}{text[1:]}; {_WHO}"
    if found := _NUMBER.search(text):
        return os.strerror(int(found[1])).lower()
    if found := _NO_SUCH_NAME.fullmatch(text):
        return found[1].lower()
    return text or type(error).__name__


class _Alive(AbstractConnection):
    """Knows a connection that the peer has closed."""

    @property
    def is_connected(self) -> bool:
        """Return whether the transport can still carry a command."""
        writer = self._writer
        return self._reader is not None and writer is not None and not writer.transport.is_closing()


class _TcpConnection(_Alive, Connection):
    pass


class _SocketConnection(_Alive, UnixDomainSocketConnection):
    pass


def connect(settings: CommonSettings) -> Redis:
    """Given the settings, return a client for Redis. Nothing is sent yet. Raise SettingsError for a bad URL."""
    password = ""
    if settings.quantum_redis_password_file is not None:
        secret = read_secret(settings.quantum_redis_password_file, "QUANTUM_REDIS_PASSWORD_FILE")
        password = secret.get_secret_value()
    return connect_url(settings.quantum_redis_url, user=settings.quantum_redis_user, password=password)


def connect_url(url: str, *, user: str = "", password: str = "") -> Redis:
    """Given `unix:///path` or `redis://host:port`, return a client whose replies are text."""
    parts = urlsplit(url)
    options: dict[str, Any] = {
        "decode_responses": True,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_error": [],
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": 2.0,
        "max_connections": MAX_CONNECTIONS,
        "timeout": SOCKET_TIMEOUT_S,  # a burst waits for a connection; what other pools raise reads as "redis is gone"
    }
    if user or parts.username:
        options["username"] = user or parts.username
    if password or parts.password:
        options["password"] = password or parts.password
    if parts.scheme == "unix" and parts.path:
        pool = BlockingConnectionPool(connection_class=_SocketConnection, path=parts.path, **options)
    elif parts.scheme == "redis" and parts.hostname:
        database = parts.path.strip("/") or "0"
        pool = BlockingConnectionPool(
            connection_class=_TcpConnection, host=parts.hostname, port=parts.port or 6379, db=database, **options
        )
    else:
        raise SettingsError(
            f"settings: QUANTUM_REDIS_URL={without_password(url)}: neither unix:///path nor redis://host:port"
        )
    return Redis.from_pool(pool)  # the client owns the pool and closes it
