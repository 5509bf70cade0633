"""How far each consumer group is: for the checklist, the table of `quantum up`, and whoever waits for quiet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from redis import Redis

from quantum_common.keys import GROUP_BRIDGE, GROUP_EXECUTOR, GROUP_GOVERNOR, GROUP_P33, Keys, short
from quantum_common.trimming import lost_unread
from services.cli.health.answers import first_id, rows
from services.cli.health.picture import Group


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


def ask_groups(pipe: Any, keys: Keys) -> None:
    """Given a pipeline, put into it what `take_groups` reads."""
    for stream in keys.streams:
        pipe.xinfo_groups(stream)
    for stream, group in consumers(keys):
        pipe.xpending(stream, group)


def take_groups(answers: Iterator[Any], keys: Keys, lengths: Mapping[str, int]) -> list[Group]:
    """Given the answers to `ask_groups` and how many entries each stream holds by its short name, return the groups."""
    facts: dict[tuple[str, str], Mapping[str, Any]] = {}
    for stream in keys.streams:
        facts |= {(stream, group["name"]): group for group in rows(next(answers))}
    return [
        _group(short(stream), group, facts.get((stream, group)), next(answers), lengths[short(stream)])
        for stream, group in consumers(keys)
    ]


def _group(stream: str, name: str, fact: Mapping[str, Any] | None, pending: Any, length: int) -> Group:
    """Given what Redis says of a group, None where there is none yet, and of its pending entries, return it."""
    if fact is None:
        return Group(stream, name, there=False, lag=length)
    return Group(
        stream,
        name,
        there=True,
        lag=fact["lag"],
        pending=int(fact["pending"]),
        last_delivered_id=fact["last-delivered-id"],
        oldest_pending_id=(pending.get("min") if isinstance(pending, dict) else None) or "",
        behind=lost_unread(fact, length) > 0,
    )


def read_groups(redis: Redis, keys: Keys) -> tuple[Group, ...]:
    """Return how far each group is that is there, in one round trip. Raise redis' errors."""
    with redis.pipeline(transaction=False) as pipe:
        for stream in keys.streams:
            pipe.xlen(stream)
        ask_groups(pipe, keys)
        answers = iter(pipe.execute(raise_on_error=False))
    lengths = {short(stream): _length(next(answers)) for stream in keys.streams}
    return tuple(group for group in take_groups(answers, keys, lengths) if group.there)


def _length(answer: Any) -> int:
    if isinstance(answer, Exception):
        raise answer
    return int(answer)


def with_unread(redis: Redis, keys: Keys, groups: Sequence[Group]) -> tuple[Group, ...]:
    """Return the groups with the id of the first entry that each has not read, where there is one."""
    full = {short(stream): stream for stream in keys.streams}
    behind = [group for group in groups if group.lag != 0]
    if not behind:
        return tuple(groups)
    with redis.pipeline(transaction=False) as pipe:
        for group in behind:
            pipe.xrange(full[group.stream], f"({group.last_delivered_id}" if group.last_delivered_id else "-", count=1)
        firsts = dict(zip(((one.stream, one.name) for one in behind), map(first_id, pipe.execute()), strict=True))
    return tuple(replace(group, first_unread_id=firsts.get((group.stream, group.name), "")) for group in groups)
