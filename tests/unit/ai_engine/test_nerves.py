"""The kill score as a reason to leave: with hysteresis, and once for each position and cause."""

import itertools

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from quantum_common.kill_score import KillComponents
from quantum_common.messages import Action
from services.ai_engine.decide import decide
from services.ai_engine.exits import ExitReason
from services.ai_engine.memory import ExitMemory, Nerves
from services.ai_engine.momentum_model import momentum_model
from services.ai_engine.nerves import Alarm, asked, chief_cause, next_nerves
from services.ai_engine.standing import Seen
from tests.unit.ai_engine import given

RULES = given.policy().exit
FLIP = KillComponents(1.0, 0.7, 0.3, 0.0)  # K = sigmoid(1.5) = 0.8176
BORDER = KillComponents(1.0, 0.2, 0.1, 0.0)  # K = sigmoid(1.15) = 0.7595
CALM = KillComponents(0.0, 0.0, 0.0, 0.0)
SPIKE = KillComponents(0.0, 2.0, 0.5, 1.0)  # K = sigmoid(1.55) = 0.8249, mostly the spike
FRESH = ExitMemory.quiet(0)


def told(*scores: KillComponents, memory: ExitMemory = FRESH) -> list[str]:
    """What a position says bar by bar: the cause that asks to leave, or its nerves."""
    said = []
    for kill in scores:
        memory, alarm = next_nerves(memory, kill, RULES)
        memory = memory if alarm is None else asked(memory, alarm)
        said.append(alarm.cause if alarm is not None else memory.nerves)
    return said


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ((CALM, FLIP), ["calm", "regime_flip"]),
        ((CALM, BORDER, FLIP), ["calm", "calm", "regime_flip"]),
        ((CALM, FLIP, FLIP, BORDER), ["calm", "regime_flip", "nervous", "nervous"]),
        ((CALM, FLIP, BORDER, FLIP), ["calm", "regime_flip", "nervous", "nervous"]),
        ((CALM, FLIP, CALM, FLIP), ["calm", "regime_flip", "calm", "nervous"]),
        ((CALM, FLIP, CALM, SPIKE), ["calm", "regime_flip", "calm", "sigma_spike"]),
        ((FLIP, FLIP, CALM, FLIP), ["nervous", "nervous", "calm", "regime_flip"]),
        ((CALM, KillComponents(None, 0.7, 0.3, 0.0), FLIP), ["calm", "calm", "regime_flip"]),
    ],
)
def test_a_calm_position_that_becomes_nervous_asks_to_leave(
    scores: tuple[KillComponents, ...], said: list[str]
) -> None:
    assert told(*scores) == said


@drawn(st.lists(st.sampled_from([CALM, BORDER, FLIP, SPIKE, KillComponents(None, None, None, None)]), max_size=30))
def test_no_cause_asks_twice_in_a_position_s_life(scores: list[KillComponents]) -> None:
    causes = [word for word in told(*scores) if word not in {*Nerves}]
    assert len(causes) == len(set(causes))


@drawn(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_a_score_inside_the_gap_changes_no_nerves(flips: list[float]) -> None:
    inside = [KillComponents(1.0, 0.2 + flip / 8, 0.1, 0.0) for flip in flips]  # K within 0.7595 and 0.7705
    for start in (Nerves.CALM, Nerves.NERVOUS):
        said = told(*inside, memory=FRESH.model_copy(update={"nerves": start}))
        assert all(one == two for one, two in itertools.pairwise(said))


@pytest.mark.parametrize(
    ("kill", "cause"),
    [
        (KillComponents(1.0, 1.9, 0.5, 1.0), "regime_flip"),
        (KillComponents(0.0, 1.9, 0.5, 1.0), "sigma_spike"),
        (KillComponents(0.0, 0.0, 0.5, 0.1), "ts_drop"),
        (KillComponents(0.0, 0.0, 0.1, 1.0), "age"),
    ],
)
def test_the_cause_is_what_weighs_most(kill: KillComponents, cause: str) -> None:
    assert chief_cause(kill) == cause


def test_the_engine_asks_to_close_in_full_and_remembers_that_it_has() -> None:
    policy = given.policy()
    model = momentum_model(policy)
    held = given.ledger(1.0)
    nervous = given.features(p_trend=0.1, sigma=0.0017, ts=0.0, price=given.price(100.2))

    def seen(number: int, memory: ExitMemory | None, features: object) -> Seen:
        bar = given.bar(number, 100.2)
        return Seen(given.SYMBOL, bar, features, held, given.portfolio(), memory, given.RULES)  # type: ignore[arg-type]

    first = decide(seen(1, None, given.features(price=given.price(100.2))), model, policy, given.START_MS + 60_000)
    second = decide(seen(2, first.memory, nervous), model, policy, given.START_MS + 120_000)
    third = decide(seen(3, second.memory, nervous), model, policy, given.START_MS + 180_000)
    [wish] = second.intents
    assert (wish.action, second.why) == (Action.CLOSE_FULL, ExitReason.KILL_SCORE)
    assert "by regime_flip" in wish.reason
    assert second.memory is not None
    assert (second.memory.nerves, second.memory.kill_causes) == (Nerves.NERVOUS, "regime_flip")
    assert third.why is not ExitReason.KILL_SCORE


def test_what_has_asked_stays_asked() -> None:
    once = asked(FRESH, Alarm(0.9, "age"))
    assert asked(once, Alarm(0.9, "ts_drop")).kill_causes == "age ts_drop"
