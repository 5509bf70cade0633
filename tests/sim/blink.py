"""One plan and a Redis that blinks: it comes back at once, as it was when the plan was permitted and not yet read.

Nobody's call fails in so short a time, so nobody notices before it asks which server this is. The executor, which has
sent the order, is given the plan again, with live permits and without a record.
"""

from quantum_common.keys import GROUP_EXECUTOR
from quantum_common.messages import Issuer
from tests.sim.exhaustive import Kind, OnePlan, Striker
from tests.sim.pipeline import KEYS, Build
from tests.sim.schedule import Outcome, settle
from tests.sim.world import START_MS, Odds, World

STOPPED_AT_MS = 1_400
STOPPED_FOR_MS = 1_000
GIVE_UP_MS = 10_000


def blink(seed: int, build: Build) -> Outcome:
    """Run the one plan; let Redis blink as soon as the plan has its order and its result."""
    world = World(seed, Odds())
    OnePlan.kind, OnePlan.striker = Kind.ENTRY, Striker({})
    pipeline = OnePlan(world, 1, build)
    server = pipeline.redis.server
    world.run(START_MS + STOPPED_AT_MS)
    for process in world.processes:
        if process.name == "intent-executor":
            world.stop(process, STOPPED_FOR_MS)
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
