"""One plan in a corner that chance finds too seldom: each takes a seed for what is left to it, and a build to judge."""

from functools import partial

from quantum_common.keys import GROUP_EXECUTOR
from quantum_common.messages import Issuer
from tests.sim.exhaustive import SYMBOL, Kind, OnePlan, Striker
from tests.sim.pipeline import KEYS, Build
from tests.sim.schedule import Outcome, settle
from tests.sim.world import START_MS, Call, Fault, Odds, Task, World

KILLED_AT_MS = 400  # early enough that its last blocked read is over before the wish
GIVE_UP_MS = 15_000
LATE_MS = (4_000, 6_000)
TORN_AFTER = 1  # writes of `book_fact`: the fact is there, its journal entry and its ledger are not
TRADE_AFTER_MS = 1_500  # Redis is back and P3.3 reads it again by then
HELD_MS = 4_000


def blink(seed: int, build: Build) -> Outcome:
    """Let Redis come back at once, as it was when the plan was permitted and a restarting executor had not read it.

    Nobody's call fails in so short a time, so nobody notices before it asks which server this is. The executor, which
    has waited its quarantine out and sent the order, is given the plan again, with live permits and without a record.
    """
    pipeline = _one_plan(seed, build)
    world, server = pipeline.world, pipeline.redis.server
    world.run(START_MS + KILLED_AT_MS)
    world.kill(next(process for process in world.processes if process.name == "intent-executor"), "by the scenario")
    image: bytes | None = None
    while world.now_ms < START_MS + GIVE_UP_MS:
        world.run(world.now_ms + 5)
        plan = next(iter(pipeline.wished), "")
        permitted = plan and all(server.do_exists(KEYS.permit(issuer, plan)) for issuer in Issuer)
        if image is None and permitted and server.unread_by(KEYS.plans, GROUP_EXECUTOR):
            image = server.image()
        if image is not None and server.do_hget(KEYS.order(plan), "state") == "PLACED":
            world.faults["redis_forgot"] += 1
            server.restart(image)
            break
    return settle(pipeline, seed)


def late(seed: int, build: Build) -> Outcome:
    """Let the order's request arrive when its sender has long given up, and ended the plan as expired."""
    pipeline = _one_plan(seed, build)
    pipeline.exchange.place_ms = LATE_MS
    pipeline.world.run(START_MS + GIVE_UP_MS)
    return settle(pipeline, seed)


def overtaken(seed: int, build: Build) -> Outcome:
    """Tear the booking of the order's trade, and let the first mending of it arrive after a second one and a new trade.

    Each task of P3.3 that meets a torn ledger mends it. The one that is late has folded a ledger without the new trade.
    """
    pipeline = _one_plan(seed, build)
    world, server = pipeline.world, pipeline.redis.server
    pipeline.exchange.p_drop = 0.0
    struck: set[str] = set()

    def strike(_task: Task, call: Call) -> Fault:
        if call.label in struck:
            return Fault.NONE
        if call.label == "book_fact":
            server.tear_after = TORN_AFTER
            world.later(TRADE_AFTER_MS, partial(pipeline.exchange.foreign_trade, SYMBOL))
        elif call.label == "mend_ledger":
            call.park = partial(_hold, world, call)
        struck.add(call.label)
        return Fault.NONE

    world.judge = strike
    world.run(START_MS + GIVE_UP_MS)
    return settle(pipeline, seed)


def _hold(world: World, call: Call, task: Task) -> bool:
    """Let a call arrive again a good while later, and no more be held."""
    call.park = None
    world.later(HELD_MS, lambda: world._arrive(task, call))
    return True


def _one_plan(seed: int, build: Build) -> OnePlan:
    """Return a pipeline in which somebody wishes for one entry."""
    OnePlan.kind, OnePlan.striker = Kind.ENTRY, Striker({})
    return OnePlan(World(seed, Odds()), 1, build)
