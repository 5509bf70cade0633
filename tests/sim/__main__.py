"""`python -m tests.sim SEEDS`: the seeds that ever failed, then so many more, every case of one plan, the mutants.

`--seed N` and `--case CASE` replay one schedule and show it step by step. Exits 1 where anything was violated: a
checker, a mutant that was not caught, a fault that did not happen often enough to prove anything.
"""

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.pool import Pool

from quantum_common.version import build_id
from tests.sim import probes, seeds
from tests.sim.exhaustive import Case, Kind, Result, pairs, play, singles
from tests.sim.mutants import MUTANTS, by_name, caught_by
from tests.sim.schedule import Outcome, run

LAST_LINES = 40
ENOUGH = 1000  # schedules, for a rare fault that is missing to mean something


@dataclass
class Tally:
    """What was run, what happened in it, and what was violated."""

    schedules: int = 0
    violations: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome, replay: str) -> None:
        """Count one schedule; say aloud where it failed, and how it is replayed."""
        self.schedules += 1
        self.faults.update(outcome.faults)
        self.seen.update(outcome.probes)
        if outcome.violations:
            self.blame([f"{violation} (replay: {replay})" for violation in outcome.violations])

    def blame(self, violations: Iterable[str]) -> None:
        """Count violations and print them."""
        for violation in violations:
            self.violations += 1
            print(violation, flush=True)


def main() -> int:
    """Run everything, or show one schedule."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("seeds", nargs="?", type=int, default=1000, help="how many schedules to try by chance")
    parser.add_argument("--first", type=int, default=0, help="the first seed of them")
    parser.add_argument("--seed", type=int, help="show the schedule of this seed")
    parser.add_argument("--case", type=Case.parse, help="show this case of the exhaustive tier")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return show(run(arguments.seed, trace=True))
    if arguments.case is not None:
        return show(play(arguments.case, trace=True).outcome)
    total = Tally()
    with multiprocessing.Pool() as pool:
        failed_before = seeds.failed_before()
        by_chance(pool, failed_before, total)
        chance = Tally()
        began = time.monotonic()
        by_chance(pool, range(arguments.first, arguments.first + arguments.seeds), chance)
        minutes = (time.monotonic() - began) / 60
        tell_faults(chance)
        exhaustively(pool, total)
        mutants(pool, total)
    violations = total.violations + chance.violations
    print(
        f"schedules={chance.schedules} faults={chance.faults.total()} violations={violations}"
        f" schedules_per_min={chance.schedules / minutes:.0f}"
    )
    return 1 if violations else 0


def by_chance(pool: Pool, chosen: Sequence[int], tally: Tally) -> None:
    """Run schedules by seed; show the end of each that fails."""
    for outcome in pool.imap_unordered(run, chosen, chunksize=8):
        tally.add(outcome, f"python -m tests.sim --seed {outcome.seed}")
        if outcome.violations:
            print(f"commit {build_id()}, the last {LAST_LINES} steps of seed {outcome.seed}:")
            print("\n".join(run(outcome.seed, trace=True).lines[-LAST_LINES:]), flush=True)


def tell_faults(tally: Tally) -> None:
    """Print what happened in a batch, and blame it where too little did."""
    print("faults:", " ".join(f"{name}={count}" for name, count in sorted(tally.faults.items())))
    both = tally.faults + tally.seen
    print("probes:", ", ".join(f"{name} {both[name]}" for name in probes.WANTED), flush=True)
    if tally.schedules >= ENOUGH:
        tally.blame(f"PROBE {shortage}" for shortage in probes.missing(both, tally.schedules))


def exhaustively(pool: Pool, tally: Tally) -> None:
    """Run every case with one fault and with two, of every kind of plan."""
    began, before = time.monotonic(), tally.violations
    for kind in Kind:
        ones = pool.map(play, list(singles(kind, len(play(Case(kind)).calls))), chunksize=4)
        twos = [case for one in ones for case in pairs(one)]
        for result in ones:
            count(result, tally)
        for result in pool.imap_unordered(play, twos, chunksize=32):
            count(result, tally)
        print(f"exhaustive: {kind}: {len(ones)} cases with one fault, {len(twos)} with two", flush=True)
    print(f"exhaustive: {tally.violations - before} violations in {time.monotonic() - began:.0f} s", flush=True)


def count(result: Result, tally: Tally) -> None:
    """Count one case."""
    tally.add(result.outcome, f"python -m tests.sim --case {result.case}")


def mutants(pool: Pool, tally: Tally) -> None:
    """Require that every known-bad variant is caught in time."""
    seeds_found = pool.map(catch, [mutant.name for mutant in MUTANTS], chunksize=1)
    for mutant, seed in zip(MUTANTS, seeds_found, strict=True):
        if seed is None:
            tally.blame([f"MUTANT {mutant.name}: not caught within {mutant.seeds} schedules"])
        else:
            print(f"mutant: {mutant.name}: caught by schedule {seed}, at most {mutant.seeds - 1}", flush=True)


def catch(name: str) -> int | None:
    """Given a mutant's name, return the schedule that catches it: a class made on the spot goes to no other process."""
    return caught_by(by_name(name))


def show(outcome: Outcome) -> int:
    """Print one schedule's trace and its violations."""
    print("\n".join(outcome.lines))
    print(f"commit {build_id()}, trace {outcome.trace_hash}")
    print(f"steps={outcome.steps} settled after {outcome.settled_ms} ms, faults={outcome.faults}")
    print("\n".join(outcome.violations) or "no violation")
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
