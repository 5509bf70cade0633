"""`python -m tests.sim SEEDS` runs that many schedules on all cores; `python -m tests.sim --seed N` shows one."""

import argparse
import multiprocessing
import sys
import time
from collections import Counter

from tests.sim.schedule import Outcome, run


def main() -> int:
    """Run, print each failure with the command that replays it, and end with one line of totals."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("seeds", nargs="?", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return show(run(arguments.seed, trace=True))
    began = time.monotonic()
    faults: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    violations = 0
    with multiprocessing.Pool() as pool:
        seeds = range(arguments.first, arguments.first + arguments.seeds)
        for outcome in pool.imap_unordered(run, seeds, chunksize=8):
            faults.update(outcome.faults)
            seen.update(outcome.probes)
            if outcome.violations:
                violations += len(outcome.violations)
                for violation in outcome.violations:
                    print(f"seed {outcome.seed}: {violation}")
                print(f"  replay: python -m tests.sim --seed {outcome.seed}", flush=True)
    minutes = (time.monotonic() - began) / 60
    print("probes:", " ".join(f"{name}={count}" for name, count in sorted(seen.items())))
    print("faults:", " ".join(f"{name}={count}" for name, count in sorted(faults.items())))
    print(
        f"schedules={arguments.seeds} faults={faults.total()} violations={violations}"
        f" schedules_per_min={arguments.seeds / minutes:.0f}"
    )
    return 1 if violations else 0


def show(outcome: Outcome) -> int:
    """Print one schedule's trace and its violations."""
    print("\n".join(outcome.lines))
    print(f"steps={outcome.steps} settled after {outcome.settled_ms} ms, faults={outcome.faults}")
    print("\n".join(outcome.violations) or "no violation")
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
