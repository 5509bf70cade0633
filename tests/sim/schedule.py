"""One seed, one schedule: a mix of faults while wishes flow, then a bounded time in which everything must settle."""

import random
from dataclasses import dataclass
from functools import partial

from tests.sim.checkers import check, pending_zero
from tests.sim.pipeline import KEYS, SYMBOLS, Pipeline
from tests.sim.world import START_MS, Odds, World

FAULTY_MS = (8_000, 25_000)
SETTLE_MS = 120_000


@dataclass(frozen=True)
class Outcome:
    """What became of a schedule."""

    seed: int
    violations: list[str]
    faults: dict[str, int]
    steps: int
    settled_ms: int
    lines: list[str]


def odds_of(world_seed: int) -> Odds:
    """Given a seed, return its mix of faults: each is off in some schedules, so that no fault hides another."""
    rng = random.Random(world_seed ^ 0x5EED)

    def some(most: float, off: float = 0.4) -> float:
        return 0.0 if rng.random() < off else float(rng.random() ** 2 * most)

    return Odds(
        kill=some(0.02), lost=some(0.06), slow=some(0.03), torn=some(0.02, 0.7), forget=float(rng.random() < 0.25),
        redis_down=some(0.01, 0.6),
    )  # fmt: skip


def run(seed: int, *, trace: bool = False, **mutation: type) -> Outcome:
    """Run one schedule."""
    world = World(seed, odds_of(seed), trace=trace)
    pipeline = Pipeline(world, wishes=world.rng.randint(2, 8), **mutation)  # type: ignore[arg-type]
    faulty_ms = world.rng.randint(*FAULTY_MS)
    for _ in range(world.rng.choice((0, 0, 1, 2))):
        symbol = world.rng.choice(SYMBOLS)
        world.later(world.rng.randint(3000, faulty_ms), partial(pipeline.exchange.foreign_trade, symbol))
    world.run(START_MS + faulty_ms)
    world.faulty = False
    world.say("--- faults off: everything must settle ---")
    began_ms = world.now_ms
    settled = False
    while not settled and world.now_ms < began_ms + SETTLE_MS:
        world.run(world.now_ms + 2_000)
        settled = _settled(pipeline)
    violations = check(pipeline)
    return Outcome(seed, violations, dict(world.faults), world.steps, world.now_ms - began_ms, list(world.lines or ()))


def _settled(pipeline: Pipeline) -> bool:
    """Return whether every wish was made and nothing is under way, for the cheap checks' word."""
    server = pipeline.redis.server
    if not pipeline.redis.up or any(process.down for process in pipeline.world.processes):
        return False
    if len(pipeline.wished) < pipeline.wishes or next(pending_zero(pipeline), None):
        return False
    agree = all(
        server.do_hget(KEYS.ledger(symbol), "position_amt") is not None and not server.do_exists(KEYS.hold(symbol))
        for symbol in SYMBOLS
    )
    return agree and not check(pipeline)
