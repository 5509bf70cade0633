import math

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from services.ai_engine.ensemble import Ensemble, agreed
from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.model import Signal
from services.ai_engine.policy import ProfileName
from tests.unit.ai_engine import given, given_model

QUIET_DAY = {"variance_1440": math.log(1e-6)}


def signal(ensemble: Ensemble, **inputs: float) -> Signal:
    found = ensemble.predict(given.features(inputs=given_model.inputs(**QUIET_DAY | inputs)))
    assert found is not None
    return found


def test_a_rise_is_expected_where_the_members_expect_one() -> None:
    up = signal(given_model.ensemble(), ret_60=2.0)
    down = signal(given_model.ensemble(), ret_60=-2.0)
    assert up.p_up > 0.5 > down.p_up
    assert up.expected_move_bps > 0 > down.expected_move_bps
    assert up.version == given_model.card().version


def test_the_numbers_are_those_of_the_formulas() -> None:
    found = signal(given_model.ensemble(), ret_60=2.0)
    logit = 0.8 * (1.6 * 0.3 + 0.2 * 2.0) / 2
    p_up = 1 / (1 + math.exp(-logit))
    sigma_h = math.exp(0.5 * (math.log(1e-6) - 0.1)) * math.sqrt(240)
    assert found.p_up == pytest.approx(p_up)
    assert found.sigma_h == pytest.approx(sigma_h)
    assert found.expected_move_bps == pytest.approx((2 * p_up - 1) * 0.8 * sigma_h * 0.55 * 10_000)


def test_without_inputs_or_without_anything_learned_or_without_volatility_there_is_no_signal() -> None:
    inputs = given_model.inputs(**QUIET_DAY)
    assert given_model.ensemble().predict(given.features(inputs=())) is None
    assert given_model.ensemble(slope=0.0).predict(given.features(inputs=inputs)) is None
    assert given_model.ensemble().predict(given.features(inputs=inputs, sigma=0.0)) is None


def test_without_a_volatility_model_the_features_sigma_is_spread_over_the_horizon() -> None:
    assert signal(given_model.ensemble(volatility=None)).sigma_h == pytest.approx(0.001 * math.sqrt(240))


def test_members_that_contradict_each_other_lower_the_confidence() -> None:
    assert agreed([0.4, 0.2]) == pytest.approx(0.3)
    assert agreed([0.4, -0.2]) == pytest.approx(0.1 / 3)
    assert agreed([0.4, -0.4]) == 0.0
    assert agreed([0.0, 0.0]) == 0.0


@examples(st.lists(st.floats(-5, 5), min_size=1, max_size=5))
def test_agreement_never_makes_more_of_the_members_than_their_mean(logits: list[float]) -> None:
    mean = sum(logits) / len(logits)
    assert abs(agreed(logits)) <= abs(mean) + 1e-12
    assert agreed(logits) * mean >= 0.0


@examples(st.lists(st.floats(-3, 3), min_size=len(INPUT_NAMES), max_size=len(INPUT_NAMES)))
def test_the_parts_sum_up_to_the_expected_move_and_the_strongest_comes_first(values: list[float]) -> None:
    found = given_model.ensemble(volatility=None).predict(given.features(inputs=tuple(values)))
    assert found is not None
    if found.expected_move_bps == 0.0:
        return
    strengths = [abs(bps) for _, bps in found.contributions]
    assert strengths == sorted(strengths, reverse=True)
    assert math.fsum(bps for _, bps in found.contributions) == pytest.approx(found.expected_move_bps, abs=1e-8)


def test_an_input_is_named_for_what_it_moved() -> None:
    names = dict(signal(given_model.ensemble(), ret_60=2.0, lead_5=1.0).contributions)
    assert names.keys() == {"ret_60", "lead_5", "start"}
    assert names["ret_60"] > names["lead_5"] > 0


def test_the_version_on_an_intent_tells_the_model_and_the_policy() -> None:
    ensemble = given_model.ensemble()
    explore = ensemble.under(given.policy()).version
    trade = ensemble.under(given.policy(ProfileName.TRADE)).version
    assert len({explore, trade, ensemble.version}) == 3
    assert explore == ensemble.under(given.policy()).version
