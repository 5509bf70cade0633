import math
import random
from decimal import Decimal

import pytest

from quantum_common.clock import DAY_MS, MINUTE_MS
from services.ai_engine.drift import ALLOWANCE, JUDGED_MIN, Drift, stability_index
from services.ai_engine.features import Features
from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.model import Signal
from tests.unit.ai_engine import given
from tests.unit.ai_engine.given_model import card

EDGES = tuple(-0.8 + 0.2 * edge for edge in range(9))  # the deciles of what is even over [-1, 1]
CARD = card(deciles=(EDGES,) * len(INPUT_NAMES), horizon_bars=60, brier=0.25, brier_spread=0.01)
DECISION_MS = 15 * MINUTE_MS
FIRST = 20_000 * DAY_MS
A_DAY = DAY_MS // DECISION_MS


def signal(p_up: float) -> Signal:
    return Signal(p_up, 0.01, 1.0, (), "v")


def at(number: int, values: tuple[float, ...], price: float = 100.0) -> Features:
    """The features of the decision bar so many quarters of an hour after the first day began."""
    close_ms = FIRST + (number + 1) * DECISION_MS - 1
    return given.features(bar_close_ms=close_ms, price=Decimal(f"{price:.4f}"), inputs=values)


def even(chance: random.Random) -> tuple[float, ...]:
    return tuple(chance.uniform(-1, 1) for _ in INPUT_NAMES)


def fed(drift: Drift, days: int, shift: float = 0.0, first: int = 0, seed: int = 1) -> None:
    """Show it inputs that are even over [-1, 1], or moved from there."""
    chance = random.Random(seed)
    for number in range(first * A_DAY, (first + days) * A_DAY):
        for symbol in ("BTCUSDT", "ETHUSDT"):
            drift.observe(symbol, at(number, tuple(value + shift for value in even(chance))), None)


def test_equal_shares_have_no_instability_and_a_known_shift_the_published_one() -> None:
    assert stability_index([100] * 10) == pytest.approx(0.0)
    half = [1000] * 5 + [0] * 5  # all in one half: each share is twice what it should be, or next to none
    full, none = 1000.5 / 5005, 0.5 / 5005
    by_hand = 5 * ((full - 0.1) * math.log(full / 0.1) + (none - 0.1) * math.log(none / 0.1))
    assert stability_index(half) == pytest.approx(by_hand)


def test_inputs_as_on_the_card_do_not_drift_and_others_do() -> None:
    same, moved = Drift(CARD, 7), Drift(CARD, 7)
    fed(same, 7)
    fed(moved, 7, shift=0.5)
    calm, far = same.inputs(), moved.inputs()
    assert calm is not None
    assert far is not None
    assert calm < 0.02
    assert far > 0.25


def test_the_calendar_s_inputs_do_not_count() -> None:
    drift = Drift(CARD, 7)
    chance = random.Random(3)
    for number in range(3 * A_DAY):
        values = [0.99 if name.endswith(("_sin", "_cos")) else chance.uniform(-1, 1) for name in INPUT_NAMES]
        for symbol in ("A", "B"):
            drift.observe(symbol, at(number, tuple(values)), None)
    assert (drift.inputs() or 1.0) < 0.05


def test_too_little_is_no_drift() -> None:
    drift = Drift(CARD, 7)
    fed(drift, 1, shift=5.0)
    assert drift.observations == 2 * A_DAY < 500
    assert drift.inputs() is None
    assert drift.calibration(2.5) is None


def test_only_the_last_days_count_and_little_is_kept() -> None:
    drift = Drift(CARD, 3)
    fed(drift, 20, shift=0.9)
    fed(drift, 4, first=20)
    assert drift.observations == 3 * 2 * A_DAY
    assert (drift.inputs() or 1.0) < 0.05
    assert (drift.inputs(days_ago=2) or 0.0) > 0.15, "two days ago the window still held a day of the others"
    assert len(drift._days) <= 3 + 2


def test_the_order_of_the_symbols_does_not_matter_so_a_replay_gives_the_same() -> None:
    bars = list(range(6 * A_DAY))
    price = {symbol: given_walk(seed, len(bars)) for seed, symbol in enumerate(("A", "B"))}
    values = {symbol: [even(random.Random(f"{symbol}{number}")) for number in bars] for symbol in price}

    def show(drift: Drift, symbol: str, number: int) -> None:
        one = signal(0.5 + 0.1 * math.sin(number))
        drift.observe(symbol, at(number, values[symbol][number], price[symbol][number]), one)

    live, replayed = Drift(CARD, 4), Drift(CARD, 4)
    for number in bars:
        for symbol in price:
            show(live, symbol, number)
    for symbol in price:
        for number in bars:
            show(replayed, symbol, number)
    assert live.inputs() == replayed.inputs()
    assert live.inputs(1) == replayed.inputs(1)
    assert live.calibration(2.5) == pytest.approx(replayed.calibration(2.5))
    assert live.calibration(2.5) is not None


def given_walk(seed: int, count: int) -> list[float]:
    chance, price, found = random.Random(seed), 100.0, []
    for _ in range(count):
        price *= math.exp(chance.gauss(0, 0.002))
        found.append(price)
    return found


def judged(days: int, right: float, p_up: float = 0.6, seed: int = 5) -> Drift:
    """Days of predictions of which so many came true."""
    drift, chance, price = Drift(CARD, 7), random.Random(seed), 100.0
    zeros = (0.0,) * len(INPUT_NAMES)
    for number in range(days * A_DAY):
        if number % 4 == 0:  # a prediction each hour, and the next one's price says whether it rose
            price *= 1.001 if chance.random() < right else 0.999
            drift.observe("A", at(number, zeros, price), signal(p_up))
    return drift


def test_probabilities_that_come_true_do_not_drift_and_others_do() -> None:
    assert (judged(8, right=0.6).calibration(2.5) or 0.0) < 5.0
    wrong = judged(8, right=0.1).calibration(2.5)
    assert wrong == pytest.approx(7 * 2.5, abs=2.5), "each of the days adds at most so much"


def test_a_day_s_loss_is_the_mean_of_its_brier_scores() -> None:
    drift = judged(2, right=1.0, p_up=0.8)
    day = drift._days[FIRST // DAY_MS]
    assert day.judged == 23, "the first of the day has nothing to judge"
    assert day.loss / day.judged == pytest.approx(0.2**2)
    assert drift.calibration(2.5) == 0.0, "better than on the card is no drift"
    worse = judged(2, right=0.0, p_up=0.55)
    assert worse.calibration(99.0) == pytest.approx((0.55**2 - 0.25) / 0.01 - ALLOWANCE)


def test_the_day_that_is_not_over_does_not_count_yet() -> None:
    assert judged(1, right=0.0).calibration(2.5) is None


def test_a_prediction_whose_bar_is_missing_or_whose_price_stood_is_not_judged() -> None:
    drift, zeros = Drift(CARD, 7), (0.0,) * len(INPUT_NAMES)
    drift.observe("A", at(0, zeros), signal(0.6))
    drift.observe("A", at(5, zeros, 101.0), signal(0.6))  # due at the fourth
    drift.observe("A", at(9, zeros, 101.0), None)  # due now, and nothing moved
    assert drift._days[FIRST // DAY_MS].judged == 0
    assert not drift._pending["A"]


def test_what_is_too_long_ago_is_not_taken_in() -> None:
    drift, zeros = Drift(CARD, 2), (0.0,) * len(INPUT_NAMES)
    drift.observe("A", at(9 * A_DAY, zeros), None)
    drift.observe("B", at(0, zeros), None)
    assert drift.observations == 1


def test_a_card_without_a_spread_measures_no_calibration() -> None:
    drift = Drift(CARD.model_copy(update={"brier_spread": 0.0}), 7)
    fed(drift, 2)
    assert drift.calibration(2.5) is None


@pytest.mark.parametrize("count", [JUDGED_MIN - 1, JUDGED_MIN])
def test_a_day_with_few_judgements_is_no_day(count: int) -> None:
    drift, zeros = Drift(CARD, 7), (0.0,) * len(INPUT_NAMES)
    for number in range(count + 1):
        drift.observe("A", at(4 * number, zeros, 100.0 - number), signal(0.9))
    drift.observe("B", at(A_DAY, zeros), None)
    assert (drift.calibration(2.5) is None) is (count < JUDGED_MIN)
