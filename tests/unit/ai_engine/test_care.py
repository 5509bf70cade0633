import random

import pytest

from quantum_common.clock import DAY_MS
from quantum_common.state import EngineModel, ModelStatus
from services.ai_engine.care import Care, CareLimits, untrained
from services.ai_engine.drift import Drift
from services.ai_engine.fitness import NO_MODEL
from tests.unit.ai_engine.given_model import TRAINED_MS, card
from tests.unit.ai_engine.test_drift import A_DAY, CARD, at, even, fed, signal

LIMITS = CareLimits(inputs_max=0.25, calibration_max=5.0, age_ms_max=None)
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("left_ms", "status", "words"),
    [
        (2 * DAY_MS, ModelStatus.OK, ""),
        (DAY_MS, ModelStatus.WARNING, "too old in 24.0 h"),
        (HOUR_MS, ModelStatus.WARNING, "too old in 1.0 h"),
        (0, ModelStatus.EXPIRED, "too old since 0.0 h"),
        (-5 * HOUR_MS, ModelStatus.EXPIRED, "too old since 5.0 h"),
    ],
)
def test_an_age_is_seen_a_day_before_it_bites(left_ms: int, status: ModelStatus, words: str) -> None:
    care = Care(card(), LIMITS, 7)
    now_ms = care.expires_ms - left_ms
    found = care.fitness(now_ms)
    assert (found.status, found.reason.partition(";")[0]) == (status, words)
    if status is not ModelStatus.OK:
        assert (found.value, found.limit) == (now_ms, care.expires_ms)


def test_the_sooner_of_the_card_and_the_setting_holds() -> None:
    def expires(days: int | None) -> int:
        limits = CareLimits(0.25, 5.0, None if days is None else days * DAY_MS)
        return Care(card(), limits, 7).expires_ms - TRAINED_MS

    assert [expires(days) for days in (None, 7, 365)] == [30 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS]


def statuses(days: int, shift_from: int) -> list[ModelStatus]:
    """How the model stands at the end of each day, when the inputs move away from a day on."""
    care, found = Care(CARD, LIMITS, 7), []
    for day in range(days):
        fed(care.drift, 1, shift=0.9 if day >= shift_from else 0.0, first=day, seed=day)
        found.append(care.fitness(TRAINED_MS).status)
    return found


def test_inputs_that_drift_warn_for_more_than_a_day_before_entries_stop() -> None:
    found = statuses(days=16, shift_from=6)
    first, last = found.index(ModelStatus.WARNING), found.index(ModelStatus.EXPIRED)
    assert found[:first] == [ModelStatus.OK] * first
    assert first >= 6
    assert set(found[first:last]) == {ModelStatus.WARNING}
    assert last - first >= 2
    assert set(found[last:]) == {ModelStatus.EXPIRED}


def test_inputs_that_come_back_are_no_drift_any_more() -> None:
    care = Care(CARD, LIMITS, 3)
    fed(care.drift, 3, shift=0.9)
    assert care.fitness(TRAINED_MS).status is ModelStatus.WARNING
    fed(care.drift, 4, first=3)
    assert care.fitness(TRAINED_MS).status is ModelStatus.OK


def test_a_calibration_warns_at_half_and_no_day_takes_it_from_calm_to_the_end() -> None:
    care, price, found = Care(CARD, LIMITS, 7), 100.0, []
    chance, zeros = random.Random(2), (0.0,) * len(CARD.inputs)
    for number in range(10 * A_DAY):
        if number % 4 == 0:
            wrong = number // A_DAY >= 3
            price *= 0.999 if wrong or chance.random() < 0.5 else 1.001
            care.observe("A", at(number, zeros, price), signal(0.95 if wrong else 0.5))
        if number % A_DAY == A_DAY - 1:
            found.append(care.fitness(TRAINED_MS).status)
    turns = [status for index, status in enumerate(found) if index == 0 or status is not found[index - 1]]
    assert turns == [ModelStatus.OK, ModelStatus.WARNING, ModelStatus.EXPIRED]


def test_the_record_has_every_figure_beside_its_limit() -> None:
    care = Care(CARD, LIMITS, 7)
    chance = random.Random(1)
    for number in range(6 * A_DAY):
        care.observe("A", at(number, even(chance), 100 + chance.random()), signal(0.5))
    now_ms = TRAINED_MS + 5 * DAY_MS
    record = care.record("v-1", care.fitness(now_ms), now_ms)
    assert EngineModel.from_fields(record.to_fields()) == record
    assert (record.name, record.version, record.status, record.pays) == ("ensemble", "v-1", ModelStatus.OK, False)
    assert (record.age_ms, record.expires_ms) == (5 * DAY_MS, care.expires_ms)
    assert record.observations == 6 * A_DAY
    assert record.drift_inputs is not None
    assert record.drift_calibration is not None
    assert (str(record.drift_inputs_limit), str(record.drift_calibration_limit)) == ("0.2500", "5.0000")


def test_before_anything_was_seen_the_figures_are_empty() -> None:
    record = Care(CARD, LIMITS, 7).record("v", Care(CARD, LIMITS, 7).fitness(TRAINED_MS), TRAINED_MS)
    assert (record.drift_inputs, record.drift_calibration, record.observations) == (None, None, 0)
    assert Drift(CARD, 7).observations == 0


def test_what_is_no_trained_model_says_so() -> None:
    record = untrained("none", "none-1", NO_MODEL, TRAINED_MS)
    assert EngineModel.from_fields(record.to_fields()) == record
    assert (record.status, record.expires_ms, record.pays) == (ModelStatus.NONE, None, None)
    assert "AI_MODEL_DIR" in record.reason
