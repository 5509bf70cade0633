"""The members and the volatility by hand: what they say, why, and what is no such thing."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from services.ai_engine.logistic import Logistic
from services.ai_engine.member import Member, probability
from services.ai_engine.volatility import VOLATILITY_INPUTS, Volatility
from tests.unit.ai_engine import given_model

MEMBERS: list[Member] = [given_model.trees(), given_model.logistic()]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("value", [-2.0, 0.0, 1.5])
def test_a_member_says_one_thing_in_three_ways(member: Member, value: float) -> None:
    inputs = given_model.inputs(ret_60=value, lead_5=0.5)
    logit, parts = member.explain(inputs)
    assert member.logit(inputs) == logit
    assert member.predict_proba(inputs) == pytest.approx(1 / (1 + math.exp(-logit)))
    start = 1.6 * 0.05 if member is MEMBERS[0] else 0.0
    assert start + sum(parts) == pytest.approx(logit)


def test_a_value_on_the_threshold_goes_left() -> None:
    assert given_model.trees().score(given_model.inputs(ret_60=0.0)) == -0.2
    assert given_model.trees().score(given_model.inputs(ret_60=1e-12)) == 0.3


def test_no_logit_is_too_large_for_a_probability() -> None:
    assert probability(1e9) == pytest.approx(1.0)
    assert probability(-1e9) == pytest.approx(0.0)
    assert probability(0.0) == 0.5


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"left": (1, -1)}, "columns differ in length"),
        ({"roots": (3,)}, "begins at a node that is not there"),
        ({"right": (0, -1, -1)}, "leads nowhere or back"),
        ({"left": (7, -1, -1)}, "leads nowhere or back"),
        ({"inputs": (-2, -1, -1)}, "asks for input -2"),
        ({"values": (0.0, math.nan, 0.0)}, "finite"),
        ({"depth": 3}, "not permitted"),
    ],
)
def test_what_is_no_forest_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        given_model.trees(**changed)


def test_a_logistic_and_a_volatility_need_all_their_weights() -> None:
    with pytest.raises(ValidationError, match="centres and weights"):
        Logistic(centres=(0.0,), weights=(0.0,))
    with pytest.raises(ValidationError, match="11 weights"):
        Volatility(constant=0.0, weights=(0.0,))


def test_a_volatility_is_spread_over_the_horizon_and_kept_within_reason() -> None:
    still = Volatility(constant=math.log(1e-6), weights=(0.0,) * len(VOLATILITY_INPUTS))
    assert still.sigma(given_model.inputs(), 240) == pytest.approx(1e-3 * math.sqrt(240))
    wild = Volatility(constant=500.0, weights=still.weights)
    assert 0.1 < wild.sigma(given_model.inputs(), 1) < 0.2
    dead = Volatility(constant=-500.0, weights=still.weights)
    assert 0.0 < dead.sigma(given_model.inputs(), 1) < 1e-6
