from decimal import Decimal

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from services.ai_engine.model import Model, model_version
from services.ai_engine.momentum_model import MomentumModel, momentum_model
from services.ai_engine.policy import ProfileName
from tests.unit.ai_engine import given

MODEL: Model = MomentumModel(version="momentum-1-test", horizon_bars=60)


def test_cold_features_give_no_signal() -> None:
    assert MODEL.predict(given.features(warm=False)) is None


def test_a_market_that_stands_still_gives_no_signal() -> None:
    assert MODEL.predict(given.features(sigma=0.0)) is None


def test_the_signal_follows_the_momentum() -> None:
    up, down = MODEL.predict(given.features()), MODEL.predict(given.features(momentum=(-1.0, -1.5, -2.0, -2.0)))
    assert up is not None
    assert down is not None
    assert up.p_up > 0.5 > down.p_up
    assert up.expected_move_bps == pytest.approx(-down.expected_move_bps)
    assert up.confidence == pytest.approx(down.confidence)


def test_more_trend_is_more_belief_and_a_shock_is_less() -> None:
    plain, trending, shocked = (
        MODEL.predict(given.features(p_trend=p_trend, volatility_regime=percentile))
        for p_trend, percentile in ((0.5, 0.5), (0.9, 0.5), (0.5, 1.0))
    )
    assert plain is not None
    assert trending is not None
    assert shocked is not None
    assert shocked.confidence < plain.confidence < trending.confidence


@examples(st.tuples(*[st.floats(-50, 50)] * 4), st.floats(0, 1), st.floats(1e-9, 0.1), st.floats(0, 1))
def test_the_probability_is_honest_and_small_and_the_parts_make_the_whole(
    momentum: tuple[float, ...], p_trend: float, sigma: float, percentile: float
) -> None:
    signal = MODEL.predict(
        given.features(momentum=momentum, p_trend=p_trend, sigma=sigma, volatility_regime=percentile)
    )
    assert signal is not None
    assert 0.5 <= signal.confidence < 0.61
    assert sum(part for _, part in signal.contributions) == pytest.approx(signal.expected_move_bps, rel=1e-6, abs=1e-6)
    sizes = [abs(part) for _, part in signal.contributions]
    assert sizes == sorted(sizes, reverse=True)


def test_momenta_that_cancel_out_expect_nothing() -> None:
    signal = MODEL.predict(given.features(momentum=(2.0, 0.0, 0.0, -1.0)))
    assert signal is not None
    assert signal.expected_move_bps == pytest.approx(0.0)
    assert signal.p_up == pytest.approx(0.5)


def test_every_number_that_decides_is_in_the_version() -> None:
    policy = given.policy()
    assert momentum_model(policy).version == momentum_model(given.policy()).version
    assert momentum_model(policy).version.startswith("momentum-1-explore-")
    others = [
        given.policy(ProfileName.TRADE), given.policy(ai_taker_fee_bps=Decimal(4)), given.policy(ai_leverage_max=5),
        given.policy(ai_size_usd_max=Decimal(100)),
    ]  # fmt: skip
    versions = {momentum_model(one).version for one in [policy, *others]}
    versions.add(model_version("momentum", MomentumModel(version="", horizon_bars=12, skill=0.2), policy))
    assert len(versions) == 6
