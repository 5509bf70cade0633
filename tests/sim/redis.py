"""A simulated Redis: the commands that the services use, one dictionary of values, and the real Lua scripts.

Held to the real server by contract tests. It can forget (come back as it was some writes ago), tear a script (keep a
prefix of its writes) and be full (refuse what grows), as a real one can.
"""

import pickle
from collections.abc import Callable
from typing import Any

from redis.exceptions import OutOfMemoryError

from tests.sim.lua import LUA
from tests.sim.streams import Streams, flat

__all__ = ["Server", "Torn", "flat"]

_GROWS = frozenset({"SET", "HSET", "HSETNX", "HINCRBY", "ZADD", "XADD"})
_WRITES = _GROWS | {"DEL", "PEXPIRE", "PEXPIREAT", "HDEL", "ZREM", "ZREMRANGEBYSCORE", "XACK", "XTRIM"}


class Torn(Exception):
    """The server died inside a script."""


class Server(Streams):
    """One server: values, scripts, and the ways in which it fails."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self.writes = 0
        self.tear_after: int | None = None
        self.full = False
        self.observe: Callable[[str, str, str], None] | None = None  # a hash's field `state`: key, before, after
        self._wrote = False

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
        """Run one command by name. Raise OutOfMemoryError where memory is full and the command would grow it."""
        self._wrote = False
        return self._run(name, *args)

    def script(self, source: str, keys: list[str], args: list[str]) -> Any:
        """Run a Lua script. Full memory refuses its first write or none, as Redis does."""
        self._wrote = False
        return LUA.run(self._run, source, keys, args)

    def _run(self, name: str, *args: str) -> Any:
        if name in _WRITES:
            if self.full and not self._wrote and name in _GROWS:
                raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
            if self.tear_after is not None:
                if self.tear_after == 0:
                    raise Torn
                self.tear_after -= 1
            self.writes += 1
            self._wrote = True
        if name == "HSET" and self.observe is not None and "state" in args[1::2]:
            self.observe(args[0], self.do_hget(args[0], "state") or "", args[args.index("state") + 1])
        return getattr(self, "do_" + name.lower())(*args)
