"""A short run of chaos against the real processes: nothing twice, nothing lost, nothing left running."""

from pathlib import Path

import pytest

from tests.chaos.run import Plan, run

SEED = 387  # kills of four processes, a rival that takes a lease over, a sleep past the fence, orders in doubt


@pytest.mark.timeout(200)
def test_a_minute_of_faults_leaves_every_order_once_and_every_trade_booked() -> None:
    outcome = run(Plan(lasts_s=45, seed=SEED), print)
    assert not outcome.failed, (
        f"{outcome.line}\n{outcome.verdict.findings}\n{outcome.deaths}\n"
        f"kept: {outcome.folder}\nreplay: {outcome.plan.replay}"
    )
    assert outcome.verdict.orders > 20, "the chain traded all the while"
    assert outcome.kills > 0
    assert not [pid for pid in outcome.pids if Path(f"/proc/{pid}").exists()], "nothing is left running"
    assert not outcome.folder.exists(), "a run without a finding leaves nothing behind"
