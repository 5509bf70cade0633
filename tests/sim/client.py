"""What a service holds in place of a Redis client: the same calls, each a step of the world."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import TracebackType
from typing import Any, Self

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from quantum_common.scripts import FENCED
from tests.sim.redis import Server, Torn, flat
from tests.sim.world import Call, World

DELAY_MS = (0, 2)


class RedisState:
    """The one Redis of a world: up or down, with the images that it may fall back to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.server = Server(lambda: world.now_ms)
        self.rewrite: Callable[[str], str] = str  # what a mutant does to a script's text
        self.up = True
        self.images: list[bytes] = []
        self.parked: dict[str, list[Callable[[], None]]] = {}
        self._image_at = 0

    def run(self, effect: Callable[[Server], Any], *, tearable: bool = False) -> Any:
        """Let a command or script take effect. Raise ConnectionError where Redis is down, or dies of it."""
        world, server = self.world, self.server
        if not self.up:
            raise RedisConnectionError("redis is down")
        odds, chance = world.odds, world.rng.random
        if world.faulty:
            if odds.forget and server.writes >= self._image_at:
                self._image_at = server.writes + world.rng.randint(5, 40)
                self.images = [*self.images[-2:], server.image()]
            if odds.redis_down and chance() < odds.redis_down:
                self.crash(forget=bool(self.images) and chance() < 0.5)
                raise RedisConnectionError("redis died")
            if odds.redis_full and not server.full and chance() < odds.redis_full:
                self._fill()
            if tearable and odds.torn and chance() < odds.torn:
                server.tear_after = world.rng.randint(0, 5)
        try:
            value = effect(server)
        except ResponseError as error:
            world.probes["fenced"] += str(error).startswith(FENCED)
            raise
        except Torn:
            world.faults["torn"] += 1
            world.say("REDIS died inside a script")
            self.crash(forget=False)
            raise RedisConnectionError("redis died") from None
        finally:
            server.tear_after = None
        if server.written:
            self._wake()
        return value

    def _fill(self) -> None:
        """Be out of memory for a while: what grows is refused."""
        world = self.world
        world.faults["redis_full"] += 1
        world.say("REDIS full")
        self.server.full = True

        def freed() -> None:
            self.server.full = False
            world.say("REDIS has memory again")

        world.later(world.rng.randint(20, 2500), freed)

    def _wake(self) -> None:
        written, self.server.written = self.server.written, []
        for stream in written:
            for wake in self.parked.pop(stream, ()):
                self.world.later(0, wake)

    def crash(self, *, forget: bool) -> None:
        """Die, and come back a little later, with everything kept or as of an earlier image."""
        world = self.world
        image = world.rng.choice(self.images) if forget and self.images else None
        world.faults["redis_forgot" if image else "redis_restart"] += 1
        world.say("REDIS down", "and forgets" if image else "")
        self.up = False
        self.images = []

        def back() -> None:
            self.server.restart(image)
            self.up = True
            world.say("REDIS back")

        world.later(world.rng.randint(5, 500), back)


def lost() -> Exception:
    """Return what a lost connection looks like to a client."""
    return RedisConnectionError("connection lost")


class SimRedis:
    """The calls of redis-py's asyncio client that the services use."""

    def __init__(self, state: RedisState) -> None:
        self._state = state

    def _call(self, label: str, effect: Callable[[Server], Any], *, tearable: bool = False) -> Call:
        return Call(label, lambda: self._state.run(effect, tearable=tearable), DELAY_MS, lost)

    def register_script(self, source: str) -> Callable[..., Call]:
        """Return the script, to be called as redis-py's is."""
        name, source = script_name(source), self._state.rewrite(source)

        def call(keys: Sequence[str], args: Sequence[str]) -> Call:
            return self._call(
                name,
                lambda server: server.script(source, list(keys), [str(arg) for arg in args]),
                tearable=True,
            )

        return call

    def pipeline(self, *, transaction: bool = True) -> "SimPipeline":
        """Return a pipeline; it takes effect at one instant, in order."""
        return SimPipeline(self._state, transaction=transaction)

    async def scan_iter(self, match: str, count: int = 0) -> AsyncIterator[str]:
        """Iterate over the keys with a prefix."""
        for key in await self._call("SCAN " + match, lambda server: server.do_scan(match.removesuffix("*"))):
            yield key

    def xrevrange(self, key: str, count: int) -> Call:
        """Return the newest entries."""
        return self._call(
            "XREVRANGE " + key,
            lambda server: [(i, pairs(row)) for i, row in server.do_xrevrange(key, "+", "-", "COUNT", str(count))],
        )

    def __getattr__(self, name: str) -> Callable[..., Call]:
        def call(*args: Any, **options: Any) -> Call:
            return self._call(f"{name} {args[0]}", command(name, args, options))

        return call


@cache
def script_name(source: str) -> str:
    """Given a script's text with what was put before it, return the name of its file."""
    folder = files("quantum_common") / "lua"
    return next(
        path.name.removesuffix(".lua") for path in folder.iterdir() if source.endswith(path.read_text(encoding="utf-8"))
    )


def command(name: str, args: Sequence[Any], options: Mapping[str, Any]) -> Callable[[Server], Any]:
    """Given a call of redis-py's client, return its effect."""
    words = [str(arg) for arg in args if not isinstance(arg, Mapping)]
    for arg in (*args, options.get("mapping")):
        if isinstance(arg, Mapping):
            if name == "xadd":
                words.append("*")
            words += flat(arg)
    match name:
        case "hgetall":
            return lambda server: pairs(server.call("HGETALL", *words))
        case "info":
            return lambda server: {"run_id": str(server.run_id)}
        case "delete":
            return lambda server: server.call("DEL", *words)
        case _:
            return lambda server: server.call(name.upper(), *words)


def pairs(answer: Sequence[str]) -> dict[str, str]:
    """Return a flat answer as the mapping that a client makes of it."""
    return dict(zip(answer[::2], answer[1::2], strict=True))


class SimPipeline:
    """Commands that are sent together."""

    def __init__(self, state: RedisState, *, transaction: bool) -> None:
        self._state = state
        self._transaction = transaction
        self._commands: list[Callable[[Server], Any]] = []

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; what was not executed is dropped."""
        self._commands.clear()

    def __getattr__(self, name: str) -> Callable[..., "SimPipeline"]:
        def call(*args: Any, **options: Any) -> SimPipeline:
            self._commands.append(command(name, args, options))
            return self

        return call

    def execute(self) -> Call:
        """Return the call that runs them all."""
        commands = list(self._commands)
        return Call(
            f"pipeline of {len(commands)}",
            lambda: self._state.run(lambda server: [run(server) for run in commands], tearable=True),
            DELAY_MS,
            lost,
        )
