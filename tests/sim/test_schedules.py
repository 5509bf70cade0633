"""Schedules by chance: the seeds that failed before, some more, and that a seed is exactly one schedule."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.sim import probes, seeds
from tests.sim.schedule import Outcome, run

SEEDS = 300
SLICES = 12  # so that two workers share them


def test_the_seeds_that_ever_failed_pass() -> None:
    failed = {outcome.seed: outcome.violations for outcome in map(run, seeds.failed_before()) if outcome.violations}
    assert not failed


@pytest.mark.parametrize("slice_", range(SLICES))
def test_three_hundred_schedules_settle_without_a_violation_and_with_every_common_fault(slice_: int) -> None:
    outcomes = [run(seed) for seed in range(slice_, SEEDS, SLICES)]
    failed = {outcome.seed: outcome.violations for outcome in outcomes if outcome.violations}
    assert not failed, f"replay: python -m tests.sim --seed {next(iter(failed))}"
    assert not _never_seen(outcomes)


def test_a_seed_is_the_same_schedule_whatever_the_order_of_hashes() -> None:
    def trace_hash(hash_seed: str) -> str:
        code = "from tests.sim.schedule import run; print(run(7, trace=True).trace_hash)"
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        root = Path(__file__).resolve().parents[2]
        command = [sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=root).stdout

    assert trace_hash("1") == trace_hash("2") != ""


def test_tracing_changes_nothing() -> None:
    traced, plain = run(11, trace=True), run(11)
    assert (traced.steps, traced.faults, traced.settled_ms) == (plain.steps, plain.faults, plain.settled_ms)


def test_other_seeds_are_other_schedules() -> None:
    assert len({run(seed, trace=True).trace_hash for seed in range(5)}) == 5


def test_a_fault_that_never_strikes_is_missed() -> None:
    assert probes.missing({}, 1000) == [f"{name}: 0 of at least {least}" for name, least in probes.WANTED.items()]
    assert not probes.missing(dict(probes.WANTED), 1000)


def _never_seen(outcomes: list[Outcome]) -> list[str]:
    """Return the common faults that a slice lacks; the rare ones need more schedules than a slice has."""
    seen: Counter[str] = Counter()
    for outcome in outcomes:
        seen.update(outcome.faults)
        seen.update(outcome.probes)
    return [name for name, least in probes.WANTED.items() if least >= 50 and not seen[name]]
