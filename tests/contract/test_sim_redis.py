"""The simulated Redis answers as the real one does: command by command, and script by script in a whole run."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from services.cli import embedded_redis
from tests.sim import world
from tests.sim.client import script_name
from tests.sim.pipeline import KEYS, Pipeline
from tests.sim.redis import Server

SCRIPTS_OF_A_RUN = frozenset(
    {"begin_ledger", "book_fact", "claim_order", "finish_plan", "governor_begin", "governor_read_view", "keep_stop"}
    | {"issue_governor_permit", "p33_permit", "read_intent_view", "record_plan", "settle_result", "take_lease"}
    | {"trim_stream", "write_snapshots"}
)  # fmt: skip
HOUR_MS = 3_600_000

Real = redis.Redis


@pytest.fixture
def real(redis_server: embedded_redis.EmbeddedRedis) -> Iterator[Real]:
    """A client of an empty real server, whose answers nobody reshapes."""
    client = redis.Redis.from_url(redis_server.url, decode_responses=True, protocol=2)
    client.response_callbacks.clear()
    yield client
    client.close()


def asked(client: Real, *words: object) -> Any:
    """Run one command."""
    return client.execute_command(*words)  # type: ignore[no-untyped-call]


def answered(run: Callable[[], Any]) -> Any:
    """Return an answer, or the first word of an error."""
    try:
        return alike(run())
    except ResponseError as error:
        return f"error {str(error).split()[0]}"


def alike(answer: Any) -> Any:
    """Return an answer without the order in which a hash happens to be stored."""
    if not isinstance(answer, list | tuple):
        return answer
    items = [alike(item) for item in answer]
    return sorted(items) if all(isinstance(item, str) for item in items) else items


# --- commands ------------------------------------------------------------------------------------------------------

names = st.sampled_from(("a", "b"))
fields = st.sampled_from(("f", "g", "h"))
texts = st.sampled_from(("", "1", "-7", "0.5", "text"))
scores = st.integers(-3, 3).map(str)
bounds = st.sampled_from(("-inf", "+inf", "-1", "(0", "2", "(2"))
ids = st.integers(1, 9).map(lambda number: f"{number}-0")
commands = st.one_of(
    st.tuples(st.just("HSET"), names, fields, texts, st.just("x"), texts),
    st.tuples(st.sampled_from(("HSETNX",)), names, fields, texts),
    st.tuples(st.sampled_from(("HGET", "HEXISTS", "HDEL")), names, fields),
    st.tuples(st.just("HMGET"), names, fields, fields),
    st.tuples(st.just("HINCRBY"), names, st.just("count"), st.sampled_from(("1", "-4"))),
    st.tuples(st.sampled_from(("HGETALL", "HLEN", "HVALS", "EXISTS", "DEL", "GET", "XLEN")), names),
    st.tuples(st.just("SET"), names, texts),
    st.tuples(st.just("SET"), names, texts, st.just("PX"), st.just("600000")),
    st.tuples(st.just("MGET"), names, names),
    st.tuples(st.just("PEXPIRE"), names, st.just("600000"), st.just("NX")),
    # GT by fixed times: of two equal durations the later ends later, by a millisecond that only one clock sees.
    st.tuples(st.just("PEXPIREAT"), names, st.sampled_from(("9000000000000", "9000000000001")), st.just("GT")),
    st.tuples(st.just("ZADD"), names, scores, fields),
    st.tuples(st.sampled_from(("ZREM", "ZSCORE")), names, fields),
    st.tuples(st.just("ZCARD"), names),
    st.tuples(st.sampled_from(("ZCOUNT", "ZREMRANGEBYSCORE", "ZRANGEBYSCORE")), names, bounds, bounds),
    st.tuples(st.just("XRANGE"), names, st.sampled_from(("-", "3-0")), st.sampled_from(("+", "5-0"))),
    st.tuples(st.just("XREVRANGE"), names, st.just("+"), st.just("-"), st.just("COUNT"), st.just("2")),
    st.tuples(st.just("XACK"), names, st.just("group"), ids),
    st.tuples(st.just("XPENDING"), names, st.just("group")),
    st.tuples(st.just("XTRIM"), names, st.just("MINID"), ids),
    st.tuples(st.just("GROUP"), names),
    st.tuples(st.just("ADD"), names, texts),
    st.tuples(st.just("READ"), names),
    st.tuples(st.just("AGAIN"), names),
)


@settings(max_examples=150)
@given(st.lists(commands, min_size=1, max_size=40))
def test_any_commands_are_answered_alike_and_leave_the_same(
    redis_process: embedded_redis.EmbeddedRedis, rows: list[tuple[str, ...]]
) -> None:
    with redis.Redis.from_url(redis_process.url, decode_responses=True, protocol=2) as client:
        client.response_callbacks.clear()
        asked(client, "FLUSHALL")
        server, clock = Server(lambda: 1), Clock()
        for row in rows:
            on_real, on_simulated = clock.both(row, client, server)
            assert answered(on_simulated) == answered(on_real), row
        assert remains_simulated(server) == remains_real(client)


@dataclass
class Clock:
    """Gives entries the same ids on both servers, where a command needs one."""

    next_id: int = 0

    def both(self, row: tuple[str, ...], client: Real, server: Server) -> tuple[Callable[[], Any], Callable[[], Any]]:
        """Given a command, return how it is run on the real server and how on the simulated one."""
        name, *args = row
        key = args[0]
        match name:
            case "ADD":
                self.next_id += 1
                words = (key, f"{self.next_id}-0", "field", args[1])
                return lambda: asked(client, "XADD", *words), lambda: server.call("XADD", *words)
            case "GROUP":
                return lambda: made_group(client, key, "group"), lambda: server.make_group(key, "group")
            case "READ":
                return (
                    lambda: read_new(client, (key,), "group", "me"),
                    lambda: [list(row) for row in entries_of(server.read_new((key,), "group", "me"))],
                )
            case "AGAIN":
                return (
                    lambda: read_again(client, key, "group", "me"),
                    lambda: [[i, fields and flat(fields)] for i, fields, _ in server.read_pending(key, "group", "me")],
                )
            case _:
                return lambda: asked(client, name, *args), lambda: server.call(name, *args)


def flat(mapping: dict[str, str]) -> list[str]:
    """Return a mapping as Redis lists it."""
    return [part for pair in mapping.items() for part in pair]


def entries_of(rows: list[tuple[str, str, dict[str, str]]]) -> list[tuple[str, str, list[str]]]:
    """Return what a group was given, with the fields as a list."""
    return [(key, entry_id, flat(mapping)) for key, entry_id, mapping in rows]


def made_group(client: Real, key: str, group: str) -> None:
    """XGROUP CREATE as the consumer does it."""
    try:
        asked(client, "XGROUP", "CREATE", key, group, "0", "MKSTREAM")
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def read_new(client: Real, keys: tuple[str, ...], group: str, consumer: str) -> list[list[Any]]:
    """XREADGROUP from >."""
    after = [">"] * len(keys)
    reply: Any = asked(client, "XREADGROUP", "GROUP", group, consumer, "STREAMS", *keys, *after)
    return [[key, entry_id, mapping] for key, rows in reply or () for entry_id, mapping in rows]


def read_again(client: Real, key: str, group: str, consumer: str) -> list[list[Any]]:
    """XREADGROUP from 0."""
    reply: Any = asked(client, "XREADGROUP", "GROUP", group, consumer, "STREAMS", key, "0")
    return [[entry_id, mapping] for _, rows in reply for entry_id, mapping in rows]


# --- a whole run ---------------------------------------------------------------------------------------------------


@dataclass
class Recorder:
    """Everything that a run asked of its server, with the answers."""

    rows: list[tuple[str, tuple[Any, ...], Any]] = field(default_factory=list)

    def attach(self, server: Server) -> None:
        """Write down what is asked from now on."""
        for name in ("call", "script", "make_group", "read_new", "read_pending"):
            setattr(server, name, self._noting(name, getattr(server, name)))

    def _noting(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any) -> Any:
            args = tuple(tuple(arg) if name == "read_new" and number == 0 else arg for number, arg in enumerate(args))
            answer = method(*args)
            self.rows.append((name, args, answer))
            return answer

        return noted


def test_a_run_of_all_services_asks_the_real_server_the_same_and_is_answered_the_same(
    real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_ms = int(time.time() * 1000) + HOUR_MS  # what expires at a time must not have expired already
    monkeypatch.setattr(world, "START_MS", start_ms)
    lived = world.World(21, world.Odds())
    pipeline = Pipeline(lived, wishes=8)
    recorder = Recorder()
    recorder.attach(pipeline.redis.server)
    lived.run(start_ms + 25_000)
    lived.close()
    server = pipeline.redis.server
    give_the_same_ids(real, server)
    run_id = next(line for line in str(asked(real, "INFO", "server")).splitlines() if "run_id" in line)[7:]
    seen = set()
    for name, args, answer in recorder.rows:
        if name == "script":
            seen.add(script_name(args[0]))
        assert alike(play(real, name, args, run_id)) == alike(answer_of(name, args, answer)), (name, args)
    assert seen >= SCRIPTS_OF_A_RUN
    asked(real, "DEL", "ids")
    assert remains_simulated(server) == remains_real(real)


def give_the_same_ids(real: Real, server: Server) -> None:
    """Lay the ids of all entries of a run out, in the order in which they were written."""
    streams = [key for key in server.do_scan("") if _is_stream(server, key)]
    for key in streams:
        for number, (entry_id, _) in enumerate(server.history(key), 1):
            asked(real, "HSET", "ids", f"{key} {number}", entry_id)


def _is_stream(server: Server, key: str) -> bool:
    return hasattr(server.values[key], "groups")


NEXT_ID = "redis.call('HGET', 'ids', {key} .. ' ' .. redis.call('HINCRBY', 'ids', {key}, '1'))"


def play(real: Real, name: str, args: tuple[Any, ...], run_id: str) -> Any:
    """Do on the real server what a run did on the simulated one; entries get the run's ids."""
    match name, args:
        case "script", (source, keys, values):
            if script_name(source) == "claim_order":
                values = [run_id if value == "1" and number == 0 else value for number, value in enumerate(values)]
            for key in ("permits", "plans", "results", "journal", "events", "dead", "intents"):
                source = source.replace(f"'XADD', {key}, '*'", f"'XADD', {key}, {NEXT_ID.format(key=key)}")
            return asked(real, "EVAL", source, len(keys), *keys, *values)
        case "call", ("XADD", key, "*", *rest):
            number = asked(real, "HINCRBY", "ids", key, "1")
            entry_id = asked(real, "HGET", "ids", f"{key} {number}")
            return asked(real, "XADD", key, entry_id, *rest)
        case "call", ("XREVRANGE", *_) | ("INFO", *_):
            return None
        case "call", _:
            return asked(real, *args)
        case "make_group", (key, group):
            return made_group(real, key, group)
        case "read_new", (keys, group, consumer):
            return read_new(real, keys, group, consumer)
        case _, (key, group, consumer):
            return read_again(real, key, group, consumer)


def answer_of(name: str, args: tuple[Any, ...], answer: Any) -> Any:
    """Return a recorded answer in the real server's shape."""
    match name:
        case "read_new":
            return entries_of(answer)
        case "read_pending":
            return [[entry_id, mapping and flat(mapping)] for entry_id, mapping, _ in answer]
        case "call" if args[0] in {"XREVRANGE", "INFO"}:
            return None
        case _:
            return answer


# --- what is left ----------------------------------------------------------------------------------------------------


def remains_simulated(server: Server) -> dict[str, Any]:
    """Return all that a simulated server holds."""
    found: dict[str, Any] = {}
    for key in server.do_scan(""):
        value = server.values[key]
        if isinstance(value, str):
            found[key] = value
        elif _is_stream(server, key):
            pending = {name: server.do_xpending(key, name)[:3] for name in sorted(value.groups)}
            found[key] = (alike(server.do_xrange(key)), pending)
        elif type(value) is dict:
            found[key] = value
        elif value:
            found[key] = {member: float(score) for member, score in value.items()}
    return {key: value for key, value in found.items() if not key.startswith(KEYS.lease(""))}


def remains_real(client: Real) -> dict[str, Any]:
    """Return all that a real server holds, in the same shape."""
    found: dict[str, Any] = {}
    keys: Any = asked(client, "KEYS", "*")
    for key in keys:
        match asked(client, "TYPE", key):
            case "string":
                found[key] = asked(client, "GET", key)
            case "hash":
                row: Any = asked(client, "HGETALL", key)
                found[key] = dict(zip(row[::2], row[1::2], strict=True))
            case "zset":
                row = asked(client, "ZRANGE", key, "0", "-1", "WITHSCORES")
                found[key] = {member: float(score) for member, score in zip(row[::2], row[1::2], strict=True)}
            case _:
                groups: Any = asked(client, "XINFO", "GROUPS", key)
                pending = {group[1]: asked(client, "XPENDING", key, group[1])[:3] for group in groups}
                found[key] = (alike(asked(client, "XRANGE", key, "-", "+")), pending)
    return {key: value for key, value in found.items() if not key.startswith(KEYS.lease(""))}
