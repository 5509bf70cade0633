"""A simulated Redis: the commands that the services use, one dictionary of values, and the real Lua scripts.

Held to the real server by contract tests. It can forget (come back as it was some writes ago) and tear a script (keep
a prefix of its writes), as a crashed real one can.
"""

import pickle
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from lupa import lua51
from redis.exceptions import ResponseError


class Torn(Exception):
    """The server died inside a script."""


Entry = tuple[tuple[int, int], dict[str, str]]


class Stream:
    """Entries in order, and the groups that read them."""

    __slots__ = ("entries", "groups", "last")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.last = (0, 0)
        self.groups: dict[str, Group] = {}


class Group:
    """A consumer group: how far it has read, and what is pending: id → (consumer, deliveries)."""

    __slots__ = ("last", "pending")

    def __init__(self, last: tuple[int, int]) -> None:
        self.last = last
        self.pending: dict[tuple[int, int], tuple[str, int]] = {}


def id_text(entry_id: tuple[int, int]) -> str:
    """Return an entry id as Redis writes it."""
    return f"{entry_id[0]}-{entry_id[1]}"


def id_of(text: str) -> tuple[int, int]:
    """Return an entry id as a pair."""
    ms, _, seq = text.partition("-")
    return int(ms), int(seq or 0)


class Server:
    """The values, and one method per command. Times come from the world's clock."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.values: dict[str, Any] = {}
        self.expiry: dict[str, int] = {}
        self.run_id = 1
        self.written: list[str] = []  # streams that were written since somebody asked: who blocks on them wakes
        self.writes = 0
        self.tear_after: int | None = None

    # --- crashes ---------------------------------------------------------------------------------------------

    def image(self) -> bytes:
        """Return everything as it stands."""
        return pickle.dumps((self.values, self.expiry), protocol=pickle.HIGHEST_PROTOCOL)

    def restart(self, image: bytes | None = None) -> None:
        """Come back as another server, as of an image or with everything kept."""
        if image is not None:
            self.values, self.expiry = pickle.loads(image)  # noqa: S301 - our own bytes of a moment ago
        self.run_id += 1
        self.tear_after = None

    # --- running ---------------------------------------------------------------------------------------------

    def call(self, name: str, *args: str) -> Any:
        """Run one command by name, as a script or a client does."""
        method = getattr(self, "do_" + name.lower())
        if name in _WRITES:
            if self.tear_after is not None:
                if self.tear_after == 0:
                    raise Torn
                self.tear_after -= 1
            self.writes += 1
        return method(*args)

    def script(self, source: str, keys: list[str], args: list[str]) -> Any:
        """Run a Lua script."""
        return _LUA.run(self, source, keys, args)

    def _get(self, key: str, kind: type) -> Any:
        until = self.expiry.get(key)
        if until is not None and until <= self._now_ms():
            self.values.pop(key, None)
            del self.expiry[key]
        value = self.values.get(key)
        if value is not None and not isinstance(value, kind):
            raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value

    # --- keys and strings ------------------------------------------------------------------------------------

    def do_get(self, key: str) -> str | None:
        return self._get(key, str)  # type: ignore[no-any-return]

    def do_mget(self, *keys: str) -> list[str | None]:
        return [self._get(key, str) for key in keys]

    def do_set(self, key: str, value: str, *options: str) -> str:
        self.expiry.pop(key, None)
        self.values[key] = value
        if options and options[0].upper() == "PX":
            self.expiry[key] = self._now_ms() + int(options[1])
        return "OK"

    def do_info(self, _section: str) -> str:
        return f"# Server\r\nrun_id:{self.run_id}\r\n"

    def do_exists(self, key: str) -> int:
        return int(self._get(key, object) is not None)

    def do_del(self, *keys: str) -> int:
        gone = 0
        for key in keys:
            gone += self._get(key, object) is not None
            self.values.pop(key, None)
            self.expiry.pop(key, None)
        return gone

    def do_pexpire(self, key: str, ttl_ms: str, *options: str) -> int:
        return self.do_pexpireat(key, str(self._now_ms() + int(ttl_ms)), *options)

    def do_pexpireat(self, key: str, until_ms: str, *options: str) -> int:
        if self._get(key, object) is None:
            return 0
        now, wanted = self.expiry.get(key), int(until_ms)
        option = options[0].upper() if options else ""
        if (option == "NX" and now is not None) or (option == "GT" and (now is None or wanted <= now)):
            return 0
        self.expiry[key] = wanted
        return 1

    def do_scan(self, prefix: str) -> list[str]:
        return [key for key in list(self.values) if key.startswith(prefix) and self._get(key, object) is not None]

    # --- hashes ----------------------------------------------------------------------------------------------

    def do_hget(self, key: str, field: str) -> str | None:
        value = self._get(key, dict)
        return value.get(field) if value else None

    def do_hmget(self, key: str, *fields: str) -> list[str | None]:
        value = self._get(key, dict) or {}
        return [value.get(field) for field in fields]

    def do_hgetall(self, key: str) -> list[str]:
        value = self._get(key, dict) or {}
        return [part for pair in value.items() for part in pair]

    def do_hset(self, key: str, *pairs: str) -> int:
        value = self._get(key, dict)
        if value is None:
            value = self.values[key] = {}
        before = len(value)
        value.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(value) - before

    def do_hsetnx(self, key: str, field: str, text: str) -> int:
        return 0 if self.do_hexists(key, field) else self.do_hset(key, field, text)

    def do_hexists(self, key: str, field: str) -> int:
        return int(field in (self._get(key, dict) or {}))

    def do_hdel(self, key: str, *fields: str) -> int:
        value = self._get(key, dict)
        if value is None:
            return 0
        gone = sum(value.pop(field, None) is not None for field in fields)
        if not value:
            self.do_del(key)
        return gone

    def do_hincrby(self, key: str, field: str, amount: str) -> int:
        total = int(self.do_hget(key, field) or 0) + int(amount)
        self.do_hset(key, field, str(total))
        return total

    def do_hlen(self, key: str) -> int:
        return len(self._get(key, dict) or {})

    def do_hvals(self, key: str) -> list[str]:
        return list((self._get(key, dict) or {}).values())

    # --- sorted sets -----------------------------------------------------------------------------------------

    def _zset(self, key: str) -> "ZSet":
        value = self._get(key, ZSet)
        if value is None:
            value = self.values[key] = ZSet()
        return value  # type: ignore[no-any-return]

    def do_zadd(self, key: str, score: str, member: str) -> int:
        value = self._zset(key)
        new = member not in value
        value[member] = float(score)
        return int(new)

    def do_zrem(self, key: str, *members: str) -> int:
        value = self._get(key, ZSet) or {}
        gone = sum(value.pop(member, None) is not None for member in members)
        if gone and not value:
            self.do_del(key)
        return gone

    def do_zcard(self, key: str) -> int:
        return len(self._get(key, ZSet) or {})

    def do_zscore(self, key: str, member: str) -> str | None:
        score = (self._get(key, ZSet) or {}).get(member)
        return None if score is None else _text(score)

    def do_zcount(self, key: str, low: str, high: str) -> int:
        inside = _between(low, high)
        return sum(inside(score) for score in (self._get(key, ZSet) or {}).values())

    def do_zremrangebyscore(self, key: str, low: str, high: str) -> int:
        value, inside = self._get(key, ZSet) or {}, _between(low, high)
        return self.do_zrem(key, *[member for member, score in value.items() if inside(score)])

    def do_zrangebyscore(self, key: str, low: str, high: str) -> list[str]:
        inside = _between(low, high)
        value = self._get(key, ZSet) or {}
        return sorted((member for member, score in value.items() if inside(score)), key=lambda m: (value[m], m))

    # --- streams ---------------------------------------------------------------------------------------------

    def _stream(self, key: str) -> Stream:
        value = self._get(key, Stream)
        if value is None:
            value = self.values[key] = Stream()
        return value  # type: ignore[no-any-return]

    def do_xadd(self, key: str, *args: str) -> str:
        stream, rest = self._stream(key), list(args)
        if rest[0].upper() == "MAXLEN":
            rest = rest[3:] if rest[1] in "~=" else rest[2:]
        now = self._now_ms()
        entry_id = (now, 0) if now > stream.last[0] else (stream.last[0], stream.last[1] + 1)
        if rest[0] != "*":
            entry_id = id_of(rest[0])
        stream.last = entry_id
        stream.entries.append((entry_id, dict(zip(rest[1::2], rest[2::2], strict=True))))
        self.written.append(key)
        return id_text(entry_id)

    def do_xack(self, key: str, group: str, *ids: str) -> int:
        found = self._group(key, group, missing_ok=True)
        return sum(found.pending.pop(id_of(text), None) is not None for text in ids) if found else 0

    def do_xpending(self, key: str, group: str, low: str, high: str, _count: str) -> list[list[Any]]:
        found = self._group(key, group)
        assert found is not None
        bottom, top = id_of(low), id_of(high)
        return [[id_text(i), owner, 0, n] for i, (owner, n) in sorted(found.pending.items()) if bottom <= i <= top]

    def do_xlen(self, key: str) -> int:
        return len(self._stream(key).entries) if self.do_exists(key) else 0

    def do_xrange(self, key: str) -> list[tuple[str, dict[str, str]]]:
        return [(id_text(i), fields) for i, fields in self._stream(key).entries] if self.do_exists(key) else []

    def do_xrevrange(self, key: str, _high: str = "+", _low: str = "-", _word: str = "", count: str = "0") -> list[Any]:
        rows = self.do_xrange(key)[::-1]
        chosen = rows[: int(count)] if int(count) else rows
        return [[entry_id, flat(fields)] for entry_id, fields in chosen]

    def make_group(self, key: str, group: str) -> None:
        """XGROUP CREATE from the beginning, with MKSTREAM; one that exists stays."""
        self._stream(key).groups.setdefault(group, Group((0, 0)))

    def _group(self, key: str, group: str, *, missing_ok: bool = False) -> Group | None:
        stream = self._get(key, Stream)
        found = stream.groups.get(group) if stream else None
        if found is None and not missing_ok:
            raise ResponseError(f"NOGROUP No such key '{key}' or consumer group '{group}'")
        return found

    def read_pending(self, key: str, group: str, consumer: str) -> list[tuple[str, dict[str, str] | None, int]]:
        """XREADGROUP from 0: what is pending for a consumer, oldest first, with how often it was delivered."""
        found = self._group(key, group)
        assert found is not None
        bodies = dict(self._stream(key).entries)
        rows = []
        for entry_id in sorted(found.pending):
            owner, count = found.pending[entry_id]
            if owner == consumer:
                found.pending[entry_id] = (owner, count + 1)
                rows.append((id_text(entry_id), bodies.get(entry_id), count + 1))
        return rows

    def read_new(self, keys: Iterable[str], group: str, consumer: str) -> list[tuple[str, str, dict[str, str]]]:
        """XREADGROUP from >: what no consumer of the group was given yet."""
        rows = []
        for key in keys:
            found = self._group(key, group)
            assert found is not None
            entries = self._stream(key).entries
            if not entries or entries[-1][0] <= found.last:
                continue
            for entry_id, fields in entries:
                if entry_id > found.last:
                    found.last = entry_id
                    found.pending[entry_id] = (consumer, 1)
                    rows.append((key, id_text(entry_id), fields))
        return rows

    def pending(self, key: str) -> int:
        """Return how many entries of a stream are delivered and not acknowledged."""
        stream = self._get(key, Stream)
        return sum(len(group.pending) for group in stream.groups.values()) if stream else 0

    def unread(self, key: str) -> int:
        """Return how many entries some group has not been given."""
        stream = self._get(key, Stream)
        if not stream:
            return 0
        return sum(entry_id > group.last for group in stream.groups.values() for entry_id, _ in stream.entries)


class ZSet(dict[str, float]):
    """Members and scores."""


def _between(low: str, high: str) -> Callable[[float], bool]:
    def bound(text: str) -> tuple[float, bool]:
        return float(text.lstrip("(")), text.startswith("(")

    (bottom, open_bottom), (top, open_top) = bound(str(low)), bound(str(high))
    return lambda score: (
        (score > bottom if open_bottom else score >= bottom) and (score < top if open_top else score <= top)
    )


_WRITES = frozenset(
    {"SET", "DEL", "PEXPIRE", "PEXPIREAT", "HSET", "HSETNX", "HDEL", "HINCRBY", "ZADD", "ZREM", "ZREMRANGEBYSCORE"}
    | {"XADD", "XACK"}
)


class _Lua:
    """Runs scripts as Redis does: KEYS, ARGV, redis.call, cjson.decode."""

    def __init__(self) -> None:
        self._runtime = lua51.LuaRuntime(encoding="utf-8", unpack_returned_tuples=True)
        self._server: Server
        self._compiled: dict[str, Any] = {}
        lua = self._runtime.globals()
        calls = {"call": self._redis_call, "pcall": self._redis_pcall, "error_reply": self._error}
        lua.redis = self._runtime.table_from(calls)
        lua.cjson = self._runtime.table_from({"decode": self._decode})

    def run(self, server: "Server", source: str, keys: list[str], args: list[str]) -> Any:
        """Run a script on a server and return its answer as a client gets it."""
        self._server = server
        compiled = self._compiled.get(source)
        if compiled is None:
            compiled = self._compiled[source] = self._runtime.execute(f"return function(KEYS, ARGV) {source}\nend")
        answer = compiled(self._runtime.table_from(keys), self._runtime.table_from(args))
        return self._to_python(answer)

    def _redis_call(self, name: str, *args: Any) -> Any:
        return self._to_lua(self._server.call(name.upper(), *[_text(arg) for arg in args]))

    def _redis_pcall(self, name: str, *args: Any) -> Any:
        try:
            return self._redis_call(name, *args)
        except ResponseError as error:
            return self._runtime.table_from({"err": str(error)})

    def _error(self, text: str) -> Any:
        return self._runtime.table_from({"err": text})

    def _decode(self, text: str) -> Any:
        return self._to_lua(orjson.loads(text))

    def _to_lua(self, value: Any) -> Any:
        match value:
            case None:
                return False
            case list() | tuple():
                return self._runtime.table_from([self._to_lua(item) for item in value])
            case dict():
                return self._runtime.table_from({key: self._to_lua(item) for key, item in value.items()})
            case _:
                return value

    def _to_python(self, value: Any) -> Any:
        if lua51.lua_type(value) == "table":
            if value["err"] is not None:
                raise ResponseError(value["err"])
            return [self._to_python(value[index]) for index in range(1, len(value) + 1)]
        return None if value is False else value


_LUA = _Lua()  # one for the process: compiling a script costs more than running it


def _text(value: Any) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def flat(mapping: Mapping[Any, Any]) -> list[str]:
    """Return a mapping as the arguments of a command."""
    return [str(part) for pair in mapping.items() for part in pair]
