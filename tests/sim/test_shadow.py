"""Shadow mode under the same faults: every plan ends, nothing is ever commanded, every checker is content."""

from dataclasses import replace
from typing import Any

from quantum_common.exchange.outcome import Commanding, Placing, Refused
from services.intent_executor.settings import ExecutorMode
from tests.sim.pipeline import EXECUTOR, HEALTHY
from tests.sim.port import SimPort
from tests.sim.schedule import Outcome, run

SEEDS = 40


class Commanded(SimPort):
    """Notes what it was commanded, and refuses it."""

    commands: list[str]

    async def place(self, *_: Any) -> Placing:
        self.commands.append("place")
        return Refused(0, "a shadow sends nothing")

    async def place_stop(self, *_: Any) -> Commanding:
        self.commands.append("place_stop")
        return Refused(0, "a shadow sends nothing")

    async def cancel_stop(self, *_: Any) -> Commanding:
        self.commands.append("cancel_stop")
        return Refused(0, "a shadow sends nothing")

    async def set_leverage(self, *_: Any) -> Commanding:
        self.commands.append("set_leverage")
        return Refused(0, "a shadow sends nothing")


def beyond_the_stops(outcome: Outcome) -> list[str]:
    """What was violated but that somebody else's position stays without a stop, for which a shadow only has an alarm;
    such a schedule never settles."""
    wrong = [one for one in outcome.violations if not one.startswith("UNPROTECTED ")]
    unprotected = len(wrong) < len(outcome.violations)
    return [one for one in wrong if not (unprotected and one.startswith("BOUNDED_RECOVERY "))]


def test_a_shadow_commands_nothing_whatever_crashes_and_every_plan_ends() -> None:
    commands: list[str] = []
    port = type("Counted", (Commanded,), {"commands": commands})
    settings = EXECUTOR.model_copy(update={"executor_mode": ExecutorMode.SHADOW})
    outcomes = [run(seed, build=replace(HEALTHY, executor_settings=settings, port=port)) for seed in range(SEEDS)]
    assert commands == []
    assert {outcome.seed: wrong for outcome in outcomes if (wrong := beyond_the_stops(outcome))} == {}
    assert any(not outcome.violations for outcome in outcomes)
    assert sum(sum(outcome.faults.values()) for outcome in outcomes) > SEEDS
