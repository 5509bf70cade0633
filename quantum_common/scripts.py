"""Atomic scripts: one Lua file each, headed by the keys and arguments it takes, called by name and never by count.

A script's header has the lines `-- KEYS: a b c` and `-- ARGV: x y z`; each name becomes a local variable, and the
caller gives the same names. A value that is a list or a mapping is passed as JSON of an array (a mapping as
`[field, value, field, value ...]`, so that the order of fields is kept), to be decoded in the script.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import orjson
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

FENCED = "FENCED"

Argument = str | int | Sequence[str] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fence:
    """A lease's key and the token of its holder: a fenced script does nothing where another token stands there."""

    key: str
    token: str


class Fenced(RedisConnectionError):
    """The lease is not ours now. Whoever writes waits, as if Redis were gone, until the lease is ours again or lost."""


class Script:
    """One Lua script, bound to a connection, and to a fence where one instance alone may run it."""

    def __init__(self, redis: Redis, name: str, fence: Fence | None = None) -> None:
        self.name = name
        self._keys, self._arguments, source = _read(name)
        self._fence = fence
        if fence is not None:
            source = _fenced(source, len(self._keys) + 1, len(self._arguments) + 1)
        self._script: AsyncScript = redis.register_script(source)

    async def __call__(self, keys: Mapping[str, str], arguments: Mapping[str, Argument]) -> object:
        """Given every key and argument by name, run it and return its answer. Raise KeyError for a wrong name."""
        if keys.keys() != set(self._keys) or arguments.keys() != set(self._arguments):
            raise KeyError(f"{self.name}: takes keys {self._keys} and arguments {self._arguments}")
        names = [keys[name] for name in self._keys]
        values = [as_argument(arguments[name]) for name in self._arguments]
        if self._fence is None:
            return await self._script(keys=names, args=values)
        try:
            return await self._script(keys=[*names, self._fence.key], args=[*values, self._fence.token])
        except ResponseError as error:
            if str(error).startswith(FENCED):
                raise Fenced(str(error)) from None
            raise


def _fenced(source: str, key: int, argument: int) -> str:
    """Given a script, return it behind the comparison of a lease with the token that must stand there."""
    refusal = f"return redis.error_reply('{FENCED} another instance holds the lease')"
    return f"if redis.call('GET', KEYS[{key}]) ~= ARGV[{argument}] then {refusal} end\n{source}"


@cache
def _read(name: str) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Given a script's name, return its key names, its argument names, and its source with both as locals."""
    source = (files("quantum_common") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    keys, arguments = _header(source, "KEYS"), _header(source, "ARGV")
    prologue = [f"local {key} = KEYS[{index}]" for index, key in enumerate(keys, 1)]
    prologue += [f"local {argument} = ARGV[{index}]" for index, argument in enumerate(arguments, 1)]
    return keys, arguments, "\n".join((*prologue, source))


def _header(source: str, word: str) -> tuple[str, ...]:
    found = re.search(rf"^-- {word}:(.*)$", source, re.MULTILINE)
    if found is None:
        raise ValueError(f"a script needs a line `-- {word}: ...`")
    return tuple(found[1].split())


def as_argument(value: Argument) -> str:
    """Given an argument, return it as the text that a script receives."""
    match value:
        case str():
            return value
        case int():
            return str(value)
        case Mapping():
            return orjson.dumps([part for pair in value.items() for part in pair]).decode()
        case _:
            return orjson.dumps(list(value)).decode()
