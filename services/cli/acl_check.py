"""G5 by trying: every user asks Redis for every write on every key, and Redis must answer as the table says.

A command is tried inside MULTI and then discarded: Redis refuses what a user may not do when it is queued, and what it
does not refuse is never carried out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from quantum_common.acl import ACL_TABLE, OPERATOR, USERS, Row, user_name
from quantum_common.keys import Keys
from services.cli.redis_link import RedisAddress, connect

PROBE = "ACLPROBE"  # stands for whatever a key is about

WRITES: Mapping[str, tuple[str, ...]] = {
    "set": ("SET", "{key}", "x"),
    "del": ("DEL", "{key}"),
    "pexpire": ("PEXPIRE", "{key}", "1"),
    "hset": ("HSET", "{key}", "f", "x"),
    "hdel": ("HDEL", "{key}", "f"),
    "hincrby": ("HINCRBY", "{key}", "f", "1"),
    "zadd": ("ZADD", "{key}", "1", "m"),
    "zrem": ("ZREM", "{key}", "m"),
    "xadd": ("XADD", "{key}", "*", "f", "x"),
    "xtrim": ("XTRIM", "{key}", "MAXLEN", "0"),
    "xack": ("XACK", "{key}", "g", "1-1"),
    "xdel": ("XDEL", "{key}", "1-1"),
    "rename": ("RENAME", "{key}", "{key}2"),
}
FORBIDDEN = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "SET", "appendonly", "no"),
    ("DEBUG", "SLEEP", "0"),
    ("KEYS", "*"),
    ("SCRIPT", "FLUSH"),
    ("ACL", "SETUSER", "nobody"),
    ("REPLICAOF", "NO", "ONE"),
)


def check_users(address: RedisAddress, keys: Keys, passwords: Mapping[str, str]) -> list[str]:
    """Given a Redis, the names of a shard and its users' passwords, try everything and return what is not as it should
    be, in words. Raise redis' errors where it cannot be asked."""
    findings = []
    for user in USERS:
        name = user_name(user, keys)
        client = connect(RedisAddress(address.url, name, passwords[name]))
        try:
            findings += list(_tried(client, user, name, keys))
        finally:
            client.close()
    return findings


def check_default(address: RedisAddress, keys: Keys) -> list[str]:
    """Given a Redis whose `default` user is open, return where it may more than the operator."""
    client = connect(RedisAddress(address.url))
    try:
        return list(_tried(client, OPERATOR, "default", keys))
    finally:
        client.close()


def _tried(client: Redis, user: str, name: str, keys: Keys) -> Iterator[str]:
    for row in ACL_TABLE:
        for command, words in WRITES.items():
            wanted = row.may_call(user, command)
            if permitted(client, words, key_of(row, keys)) is not wanted:
                yield f"{name} may {'not ' if wanted else ''}{command} {key_of(row, keys)}"
    for words in FORBIDDEN:
        if permitted(client, words):
            yield f"{name} may {' '.join(words)}"


def key_of(row: Row, keys: Keys) -> str:
    """Given a row of the table, return a key of its family that nothing else uses, or the one that there is."""
    return row.pattern(keys).replace("*", PROBE)


def permitted(client: Redis, words: tuple[str, ...], key: str = "") -> bool:
    """Given a command, return whether Redis would carry it out for this client. Nothing is done."""
    connection: Any = client.connection_pool.get_connection()
    command = tuple(word.replace("{key}", key) for word in words)
    try:
        connection.send_packed_command(connection.pack_commands((("MULTI",), command, ("DISCARD",))))
        connection.read_response()
        try:
            connection.read_response()
        except ResponseError:
            return False
        finally:
            connection.read_response()
        return True
    finally:
        client.connection_pool.release(connection)
