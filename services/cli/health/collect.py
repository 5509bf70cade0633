"""One look at a pipeline's Redis, in three or four round trips whatever its size. Reading changes nothing there.

Symbols are those of the settings and those that the latest entries name. Only where the account has more positions than
these explain are the snapshots' keys scanned for, once: then a position stands that no setting knows of.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from redis import Redis

from quantum_common.keys import SERVICES, Keys, short
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
from services.cli.health.answers import first_id, hash_of, rows
from services.cli.health.groups import ask_groups, take_groups, with_unread
from services.cli.health.picture import Dead, Group, Picture, Stream, Symbol, Window
from services.cli.redis_link import Entry, literal, written_ms

WINDOW_ENTRIES_MAX = 2_000  # of one stream; more are not needed to tell shares and rates
SCAN_COUNT = 1000
SETTINGS_READ = ("appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory", "maxmemory-policy")

R = TypeVar("R", bound=Record)


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
    windows = {short(stream): _window(rows(next(answers)), since_ms, entries_max) for stream in flows}
    named = {fields["symbol"] for one in windows.values() for _, fields in one.entries if fields.get("symbol")}
    known = _symbols(redis, keys, {*symbols, *named}, found)
    portfolio = machine["portfolio"]
    if portfolio is not None and portfolio.open_positions > sum(map(_stands, known.values())):
        prefix = keys.snapshot("")
        others = {key.removeprefix(prefix) for key in redis.scan_iter(literal(prefix) + "*", count=SCAN_COUNT)}
        known |= _symbols(redis, keys, others - known.keys(), found)
    asked = _asked(ask_exchange)
    return Picture(
        installed=build_id(),
        redis_offset_ms=offset_ms,
        round_trip_ms=trip_ms,
        streams=streams,
        dead=dead,
        groups=with_unread(redis, keys, groups),
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
        fields = hash_of(answer)
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
        "config": hash_of(config),
        "state": found.record(GovernorState, next(answers), "governor:state"),
        "portfolio": found.record(Portfolio, next(answers), "state:portfolio"),
        "budget": hash_of(next(answers)),
        "model": found.record(EngineModel, next(answers), "engine:model"),
        "beats": {service: beat for service in SERVICES if (beat := hash_of(next(answers)))},
    }


def _ask_streams(pipe: Any, keys: Keys) -> None:
    for stream in (*keys.streams, *_dead_streams(keys)):
        pipe.xlen(stream)
        pipe.xrevrange(stream, count=1)
    ask_groups(pipe, keys)


def _dead_streams(keys: Keys) -> tuple[str, ...]:
    return (*map(Keys.dead, keys.streams), keys.dead_bars)


def _streams(answers: Iterator[Any], keys: Keys) -> tuple[tuple[Stream, ...], tuple[Dead, ...], list[Group]]:
    streams = tuple(Stream(short(stream), next(answers), first_id(next(answers))) for stream in keys.streams)
    dead = tuple(
        Dead(short(stream).removesuffix(".dead"), next(answers), first_id(next(answers)))
        for stream in _dead_streams(keys)
    )
    return streams, dead, take_groups(answers, keys, {stream.name: stream.length for stream in streams})


def _symbols(redis: Redis, keys: Keys, symbols: Iterable[str], found: _Found) -> dict[str, Symbol]:
    names = sorted(symbols)
    if not names:
        return {}
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            for key in (keys.snapshot, keys.ledger, keys.hold, keys.stop, keys.market_state, keys.engine_verdict):
                pipe.hgetall(key(name))
        answers = iter(pipe.execute(raise_on_error=False))
    return {
        name: Symbol(
            name,
            snapshot=found.record(Snapshot, next(answers), f"position:snapshot:{name}"),
            ledger=found.record(Ledger, next(answers), f"position:ledger:{name}"),
            hold=found.record(Hold, next(answers), f"position:hold:{name}"),
            stop=hash_of(next(answers)),
            market=found.record(MarketState, next(answers), f"marketstate:{name}"),
            verdict=found.record(EngineVerdict, next(answers), f"engine:verdict:{name}"),
        )
        for name in names
    }


def _stands(symbol: Symbol) -> bool:
    return symbol.snapshot is not None and symbol.snapshot.position_amt != 0


def _window(found: Sequence[Entry], since_ms: int, entries_max: int) -> Window:
    whole = len(found) < entries_max
    return Window(tuple(found), since_ms if whole else written_ms(found[-1][0]) + 1)


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
