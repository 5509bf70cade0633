"""Each checker finds nothing in a healthy run, and finds the violation that is planted into it."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cache

import pytest

from quantum_common import ids
from quantum_common.keys import Keys
from quantum_common.state import OrderState
from tests.sim.checkers import CHECKERS, check
from tests.sim.evidence import Entries, Evidence, Fields, StopSeen
from tests.sim.exchange import FOREIGN
from tests.sim.pipeline import Pipeline
from tests.sim.remains import evidence
from tests.sim.schedule import settle
from tests.sim.world import START_MS, Odds, World

KEYS = Keys()
SYMBOL = "BTCUSDT"
Plant = Callable[[Evidence], Evidence]


@cache
def healthy() -> Evidence:
    """Return what is left of a run without faults, in which plans were executed and a position stands."""
    for seed in range(40):
        world = World(seed, Odds())
        pipeline = Pipeline(world, wishes=6)
        pipeline.exchange.rest_foreign_orders(SYMBOL)
        world.run(START_MS + 12_000)
        settle(pipeline, seed)
        seen = evidence(pipeline, settled=True, recovered_ms=0)
        if seen.positions[SYMBOL] and len(_plans(seen)) > 1:
            return seen
    raise AssertionError("no seed leaves a position")


def _plans(seen: Evidence) -> list[str]:
    """Return the plans with an order."""
    return [ids.plan_of(order.client_id) or "" for order in seen.orders if order.client_id.startswith(ids.ORDER_PREFIX)]


def with_stream(seen: Evidence, stream: str, change: Callable[[Entries], Entries]) -> Evidence:
    """Return the evidence with another stream."""
    return replace(seen, streams={**seen.streams, stream: change(seen.streams[stream])})


def with_record(seen: Evidence, **fields: str) -> Evidence:
    """Return the evidence with another order record of the first plan with an order."""
    plan = _plans(seen)[0]
    return replace(seen, records={**seen.records, plan: {**seen.records[plan], **fields}})


def with_ledger(seen: Evidence, **fields: str) -> Evidence:
    """Return the evidence with another ledger."""
    return replace(seen, ledgers={**seen.ledgers, SYMBOL: {**seen.ledgers[SYMBOL], **fields}})


def without_result(seen: Evidence) -> Evidence:
    """Return the evidence without any result of the first plan with an order."""
    plan = _plans(seen)[0]
    return with_stream(seen, KEYS.results, lambda rows: [row for row in rows if row[1]["plan_id"] != plan])


def with_lying_result(seen: Evidence) -> Evidence:
    """Return the evidence with a result that says more was filled."""

    def lie(fields: Fields) -> Fields:
        return {**fields, "filled_qty": "77"} if fields["executed"] == "True" and fields["order_id"] else fields

    return with_stream(seen, KEYS.results, lambda rows: [(name, lie(fields)) for name, fields in rows])


def with_refusals(seen: Evidence) -> Evidence:
    """Return the evidence as if no permit had allowed anything."""
    return with_stream(seen, KEYS.permits, lambda rows: [(name, {**fields, "allow": "False"}) for name, fields in rows])


def with_blocked_plans(seen: Evidence) -> Evidence:
    """Return the evidence as if every plan had been blocked."""
    return with_stream(
        seen,
        KEYS.plans,
        lambda rows: [(name, {**fields, "decision": "BLOCKED", "gate": "low_confidence"}) for name, fields in rows],
    )


def with_foreign_plans(seen: Evidence) -> Evidence:
    """Return the evidence as if plans had made up their ids."""
    return with_stream(seen, KEYS.plans, lambda rows: [(name, {**fields, "plan_id": "00ff"}) for name, fields in rows])


def with_an_adjustment(seen: Evidence) -> Evidence:
    """Return the evidence with an adoption that nobody needed."""
    return with_stream(
        seen, KEYS.journal, lambda rows: [(name, {**fields, "kind": "adjustment"}) for name, fields in rows]
    )


def dropped_trade(seen: Evidence) -> Evidence:
    """Return the evidence as if the exchange had one trade less."""
    return replace(seen, trades=seen.trades[1:])


def doubled_entry(stream: str) -> Plant:
    """Return a planter that repeats a stream's last entry."""
    return lambda seen: with_stream(seen, stream, lambda rows: [*rows, rows[-1]])


PLANTED: dict[str, tuple[str, Plant]] = {
    "a second order of a plan": ("AT_MOST_ONE", lambda seen: replace(seen, orders=[*seen.orders, *seen.orders])),
    "an order nobody wished for": ("ORDER_WITHOUT_PLAN", lambda seen: replace(seen, wished=frozenset())),
    "an order without permits": ("NO_PERMIT", with_refusals),
    "a permit that lives on": ("PERMIT_ALIVE", lambda seen: replace(seen, live_permits=_plans(seen))),
    "an order of a blocked plan": ("BLOCKED_TRADED", with_blocked_plans),
    "a plan without a result": ("UNRESOLVED", without_result),
    "two results": ("OUTPUT_ONCE", doubled_entry(KEYS.results)),
    "two permits of an issuer": ("OUTPUT_ONCE", doubled_entry(KEYS.permits)),
    "two journal entries of a fact": ("OUTPUT_ONCE", doubled_entry(KEYS.journal)),
    "a result that lies": ("RESULT_LIES", with_lying_result),
    "a record that lies": ("LEDGER_LIES", lambda seen: with_record(seen, state=OrderState.EXPIRED)),
    "a record without its order": ("LEDGER_LIES", lambda seen: replace(seen, orders=[])),
    "a plan id out of the air": ("ID_DETERMINISM", with_foreign_plans),
    "a client id out of the air": ("ID_DETERMINISM", lambda seen: with_record(seen, client_order_id="qo-random")),
    "a record that went back": (
        "MONOTONE_STATE", lambda seen: replace(seen, moves=[("order", OrderState.EXPIRED, OrderState.PLACED)]),
    ),
    "somebody's order touched": (
        "NO_FOREIGN_TOUCH",
        lambda seen: replace(seen, orders=[one for one in seen.orders if not one.client_id.startswith(FOREIGN)]),
    ),
    "an order of nobody": (
        "NO_FOREIGN_TOUCH", lambda seen: replace(seen, orders=[replace(seen.orders[0], client_id="x-1")]),
    ),
    "a position without a stop": ("UNPROTECTED", lambda seen: replace(seen, stops=[])),
    "a stop without a position": (
        "ORPHAN_STOP",
        lambda seen: replace(
            seen, positions={**seen.positions, SYMBOL: Decimal(0)}, stops=[StopSeen(SYMBOL, "qs-1", 1), *seen.stops]
        ),
    ),
    "a run that never settles": ("BOUNDED_RECOVERY", lambda seen: replace(seen, settled=False)),
    "a message left": ("PENDING_ZERO", lambda seen: replace(seen, pending={KEYS.plans: 1})),
    "a message unread": ("PENDING_ZERO", lambda seen: replace(seen, unread={KEYS.plans: 1})),
    "an order still being sent": ("PENDING_ZERO", lambda seen: with_record(seen, state=OrderState.SENDING)),
    "a daemon that died": ("CRASH", lambda seen: replace(seen, crashes=["CRASH executor: KeyError"])),
    "a dead letter": ("DEAD_LETTER", lambda seen: replace(seen, dead_letters=["executor 1-0: qty"])),
    "a ledger off the exchange": ("LEDGER_SUM", lambda seen: with_ledger(seen, position_amt="0.5")),
    "no ledger": ("LEDGER_SUM", lambda seen: replace(seen, ledgers={})),
    "fees that do not add up": ("FACTS_EQUAL_TRADES", lambda seen: with_ledger(seen, fees="99")),
    "a needless adjustment": ("ADOPTED", with_an_adjustment),
    "a ledger that is not its fold": ("FOLD_EQUALS_CACHE", lambda seen: with_ledger(seen, avg_entry_price="1")),
    "a trade lost by the exchange": ("CONSERVATION", dropped_trade),
    "money out of nowhere": ("CONSERVATION", lambda seen: replace(seen, wallet=seen.wallet + 1)),
}  # fmt: skip


def test_a_healthy_run_violates_nothing() -> None:
    assert check(healthy()) == []


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_violation_is_found(planted: str) -> None:
    name, plant = PLANTED[planted]
    assert any(violation.startswith(name) for violation in check(plant(healthy())))


def test_every_checker_has_a_violation_planted() -> None:
    silent = {
        checker.__name__
        for checker in CHECKERS
        if not any(list(checker(plant(healthy()))) for _, plant in PLANTED.values())
    }
    assert not silent


def test_what_redis_tore_or_forgot_excuses_a_repetition_and_nothing_else() -> None:
    seen = healthy()
    assert check(replace(doubled_entry(KEYS.results)(seen), torn=True)) == []
    assert check(replace(with_refusals(seen), forgot=True)) == []
    assert check(replace(replace(seen, orders=[*seen.orders, *seen.orders]), torn=True, forgot=True))
