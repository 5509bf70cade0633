"""`quantum lag`: how far every consumer group is, and how long each hop took over the latest wishes."""

from collections.abc import Iterable, Sequence
from typing import Any

from redis import Redis
from rich.console import Group as Lines
from rich.text import Text

from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys
from quantum_common.messages import Issuer
from services.cli.health.collect import collect
from services.cli.health.daemons import whole
from services.cli.health.flow import waits_ms
from services.cli.health.limits import Limits, limits_of
from services.cli.health.picture import Group, Picture
from services.cli.questions.answer import Answer, Manner, answer
from services.cli.questions.tables import Cell, table
from services.cli.questions.threads import Thread, threads_of
from services.cli.redis_link import written_ms
from services.cli.spans import span
from services.cli.tally import percentile

VERB = "lag"
HOPS = ("intent→plan", "plan→governor", "plan→p33", "permits→sent", "sent→answer", "fill→ledger", "intent→sent",
        "intent→result")  # fmt: skip


def run_lag(last: int, manner: Manner) -> int:
    """Show groups and hops; return 1 where a group is stuck. Raise Complaint."""
    limits = limits_of(VERB, manner.folder)

    def read(redis: Redis, keys: Keys) -> Answer:
        now_ms = epoch_ms()
        return shown(collect(redis, keys, (), 0, entries_max=2 * last), limits, now_ms, last)

    return answer(VERB, manner, read)


def shown(picture: Picture, limits: Limits, now_ms: int, last: int) -> Answer:
    """Given one look at a pipeline, return how far its groups are and what its hops took over the last wishes."""
    seen_ms = now_ms + picture.redis_offset_ms
    stuck = [one for one in picture.groups if waits_ms(one, seen_ms) > limits.worked_off_ms(one.name) or one.behind]
    wishes = threads_of(picture)[:last]
    took = hops(wishes)
    head = (
        Text(f"stuck: {', '.join(f'{one.stream} → {one.name}' for one in stuck)}", "bold red")
        if stuck
        else Text("no group is behind", "bold green")
    )
    groups = table(
        ("STREAM", "GROUP", "UNREAD", "PENDING", "OLDEST"),
        (_group(one, seen_ms, one in stuck) for one in picture.groups),
        ("STREAM", "GROUP"),
    )
    rows = [(hop, str(len(found)), *_percentiles(found)) for hop, found in took.items()]
    latency = table(
        (f"HOP, LAST {len(wishes)} WISHES", "COUNT", "P50 MS", "P99 MS", "MAX MS"),
        rows,
        (f"HOP, LAST {len(wishes)} WISHES",),
    )
    data = {
        "stuck": [f"{one.stream}/{one.name}" for one in stuck],
        "groups": [_as_group(one, seen_ms) for one in picture.groups],
        "hops_ms": {hop: _spread(found) for hop, found in took.items()},
        "wishes": len(wishes),
    }
    return Answer(Lines(head, groups, Text(""), latency), data, good=not stuck)


def hops(wishes: Iterable[Thread]) -> dict[str, list[int]]:
    """Given threads, return the milliseconds of each hop, by Redis' clock where both ends are entries, else by that of
    the executor's machine. Clocks that differ a little make no hop shorter than nothing."""
    found: dict[str, list[int]] = {hop: [] for hop in HOPS}

    def note(hop: str, from_ms: int | None, to_ms: int | None) -> None:
        if from_ms is not None and to_ms is not None:
            found[hop].append(max(to_ms - from_ms, 0))

    for one in wishes:
        asked, planned, ended = (
            written_ms(entry[0]) if entry else None for entry in (one.intent, one.plan, one.result)
        )
        spoke = {issuer: written_ms(entry[0]) for issuer, entry in one.permits.items()}
        sent, acked = (whole(one.result[1].get(name)) if one.result else None for name in ("sent_ms", "acked_ms"))
        note("intent→plan", asked, planned)
        note("plan→governor", planned, spoke.get(Issuer.GOVERNOR))
        note("plan→p33", planned, spoke.get(Issuer.P33))
        note("permits→sent", max(spoke.values(), default=None), sent)
        note("sent→answer", sent, acked)
        note("intent→sent", asked, sent)
        note("intent→result", asked, ended)
        for entry_id, fields in one.fills:
            note("fill→ledger", whole(fields.get("trade_ms")), written_ms(entry_id))
    return found


def _percentiles(found: Sequence[int]) -> tuple[str, str, str]:
    if not found:
        return "-", "-", "-"
    values = list(found)
    return str(percentile(values, 50)), str(percentile(values, 99)), str(max(values))


def _spread(found: Sequence[int]) -> dict[str, int | None]:
    values = list(found)
    return {
        "count": len(values),
        "p50": percentile(values, 50) if values else None,
        "p99": percentile(values, 99) if values else None,
        "max": max(values, default=None),
    }


def _group(one: Group, now_ms: int, stuck: bool) -> tuple[Cell, ...]:  # noqa: FBT001 - of one row
    waits = waits_ms(one, now_ms)
    unread = "?" if one.lag is None else str(one.lag)
    style = "red" if stuck else ""
    name = one.name if one.there else f"{one.name} (no group)"
    return Text(one.stream, style), Text(name, style), unread, str(one.pending), span(waits) if waits > 0 else "-"


def _as_group(one: Group, now_ms: int) -> dict[str, Any]:
    return {
        "stream": one.stream, "group": one.name, "there": one.there, "unread": one.lag, "pending": one.pending,
        "oldest_ms": max(waits_ms(one, now_ms), 0), "last_delivered_id": one.last_delivered_id, "behind": one.behind,
    }  # fmt: skip
