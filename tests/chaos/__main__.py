"""`python -m tests.chaos --minutes 10 --seed 1` strikes the real processes for so long, then checks from the outside.

The last line reads `kills=N orders=N duplicate_orders=0 lost_fills=0 ledger_diffs=0 unresolved_plans=0
recovery_p99_s=N`; the status is 1 where anything is not as it must be, and the run's folder stays.

After a FLUSHALL (`--flush`) the governor comes back REDUCING until a person resumes: recoveries are then waits for an
exit, and say little.
"""

import argparse
import sys
from pathlib import Path

from tests.chaos.recovery import percentile
from tests.chaos.run import Outcome, Plan, run
from tests.chaos.stage import NotReady


def main() -> int:
    """Run once and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=3.0, help="wishes a second (default %(default)s)")
    parser.add_argument("--shipped", action="store_true", help="every time as shipped, instead of quick ones")
    parser.add_argument("--flush", action="store_true", help="FLUSHALL too: only G1 and adoption are asserted then")
    parser.add_argument("--folder", type=Path, help="where to run; it is kept then")
    found = parser.parse_args()
    plan = Plan(found.minutes * 60, found.seed, found.rate, shipped=found.shipped, flush=found.flush)
    try:
        outcome = run(plan, lambda words: print(words, flush=True), found.folder)
    except NotReady as error:
        print(f"{error}\nreplay: {plan.replay}")
        return 1
    tell(outcome)
    return 1 if outcome.failed else 0


def tell(outcome: Outcome) -> None:
    """Given what came of a run, print it, the line of counts last."""
    for finding in (*outcome.verdict.findings, *outcome.deaths):
        print(finding)
    print("strikes:", " ".join(f"{name}={count}" for name, count in sorted(outcome.strikes.items())))
    print("probes:", " ".join(f"{name}={count}" for name, count in sorted(outcome.probes.items())))
    print(
        f"episodes={len(outcome.recoveries_ms)} recovery_p50_s={percentile(outcome.recoveries_ms, 0.5) / 1000:.1f}"
        f" recovery_max_s={max(outcome.recoveries_ms, default=0) / 1000:.1f} settled_s={outcome.settled_s:.1f}"
    )
    if outcome.failed:
        print(f"kept: {outcome.folder}\nreplay: {outcome.plan.replay}")
    print(outcome.line)


if __name__ == "__main__":
    sys.exit(main())
