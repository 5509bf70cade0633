"""Recorded decisions of the governor: each plan with the permit that it got and the result that it came to.

Read from the streams, or from a recording, which reaches further back than the streams are kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import orjson
from redis import Redis

from quantum_common.keys import Keys
from quantum_common.messages import Decision, Issuer, JournalEntry, Malformed, Permit, Plan, Result
from quantum_common.money import ZERO
from services.cli.recording import recorded
from services.cli.redis_link import Entry, entries
from services.governor.inputs import view_of
from services.governor.view import View


@dataclass(frozen=True, slots=True)
class Recorded:
    """One decision: the plan, the permit, what was read for it (None for a permit of an older build)."""

    plan: Plan
    permit: Permit
    view: View | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a plan: whether it was executed, and what its position made in USDT once it was flat again; None
    while it stands or where nothing was opened."""

    executed: bool
    made_usdt: Decimal | None


Source = Mapping[str, Iterable[Entry]]


def from_redis(redis: Redis, keys: Keys, since_ms: int) -> Source:
    """Given a Redis and a time, return what its streams hold from then on."""
    wanted = (keys.plans, keys.permits, keys.results, keys.journal)
    return {stream: entries(redis, stream, f"{max(since_ms, 1) - 1}-0") for stream in wanted}


def from_recording(folder: Path, keys: Keys, since_ms: int) -> Source:
    """Given a recording's folder and a time, return what it holds from then on. Raise Complaint where it holds none."""
    wanted = (keys.plans, keys.permits, keys.results, keys.journal)
    return {stream: recorded(folder, stream, since_ms) for stream in wanted}


def decisions(source: Source, keys: Keys) -> Iterator[Recorded]:
    """Given recorded streams, yield every decision on an executable plan, oldest first. A permit whose plan was trimmed
    is left out, and so is an entry that breaks its contract."""
    plans: dict[str, Plan] = {}
    for _, fields in source[keys.plans]:
        if fields.get("decision") == Decision.EXECUTE:
            try:
                plans[fields["plan_id"]] = Plan.from_fields(fields)
            except (Malformed, KeyError):
                continue
    for _, fields in source[keys.permits]:
        if fields.get("issuer") != Issuer.GOVERNOR:
            continue
        plan = plans.get(fields.get("plan_id", ""))
        if plan is not None:
            permit = Permit.from_fields(fields)
            yield Recorded(plan, permit, view_in(permit))


def outcomes(source: Source, keys: Keys) -> dict[str, Outcome]:
    """Given recorded streams, return by plan what became of it."""
    executed: dict[str, bool] = {}
    for _, fields in source[keys.results]:
        result = Result.from_fields(fields)
        executed[result.plan_id] = result.executed
    made = round_trips(JournalEntry.from_fields(fields) for _, fields in source[keys.journal])
    return {plan: Outcome(was, made.get(plan)) for plan, was in executed.items()}


def round_trips(journal: Iterable[JournalEntry]) -> dict[str, Decimal]:
    """Given the journal, return by opening plan what its position made, fees and funding included, once it was flat
    again. An add belongs to the position that it adds to."""
    opened: dict[str, tuple[str, Decimal]] = {}
    made: dict[str, Decimal] = {}
    for entry in journal:
        plan, sum_usdt = opened.get(entry.symbol, (entry.plan_id, ZERO))
        sum_usdt += (entry.realized_pnl or ZERO) - (entry.fee or ZERO) + (entry.funding or ZERO)
        if entry.position_amt != 0:
            opened[entry.symbol] = (plan, sum_usdt)
        elif entry.symbol in opened:
            del opened[entry.symbol]
            if plan:
                made[plan] = sum_usdt
    return made


def view_in(permit: Permit) -> View | None:
    """Given a permit, return what was read for it; None where it does not say. Raise Malformed for what is none."""
    try:
        inputs = orjson.loads(permit.details).get("inputs")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    return None if inputs is None else view_of(inputs)
