"""The command's own connection to Redis: blocking, read-only by use, with replies as text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from redis import Connection, ConnectionPool, Redis, UnixDomainSocketConnection
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from quantum_common.redis_client import why_gone
from services.cli.complaint import Complaint

TIMEOUT_S = 5.0
PAGE = 1000

Entry = tuple[str, dict[str, str]]
GONE = (RedisError, OSError)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis is, without its secret in the URL."""

    url: str
    user: str = ""
    password: str = ""


def parse_address(url: str) -> RedisAddress:
    """Given a Redis URL that may carry user and password, return them apart."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url
    return RedisAddress(bare, unquote(parts.username or ""), unquote(parts.password or ""))


def connect(address: RedisAddress, *, text: bool = True, timeout_s: float | None = TIMEOUT_S) -> Redis:
    """Given an address, return a client. Nothing is sent yet."""
    parts = urlsplit(address.url)
    options: dict[str, Any] = {
        "decode_responses": text,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": timeout_s,
        "socket_connect_timeout": TIMEOUT_S,
    }
    if address.user:
        options["username"] = address.user
    if address.password:
        options["password"] = address.password
    if parts.scheme == "unix":
        pool = ConnectionPool(connection_class=UnixDomainSocketConnection, path=parts.path, **options)
    else:
        pool = ConnectionPool(
            connection_class=Connection,
            host=parts.hostname,
            port=parts.port or 6379,
            db=parts.path.strip("/") or "0",
            **options,
        )
    return Redis.from_pool(pool)


def require_answer(redis: Redis, url: str) -> None:
    """Given a client, return where its server answers. Raise Complaint saying what to do otherwise."""
    try:
        redis.ping()
    except GONE as error:
        raise Complaint(
            f"--redis {url}: does not answer ({why_gone(error)}); start it, or leave --redis out for the embedded one"
        ) from None


def entries(redis: Redis, stream: str, after: str = "0-0") -> Iterator[Entry]:
    """Given a stream and an entry's id, yield every later entry, oldest first, in pages."""
    while True:
        rows: Any = redis.xrange(stream, min=f"({after}", count=PAGE)
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


def written_ms(entry_id: str) -> int:
    """Given an entry's id, return when Redis took it, in epoch milliseconds."""
    return int(entry_id.partition("-")[0])


def literal(prefix: str) -> str:
    """Given a prefix, return the pattern that fits it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in prefix)
