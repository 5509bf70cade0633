"""One look at a pipeline's Redis, in three or four round trips whatever its size. Reading changes nothing there.

Symbols are those of the settings and those that the latest entries name. Only where the account has more positions than
these explain are the snapshots' keys scanned for, once: then a position stands that no setting knows of.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import ResponseError

from quantum_common.keys import GROUP_BRIDGE, GROUP_EXECUTOR, GROUP_GOVERNOR, GROUP_P33, SERVICES, Keys
from quantum_common.messages import Malformed, Record
from quantum_common.state import (
    EngineModel,
    EngineVerdict,
    GovernorState,
    Hold,
    Ledger,
    MarketState,
    Portfolio,
    Snapshot,
)
from quantum_common.version import build_id
from services.cli.health.picture import Dead, Fields, Group, Picture, Stream, Symbol, Window
from services.cli.redis_link import Entry, written_ms

WINDOW_ENTRIES_MAX = 2_000  # of one stream; more are not needed to tell shares and rates
SCAN_COUNT = 1000
PER_SYMBOL = 6
SETTINGS_READ = ("appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory", "maxmemory-policy")

R = TypeVar("R", bound=Record)


def short(stream: str) -> str:
    """Given a stream's key, return the last part of its name: `apply.plan`."""
    return stream.rpartition(":")[2]


def consumers(keys: Keys) -> tuple[tuple[str, str], ...]:
    """Return every stream that a group reads, with the group, in the order of the flow."""
    return (
        (keys.intents, GROUP_BRIDGE),
        (keys.plans, GROUP_GOVERNOR),
        (keys.plans, GROUP_P33),
        (keys.plans, GROUP_EXECUTOR),
        (keys.permits, GROUP_EXECUTOR),
        (keys.results, GROUP_P33),
        (keys.results, GROUP_GOVERNOR),
    )


def collect(
    redis: Redis,
    keys: Keys,
    symbols: Iterable[str],
    since_ms: int,
    ask_exchange: Callable[[], int] | None = None,
    entries_max: int = WINDOW_ENTRIES_MAX,
) -> Picture:
    """Given a pipeline's Redis, the symbols of its settings and how far back to look, return one look at it, with at
    most `entries_max` of the latest entries of each stream.

    `ask_exchange` returns the exchange's time in epoch milliseconds and raises OSError where it does not answer. Raise
    redis' errors.
    """
    offset_ms, trip_ms = _clock(redis)
    flows, found = (keys.intents, keys.plans, keys.permits, keys.results, keys.journal), _Found()
    with redis.pipeline(transaction=False) as pipe:
        _ask_machine(pipe, keys)
        _ask_streams(pipe, keys)
        for stream in flows:
            pipe.xrevrange(stream, "+", f"{since_ms}-0", count=entries_max)
        answers = iter(pipe.execute(raise_on_error=False))
    machine = _machine(answers, found)
    streams, dead, groups = _streams(answers, keys)
    windows = {short(stream): _window(_rows(next(answers)), since_ms, entries_max) for stream in flows}
    named = {fields["symbol"] for one in windows.values() for _, fields in one.entries if fields.get("symbol")}
    known = _symbols(redis, keys, {*symbols, *named}, found)
    portfolio = machine["portfolio"]
    if portfolio is not None and portfolio.open_positions > sum(map(_stands, known.values())):
        prefix = keys.snapshot("")
        others = {key.removeprefix(prefix) for key in redis.scan_iter(_literal(prefix) + "*", count=SCAN_COUNT)}
        known |= _symbols(redis, keys, others - known.keys(), found)
    asked = _asked(ask_exchange)
    return Picture(
        installed=build_id(),
        redis_offset_ms=offset_ms,
        round_trip_ms=trip_ms,
        streams=streams,
        dead=dead,
        groups=_with_unread(redis, keys, groups),
        symbols=dict(sorted(known.items())),
        windows=windows,
        unreadable=tuple(found.unreadable),
        exchange_offset_ms=asked if isinstance(asked, int) else None,
        exchange_error=asked if isinstance(asked, str) else "",
        **machine,
    )


class _Found:
    """Reads records; what breaks its contract is noted and counts as absent."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []

    def record(self, kind: type[R], answer: Any, name: str) -> R | None:
        fields = _hash(answer)
        try:
            return kind.from_fields(fields) if fields else None
        except Malformed as error:
            self.unreadable.append(f"{name}: {error}")
            return None


def _clock(redis: Redis) -> tuple[int, float]:
    """Return Redis' clock less ours, and how long it took to ask, in milliseconds."""
    before_ns = time.time_ns()
    seconds, micros = redis.time()
    after_ns = time.time_ns()
    middle_ms = (before_ns + after_ns) // 2_000_000
    return seconds * 1000 + micros // 1000 - middle_ms, (after_ns - before_ns) / 1e6


def _ask_machine(pipe: Any, keys: Keys) -> None:
    pipe.info()
    pipe.config_get(*SETTINGS_READ)
    for key in (keys.governor_state, keys.portfolio, keys.budget, keys.engine_model):
        pipe.hgetall(key)
    for service in SERVICES:
        pipe.hgetall(keys.heartbeat(service))


def _machine(answers: Iterator[Any], found: _Found) -> dict[str, Any]:
    info, config = next(answers), next(answers)
    if isinstance(info, Exception):
        raise info
    return {
        "info": info,
        "config": _hash(config),
        "state": found.record(GovernorState, next(answers), "governor:state"),
        "portfolio": found.record(Portfolio, next(answers), "state:portfolio"),
        "budget": _hash(next(answers)),
        "model": found.record(EngineModel, next(answers), "engine:model"),
        "beats": {service: beat for service in SERVICES if (beat := _hash(next(answers)))},
    }


def _ask_streams(pipe: Any, keys: Keys) -> None:
    for stream in keys.streams:
        pipe.xlen(stream)
        pipe.xrevrange(stream, count=1)
        pipe.xinfo_groups(stream)
    for stream in _dead_streams(keys):
        pipe.xlen(stream)
        pipe.xrevrange(stream, count=1)
    for stream, group in consumers(keys):
        pipe.xpending(stream, group)


def _dead_streams(keys: Keys) -> tuple[str, ...]:
    return (*map(Keys.dead, keys.streams), keys.dead_bars)


def _streams(answers: Iterator[Any], keys: Keys) -> tuple[tuple[Stream, ...], tuple[Dead, ...], list[Group]]:
    streams, facts = [], dict[tuple[str, str], Mapping[str, Any]]()
    for stream in keys.streams:
        length, last, groups = (next(answers) for _ in range(3))
        streams.append(Stream(short(stream), length, _id(last)))
        facts |= {(stream, group["name"]): group for group in _rows(groups)}
    dead = tuple(
        Dead(short(stream).removesuffix(".dead"), count, _id(next(answers)))
        for stream, count in ((stream, next(answers)) for stream in _dead_streams(keys))
    )
    lengths = {stream.name: stream.length for stream in streams}
    found = []
    for stream, group in consumers(keys):
        pending = next(answers)
        fact = facts.get((stream, group))
        name = short(stream)
        if fact is None:
            found.append(Group(name, group, there=False, lag=lengths[name] or 0))
            continue
        lag, length = fact["lag"], lengths[name]
        behind = bool(fact.get("entries-read")) and length > 0 and (lag is None or lag > length)
        oldest = (pending.get("min") if isinstance(pending, dict) else None) or ""
        read = {"lag": lag, "pending": int(fact["pending"]), "last_delivered_id": fact["last-delivered-id"]}
        found.append(Group(name, group, there=True, oldest_pending_id=oldest, behind=behind, **read))
    return tuple(streams), dead, found


def _with_unread(redis: Redis, keys: Keys, groups: Sequence[Group]) -> tuple[Group, ...]:
    """Return the groups with the id of the first entry that each has not read, where there is one."""
    full = {short(stream): stream for stream in keys.streams}
    behind = [group for group in groups if group.lag != 0]
    if not behind:
        return tuple(groups)
    with redis.pipeline(transaction=False) as pipe:
        for group in behind:
            pipe.xrange(full[group.stream], f"({group.last_delivered_id}" if group.last_delivered_id else "-", count=1)
        firsts = dict(zip(((one.stream, one.name) for one in behind), map(_id, pipe.execute()), strict=True))
    return tuple(replace(group, first_unread_id=firsts.get((group.stream, group.name), "")) for group in groups)


def _symbols(redis: Redis, keys: Keys, symbols: Iterable[str], found: _Found) -> dict[str, Symbol]:
    names = sorted(symbols)
    if not names:
        return {}
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            for key in (keys.snapshot, keys.ledger, keys.hold, keys.stop, keys.market_state, keys.engine_verdict):
                pipe.hgetall(key(name))
        answers = pipe.execute(raise_on_error=False)
    rows = {name: answers[PER_SYMBOL * at : PER_SYMBOL * (at + 1)] for at, name in enumerate(names)}
    return {
        name: Symbol(
            name,
            snapshot=found.record(Snapshot, snapshot, f"position:snapshot:{name}"),
            ledger=found.record(Ledger, ledger, f"position:ledger:{name}"),
            hold=found.record(Hold, hold, f"position:hold:{name}"),
            stop=_hash(stop),
            market=found.record(MarketState, market, f"marketstate:{name}"),
            verdict=found.record(EngineVerdict, verdict, f"engine:verdict:{name}"),
        )
        for name, (snapshot, ledger, hold, stop, market, verdict) in rows.items()
    }


def _stands(symbol: Symbol) -> bool:
    return symbol.snapshot is not None and symbol.snapshot.position_amt != 0


def _window(rows: Sequence[Entry], since_ms: int, entries_max: int) -> Window:
    whole = len(rows) < entries_max
    return Window(tuple(rows), since_ms if whole else written_ms(rows[-1][0]) + 1)


def _asked(ask_exchange: Callable[[], int] | None) -> int | str:
    """Return the exchange's clock less ours, or why it is not known."""
    if ask_exchange is None:
        return ""
    before_ns = time.time_ns()
    try:
        says_ms = ask_exchange()
    except OSError as error:
        return str(error) or type(error).__name__
    return says_ms - (before_ns + time.time_ns()) // 2_000_000


def _literal(prefix: str) -> str:
    """Given a prefix, return the pattern that fits it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in prefix)


def _hash(answer: Any) -> Fields:
    return answer if isinstance(answer, dict) else {}


def _rows(answer: Any) -> list[Any]:
    """Return a list answer; a stream that is not there has none."""
    if isinstance(answer, ResponseError):
        return []
    if isinstance(answer, Exception):
        raise answer
    return list(answer)


def _id(answer: Any) -> str:
    rows = _rows(answer)
    return str(rows[0][0]) if rows else ""
