from dataclasses import replace
from decimal import Decimal

import pytest

from services.ai_engine.policy import ProfileName
from services.ai_engine.stops import stop_distance
from tests.unit.ai_engine import given

EXITS = given.policy(ProfileName.TRADE).exit
PRICE = Decimal(100)
FINE = replace(given.RULES, tick_size=Decimal("0.01"))


def distance(sigma: float, atr_rel: float = 0.0, tick: str = "0.01", *, warm: bool = True) -> Decimal:
    features = given.features(sigma=sigma, atr_rel=atr_rel, price=PRICE, warm=warm)
    return stop_distance(features, EXITS, replace(FINE, tick_size=Decimal(tick)))


def test_a_stop_is_as_far_as_the_volatility_over_its_bars_says() -> None:
    assert float(distance(0.001)) == pytest.approx(100 * 1.5 * 0.001 * 60**0.5)
    assert float(distance(0.0, atr_rel=0.01)) == pytest.approx(100 * 1.5 * 0.01), "or the true range, if that is wider"


def test_a_stop_in_a_dead_market_is_no_nearer_than_its_least_distance() -> None:
    assert distance(1e-7) == PRICE * EXITS.stop_bps_min / 10_000


def test_a_stop_on_a_coarse_grid_is_no_nearer_than_three_ticks() -> None:
    assert distance(1e-7, tick="0.1") == Decimal("0.3")


@pytest.mark.parametrize("sigma", [0.05, 3.0])
def test_a_stop_in_a_wild_market_is_no_farther_than_its_greatest_distance(sigma: float) -> None:
    assert distance(sigma) == PRICE * EXITS.stop_bps_max / 10_000


def test_a_stop_by_cold_statistics_is_as_far_as_it_may_be() -> None:
    assert distance(1e-7, warm=False) == PRICE * EXITS.stop_bps_max / 10_000
