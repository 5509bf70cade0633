"""The kill score as a reason to leave: the same function by which the governor judges entries, asked of a position.

A position is calm or nervous, with a gap between the score that makes it nervous and the one that calms it, so that a
score on the border does not flicker. Becoming nervous is what asks to leave, and each cause asks once in a position's
life: an exit that was not to be is not asked for again every bar. A position that is nervous when it is first seen was
entered so, by the governor's leave; it must calm down before it can become nervous.
"""

from dataclasses import dataclass

from quantum_common.kill_score import (
    WEIGHT_AGE_PENALTY,
    WEIGHT_REGIME_FLIP,
    WEIGHT_SIGMA_SPIKE,
    WEIGHT_TS_DROP,
    KillComponents,
    age_penalty,
    regime_flip,
    sigma_spike,
    ts_drop,
)
from quantum_common.state import Ledger
from services.ai_engine.features import Features
from services.ai_engine.memory import ExitMemory, Nerves
from services.ai_engine.policy import ExitRules


@dataclass(frozen=True, slots=True)
class Alarm:
    """A position that became nervous: the score, and the component that did most of it."""

    score: float
    cause: str


def next_nerves(memory: ExitMemory, kill: KillComponents, exits: ExitRules) -> tuple[ExitMemory, Alarm | None]:
    """Given what is remembered of a position and its score, return the new memory, and an alarm where it became
    nervous for a cause that has not asked before. A score of which a part is missing changes nothing."""
    score = kill.score
    if score is None:
        return memory, None
    nervous = score >= exits.kill_leave or (memory.nerves is Nerves.NERVOUS and score > exits.kill_calm)
    nerves = Nerves.NERVOUS if nervous else Nerves.CALM
    after = memory if memory.nerves is nerves else memory.model_copy(update={"nerves": nerves})
    if not nervous or memory.nerves is not Nerves.CALM:
        return after, None
    cause = chief_cause(kill)
    return after, None if cause in memory.kill_causes.split() else Alarm(score, cause)


def kill_of(features: Features, ledger: Ledger, now_ms: int) -> KillComponents:
    """Given an open position and its symbol's features, return the components of its score: those that the governor
    finds in the recorded market state, without the record."""
    regime = features.regime
    return KillComponents(
        regime_flip(regime.p_trend, regime.p_mr, regime.p_chop),
        sigma_spike(features.sigma, features.sigma_ref),
        ts_drop(features.ts),
        None if ledger.opened_ms is None else age_penalty(now_ms - ledger.opened_ms),
    )


def chief_cause(kill: KillComponents) -> str:
    """Given a score's components, return the name of the one that weighs most."""
    weighed = {
        "regime_flip": WEIGHT_REGIME_FLIP * (kill.regime_flip or 0.0),
        "sigma_spike": WEIGHT_SIGMA_SPIKE * (kill.sigma_spike or 0.0),
        "ts_drop": WEIGHT_TS_DROP * (kill.ts_drop or 0.0),
        "age": WEIGHT_AGE_PENALTY * (kill.age_penalty or 0.0),
    }
    return max(weighed, key=lambda name: weighed[name])


def asked(memory: ExitMemory, alarm: Alarm) -> ExitMemory:
    """Given an alarm that was acted on, return the memory in which its cause has asked."""
    return memory.model_copy(update={"kill_causes": f"{memory.kill_causes} {alarm.cause}".strip()})
