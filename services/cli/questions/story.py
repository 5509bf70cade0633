"""The steps of one thread in the order of time, and the one where it stopped or waits. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from quantum_common.messages import Decision
from quantum_common.money import plain
from quantum_common.reasons import Gate
from quantum_common.state import OrderState
from services.cli.health.flow import service_of
from services.cli.questions.threads import Gauge, Thread, failed, gauges, particulars, silent
from services.cli.redis_link import Entry, written_ms
from services.cli.spans import span


class Mark(StrEnum):
    """How a step stands."""

    DONE = "done"
    STOPPED = "stopped"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Step:
    """One hop: what it is, when it was (epoch ms; None where only its absence is known), how it stands, in words. Where
    it stopped, `gauge` holds the gate with the value and the limit that decided. `lines` are its particulars."""

    name: str
    at_ms: int | None
    mark: Mark
    words: str
    gauge: Gauge | None = None
    lines: tuple[str, ...] = ()


def story(thread: Thread, now_ms: int) -> list[Step]:
    """Given a thread, return its steps, the oldest first; what is still waited for comes last."""
    steps = [*_wish(thread), *_plan(thread), *_permits(thread), *_order(thread), *_trades(thread), *_end(thread)]
    known = [step for step in steps if step.at_ms is not None]
    waiting = list(_waiting(thread, now_ms))
    return [*sorted(known, key=lambda step: step.at_ms or 0), *waiting]


def standing(thread: Thread, now_ms: int) -> Step:
    """Given a thread, return the step that says how it stands: the first that stopped it, else what it waits for, else
    its last."""
    steps = story(thread, now_ms)
    for mark in (Mark.STOPPED, Mark.WAITING):
        for step in steps:
            if step.mark is mark:
                return step
    return steps[-1]


def _at(entry: Entry) -> int:
    return written_ms(entry[0])


def _wish(thread: Thread) -> Iterator[Step]:
    if thread.intent is None:
        return
    said = thread.intent[1]
    size = f" {said['position_size_usd']} USDT" if said.get("position_size_usd") else ""
    words = f"{said.get('action')} {said.get('symbol')} {said.get('side')}{size}, from {said.get('source')}"
    facts = [f"{name} {said[name]}" for name in ("confidence", "expected_edge_bps", "stop_loss") if said.get(name)]
    lines = [line for line in (", ".join(facts), said.get("reason", "")) if line]
    yield Step("intent", _at(thread.intent), Mark.DONE, words, lines=tuple(lines))


def _plan(thread: Thread) -> Iterator[Step]:
    if thread.plan is None:
        return
    said = thread.plan[1]
    lines = tuple(f"{'ok' if one.ok else 'NO':<2} {one.words()}" for one in gauges(said.get("gates", "")))
    if said.get("decision") == Decision.EXECUTE:
        price = f" at {said['price']}" if said.get("price") else ""
        again = f"; asked again {thread.repeats} times" if thread.repeats else ""
        words = f"EXECUTE {said.get('qty')}{price}{again}"
        yield Step("plan", _at(thread.plan), Mark.DONE, words, lines=lines)
        return
    gauge = failed(thread.plan, said.get("gate", ""))
    yield Step("plan", _at(thread.plan), Mark.STOPPED, f"BLOCKED by {gauge.words()}", gauge, lines)


def _permits(thread: Thread) -> Iterator[Step]:
    for issuer, entry in sorted(thread.permits.items()):
        said = entry[1]
        rows = gauges(said.get("details", ""))
        lines = tuple(f"{'ok' if one.ok else 'NO':<2} {one.words()}" for one in rows if one.value or not one.ok)
        if said.get("allow") == "True":
            yield Step(f"permit {issuer}", _at(entry), Mark.DONE, f"allowed {said.get('safe_qty')}", lines=lines)
            continue
        gauge = failed(entry, said.get("reason", ""))
        if not gauge.value:
            gauge = Gauge(gauge.gate, ok=False, value=_measured(said, gauge.gate), limit="")
        yield Step(f"permit {issuer}", _at(entry), Mark.STOPPED, f"refused by {gauge.words()}", gauge, lines)


def _measured(said: dict[str, str], gate: str) -> str:
    """Given a permit of P3.3, which has no verdicts of single gates, return what it saw that decided."""
    details = particulars(said.get("details", ""))
    if gate == Gate.COOLDOWN_IN_FLIGHT and details.get("in_flight"):
        return f"plan {', '.join(details['in_flight'])} is not booked yet"
    if gate == Gate.SYMBOL_ON_HOLD and details.get("hold"):
        return str(details["hold"])
    if gate == Gate.STALE_EXCHANGE_STATE:
        age = said.get("snapshot_age_ms", "")
        return f"snapshot {span(int(age))} old" if age else "no snapshot"
    exchange, ledger = said.get("exchange_position_amt", ""), said.get("ledger_position_amt", "")
    return f"exchange {exchange or 'unknown'}, ledger {ledger or 'unknown'}"


def _order(thread: Thread) -> Iterator[Step]:
    said, record = thread.result[1] if thread.result else {}, thread.record
    sent, acked = said.get("sent_ms") or record.get("sent_ms", ""), said.get("acked_ms", "")
    if sent:
        client = said.get("client_order_id") or record.get("client_order_id", "")
        yield Step("sent", int(sent), Mark.DONE, client)
    if acked and said.get("order_id"):
        words = f"{said.get('order_status') or 'taken'}, order {said['order_id']}, filled {said.get('filled_qty')}"
        yield Step("order", int(acked), Mark.DONE, words)


def _trades(thread: Thread) -> Iterator[Step]:
    for entry in thread.fills:
        said = entry[1]
        words = f"{said.get('side')} {said.get('qty')} at {said.get('price')}, position {said.get('position_amt')}"
        lines = (f"trade {said.get('trade_id')} at {said.get('trade_ms')}, fee {said.get('fee')}",)
        name = "ledger" if entry in thread.own_fills else said.get("origin", "stop")
        yield Step(name, _at(entry), Mark.DONE, words, lines=lines)


def _end(thread: Thread) -> Iterator[Step]:
    if thread.result is None:
        return
    said = thread.result[1]
    details = said.get("details", "")
    if said.get("executed") == "True":
        words = f"executed, filled {said.get('filled_qty')} of {said.get('qty')}"
        yield Step("result", _at(thread.result), Mark.DONE, words, lines=(details,) if details else ())
        return
    gate = said.get("gate", "")
    spoke = _spoke(thread, gate)
    if spoke is None:
        value = said.get("error") or (_silence(thread) if gate == Gate.PERMIT_TIMEOUT else "") or details
        gauge = Gauge(gate, ok=False, value=value, limit="")
        yield Step("result", _at(thread.result), Mark.STOPPED, f"not executed, {gauge.words()}", gauge)
    else:
        yield Step("result", _at(thread.result), Mark.DONE, f"not executed, {gate}", spoke)


def _spoke(thread: Thread, gate: str) -> Gauge | None:
    """Return the gate that stopped the plan before the executor did, where plan or permit names it."""
    entries = [thread.plan, *thread.permits.values()]
    named = [entry for entry in entries if entry is not None and gate in {entry[1].get("gate"), entry[1].get("reason")}]
    return failed(named[0], gate) if named else None


def _silence(thread: Thread) -> str:
    missing = silent(thread)
    return f"no word of {' and '.join(missing)}" if missing else ""


def _waiting(thread: Thread, now_ms: int) -> Iterator[Step]:
    """What has not come yet, and who owes it."""
    if thread.result is not None:
        yield from _unbooked(thread)
        return
    if thread.plan is None:
        if thread.intent is not None:
            yield _owed("plan", "intent-bridge", now_ms - _at(thread.intent))
        return
    since_ms = now_ms - _at(thread.plan)
    if thread.plan[1].get("decision") == Decision.EXECUTE:
        for issuer in silent(thread):
            yield _owed(f"permit {issuer}", issuer, since_ms)
    if thread.record.get("state") == OrderState.SENDING:
        yield Step("order", None, Mark.WAITING, f"SENDING for {span(since_ms)}: its fate is being looked up")
    else:
        yield _owed("result", "intent-executor", since_ms)


def _owed(name: str, group: str, since_ms: int) -> Step:
    return Step(name, None, Mark.WAITING, f"{service_of(group)} owes it for {span(max(since_ms, 0))}")


def _unbooked(thread: Thread) -> Iterator[Step]:
    """A fill whose trades the ledger does not have yet."""
    said = thread.result[1] if thread.result else {}
    filled = Decimal(said.get("filled_qty") or 0)
    booked = sum((Decimal(fields.get("qty") or 0) for _, fields in thread.own_fills), Decimal(0))
    if thread.own_fills and booked < filled:
        yield Step("ledger", None, Mark.WAITING, f"booked {plain(booked)} of {plain(filled)}")
