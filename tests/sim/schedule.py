"""One seed, one schedule: a mix of faults while wishes flow, then a bounded time in which everything must settle."""

import random
from dataclasses import dataclass
from functools import partial

from tests.sim import probes
from tests.sim.checkers import check
from tests.sim.pipeline import HEALTHY, SYMBOLS, Build, Pipeline
from tests.sim.remains import evidence, settled_cheaply
from tests.sim.world import START_MS, Odds, World

FAULTY_MS = (8_000, 25_000)
SETTLE_MS = 120_000
LOOK_EVERY_MS = 2_000


@dataclass(frozen=True)
class Outcome:
    """What became of a schedule. `lines` and `trace_hash` only where a trace was asked for."""

    seed: int
    violations: list[str]
    faults: dict[str, int]
    probes: dict[str, int]
    steps: int
    settled_ms: int
    lines: list[str]
    trace_hash: str


def odds_of(world_seed: int) -> Odds:
    """Given a seed, return its mix of faults: each is off in some schedules, so that no fault hides another."""
    rng = random.Random(world_seed ^ 0x5EED)

    def some(most: float, off: float = 0.4) -> float:
        return 0.0 if rng.random() < off else float(rng.random() ** 2 * most)

    return Odds(
        kill=some(0.02), lost=some(0.06), slow=some(0.03), torn=some(0.02, 0.7), forget=float(rng.random() < 0.25),
        redis_down=some(0.01, 0.6), stop=some(0.004, 0.6), redis_full=some(0.003, 0.7),
    )  # fmt: skip


def run(
    seed: int,
    *,
    trace: bool = False,
    build: Build = HEALTHY,
    odds: Odds | None = None,
    doubled: bool | None = None,
) -> Outcome:
    """Run one schedule; what is not given is the seed's choice."""
    world = World(seed, odds or odds_of(seed), trace=trace)
    rng = world.rng
    wishes, second = rng.randint(2, 8), rng.random() < 0.15
    pipeline = Pipeline(world, wishes, build, second if doubled is None else doubled)
    faulty_ms = rng.randint(*FAULTY_MS)
    if rng.random() < 0.3:
        pipeline.exchange.rest_foreign_orders(rng.choice(SYMBOLS))
    for _ in range(rng.choice((0, 0, 1, 2))):
        happening = pipeline.exchange.foreign_trade if rng.random() < 0.7 else pipeline.exchange.deleverage
        world.later(rng.randint(3000, faulty_ms), partial(happening, rng.choice(SYMBOLS)))
    world.run(START_MS + faulty_ms)
    return settle(pipeline, seed)


def settle(pipeline: Pipeline, seed: int, look_every_ms: int = LOOK_EVERY_MS) -> Outcome:
    """End the faults, wait until everything agrees or the bound is reached, and judge."""
    world = pipeline.world
    world.faulty = False
    world.say("--- faults off: everything must settle ---")
    began_ms, settled = world.now_ms, False
    while not settled and world.now_ms < began_ms + SETTLE_MS:
        world.run(world.now_ms + look_every_ms)
        settled = settled_cheaply(pipeline) and not _violations(pipeline, began_ms)
    violations = _violations(pipeline, began_ms, settled=settled)
    probes.look(pipeline)
    world.close()
    return Outcome(
        seed, violations, dict(world.faults), dict(world.probes), world.steps, world.now_ms - began_ms,
        list(world.lines or ()), world.trace_hash,
    )  # fmt: skip


def _violations(pipeline: Pipeline, began_ms: int, *, settled: bool = True) -> list[str]:
    return check(evidence(pipeline, settled=settled, recovered_ms=pipeline.world.now_ms - began_ms))
