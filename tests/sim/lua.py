"""The project's Lua scripts, run by a real Lua 5.1 on a simulated server: KEYS, ARGV, redis.call, cjson.decode."""

from collections.abc import Callable
from typing import Any

import orjson
from lupa import lua51
from redis.exceptions import ResponseError

Command = Callable[..., Any]


class Lua:
    """Runs scripts as Redis does; `call` is the server's way to run one command by its name."""

    def __init__(self) -> None:
        self._runtime = lua51.LuaRuntime(encoding="utf-8", unpack_returned_tuples=True)
        self._call: Command
        self._compiled: dict[str, Any] = {}
        lua = self._runtime.globals()
        calls = {"call": self._redis_call, "pcall": self._redis_pcall, "error_reply": self._error}
        lua.redis = self._runtime.table_from(calls)
        lua.cjson = self._runtime.table_from({"decode": self._decode})

    def run(self, call: Command, source: str, keys: list[str], args: list[str]) -> Any:
        """Run a script and return its answer as a client gets it. Raise ResponseError for an error reply."""
        self._call = call
        compiled = self._compiled.get(source)
        if compiled is None:
            compiled = self._compiled[source] = self._runtime.execute(f"return function(KEYS, ARGV) {source}\nend")
        answer = compiled(self._runtime.table_from(keys), self._runtime.table_from(args))
        return self._to_python(answer)

    def _redis_call(self, name: str, *args: Any) -> Any:
        return self._to_lua(self._call(name.upper(), *[as_text(arg) for arg in args]))

    def _redis_pcall(self, name: str, *args: Any) -> Any:
        try:
            return self._redis_call(name, *args)
        except ResponseError as error:
            return self._error(str(error))

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
        if isinstance(value, float):
            return int(value)  # as Redis: a number's fraction is cut off
        return None if value is False else value


LUA = Lua()  # one for the process: compiling a script costs more than running it


def as_text(value: Any) -> str:
    """Return a number or a text as a command's argument."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)
