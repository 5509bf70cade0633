import math
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from quantum_common.exchange.port import Bar
from services.ai_engine.bars import BarFault
from services.ai_engine.features import (
    BRIDGE_BARS_MAX,
    SAMPLE_BARS,
    WARM_BARS,
    Features,
    Ignored,
    SymbolFeatures,
    Updated,
)
from services.ai_engine.regime import regime, variance_ratio_z
from services.ai_engine.statistics import (
    ATR_HALF_LIFE_BARS,
    DRIFT_HALF_LIFE_BARS,
    MOMENTUM_BARS,
    RANGE_BIAS,
    RANGE_HALF_LIFE_BARS,
    REFERENCE_HALF_LIFE_BARS,
    SIGMA_HALF_LIFE_BARS,
)
from tests.unit.ai_engine import given


def average(values: list[float], half_life: float) -> float:
    """The average of a whole series at once: the weights written out, the newest last."""
    alpha = 1.0 - 0.5 ** (1.0 / half_life)
    weights, left = [0.0] * len(values), 1.0
    for seen in range(len(values), 0, -1):
        newest = max(alpha, 1.0 / seen)
        weights[seen - 1] = newest * left
        left *= 1.0 - newest
    return math.fsum(weight * value for weight, value in zip(weights, values, strict=True))


def batch(bars: list[Bar]) -> dict[str, float]:
    """The last bar's features from all bars at once, by the formulas and not by the recursions."""
    o, h, low, c = ([math.log(getattr(one, name)) for one in bars] for name in ("open", "high", "low", "close"))
    returns = [after - before for before, after in pairwise(c)]
    squares = [one * one for one in returns]
    ranges = [
        max(0.5 * (h[i] - low[i]) ** 2 - (2 * math.log(2) - 1) * (c[i] - o[i]) ** 2, 0.0) for i in range(1, len(bars))
    ]
    true_ranges = [max(h[i], c[i - 1]) - min(low[i], c[i - 1]) for i in range(1, len(bars))]
    both = [0.5 * (square + RANGE_BIAS**2 * span) for square, span in zip(squares, ranges, strict=True)]
    by_range = RANGE_BIAS**2 * average(ranges, RANGE_HALF_LIFE_BARS)
    sigma = math.sqrt(0.5 * (average(squares, SIGMA_HALF_LIFE_BARS) + by_range))
    spans = [(c[i] - c[i - 6]) ** 2 for i in range(6, len(c))]
    z = variance_ratio_z(average(spans, 64), average(squares, 64))
    now = regime(z, (c[-1] - c[-33]) / (sigma * math.sqrt(32)))
    mu = average(returns, DRIFT_HALF_LIFE_BARS)
    return {
        "sigma": sigma, "sigma_close": math.sqrt(average(squares, SIGMA_HALF_LIFE_BARS)), "mu": mu,
        "sigma_range": math.sqrt(by_range),
        "sigma_ref": math.sqrt(average(both, REFERENCE_HALF_LIFE_BARS)), "ts": abs(mu) / sigma, "vr_z": z,
        "atr_rel": average(true_ranges, ATR_HALF_LIFE_BARS), "p_trend": now.p_trend, "p_mr": now.p_mr,
        **{f"m{n}": (c[-1] - c[-1 - n]) / (sigma * math.sqrt(n)) for n in MOMENTUM_BARS},
    }  # fmt: skip


def flat(one: Features) -> dict[str, float]:
    return {
        "sigma": one.sigma, "sigma_close": one.sigma_close, "mu": one.mu, "sigma_ref": one.sigma_ref, "ts": one.ts,
        "sigma_range": one.sigma_range,
        "vr_z": one.vr_z, "atr_rel": one.atr_rel, "p_trend": one.regime.p_trend, "p_mr": one.regime.p_mr,
        **{f"m{n}": value for n, value in zip(MOMENTUM_BARS, one.momentum, strict=True)},
    }  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bar_by_bar_equals_the_whole_batch(seed: int) -> None:
    bars = list(given.walk(700, seed=seed, drift=0.0001 * seed))
    assert flat(given.fed(bars)[-1]) == pytest.approx(batch(bars), rel=1e-9, abs=1e-9)


def test_a_month_bar_by_bar_equals_the_whole_batch() -> None:
    bars = list(given.walk(30 * 1440, seed=6))
    month = given.fed(bars)
    for end in (10_000, len(bars)):
        assert flat(month[end - 1]) == pytest.approx(batch(bars[:end]), rel=1e-9, abs=1e-9)
    quarters = [one.sigma for one in month if (one.bar_close_ms // given.MINUTE_MS) % SAMPLE_BARS == 0]
    five_days, sigma = quarters[-5 * 96 :], month[-1].sigma
    stands = sum(one < sigma for one in five_days) + sum(one == sigma for one in five_days) / 2
    assert month[-1].volatility_regime == pytest.approx(stands / len(five_days), abs=1e-9)
    assert 0.0 < month[-1].volatility_regime < 1.0


def test_no_bar_changes_the_features_of_an_earlier_one() -> None:
    bars = list(given.walk(400))
    assert given.fed(bars)[:320] == given.fed(bars[:320])


def test_the_volatility_regime_is_where_sigma_stands_among_its_samples() -> None:
    seen = given.fed(given.walk(900))
    sampled = [one.sigma for one in seen if (one.bar_close_ms // given.MINUTE_MS) % SAMPLE_BARS == 0]
    below = sum(sample < seen[-1].sigma for sample in sampled)
    equal = sum(sample == seen[-1].sigma for sample in sampled)
    assert seen[-1].volatility_regime == pytest.approx((below + equal / 2) / len(sampled))


def test_a_symbol_is_warm_only_after_enough_bars() -> None:
    seen = given.fed(given.walk(WARM_BARS))
    assert [one.warm for one in seen].index(True) == WARM_BARS - 1


def test_a_trend_is_seen_as_one_and_its_direction_in_the_momentum() -> None:
    up = given.fed(given.walk(600, drift=0.0008))[-1]
    down = given.fed(given.walk(600, drift=-0.0008))[-1]
    assert up.ts > 0.4
    assert down.ts > 0.4
    assert min(up.momentum[-2:]) > 3
    assert max(down.momentum[-2:]) < -3
    assert up.regime.p_trend > 0.6


def sound(one: Features) -> bool:
    numbers = [*one.momentum, *one.regime, one.sigma, one.sigma_ref, one.ts, one.mu, one.atr_rel, one.vr_z]
    return all(math.isfinite(number) for number in numbers) and math.isclose(sum(one.regime), 1.0)


def test_constant_prices_without_volume_give_no_nan() -> None:
    seen = given.fed(given.bar(number, volume=0.0) for number in range(400))
    assert all(sound(one) for one in seen)
    assert seen[-1].sigma == 0.0
    assert seen[-1].momentum == (0.0,) * len(MOMENTUM_BARS)


def test_a_market_that_falls_silent_for_days_gives_no_nan() -> None:
    engine = SymbolFeatures(given.MINUTE_MS)
    given.fed(given.walk(300), engine)
    silent = given.fed((given.bar(number) for number in range(300, 7000)), engine)
    assert all(sound(one) for one in silent)
    assert silent[-1].momentum == (0.0,) * len(MOMENTUM_BARS)


@settings(max_examples=30)
@examples(st.lists(st.floats(0.0001, 1e7), min_size=2, max_size=60))
def test_any_prices_give_finite_features(closes: list[float]) -> None:
    bars = []
    for number, close in enumerate(closes):
        rounded = float(given.price(close))
        bars.append(given.bar(number, rounded))
    assert all(sound(one) for one in given.fed(bars))


def test_a_bar_seen_before_changes_nothing_and_says_so() -> None:
    bars = list(given.walk(300))
    engine = SymbolFeatures(given.MINUTE_MS)
    given.fed(bars[:299], engine)
    assert engine.update(bars[298]) is Ignored.DUPLICATE
    assert engine.update(bars[290]) is Ignored.LATE
    assert given.fed(bars[299:], engine)[-1] == given.fed(bars)[-1]


def test_a_contradictory_bar_changes_nothing_and_is_named() -> None:
    bars = list(given.walk(300))
    engine = SymbolFeatures(given.MINUTE_MS)
    given.fed(bars[:299], engine)
    assert engine.update(replace(bars[299], high=Decimal("0.5"))) is BarFault.HIGH_BELOW_LOW
    assert given.fed(bars[299:], engine)[-1] == given.fed(bars)[-1]


def test_a_short_hole_is_bridged_and_counted() -> None:
    bars = list(given.walk(400))
    engine = SymbolFeatures(given.MINUTE_MS)
    given.fed(bars[:300], engine)
    assert engine.missing_before(bars[305]) == 5
    update = engine.update(bars[305])
    assert isinstance(update, Updated)
    assert (update.missing, update.restarted) == (5, False)
    assert update.features.bars == 306
    assert sound(update.features)
    whole = given.fed(bars[:306])[-1]
    assert update.features.sigma == pytest.approx(whole.sigma, rel=0.2)
    assert update.features.momentum[-1] == pytest.approx(whole.momentum[-1], rel=0.3, abs=0.1)


def test_a_long_hole_starts_the_statistics_over() -> None:
    bars = list(given.walk(400))
    engine = SymbolFeatures(given.MINUTE_MS)
    given.fed(bars[:300], engine)
    update = engine.update(bars[300 + BRIDGE_BARS_MAX + 1])
    assert isinstance(update, Updated)
    assert update.restarted
    assert not update.features.warm
    assert update.features.bars == 1


def test_the_first_bar_has_nothing_missing_before_it() -> None:
    assert SymbolFeatures(given.MINUTE_MS).missing_before(given.bar(7)) == 0
    assert SymbolFeatures(given.MINUTE_MS).last_open_ms is None
