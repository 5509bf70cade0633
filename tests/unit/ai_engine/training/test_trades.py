import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from quantum_common.clock import MINUTE_MS
from services.ai_engine.training.plan import Plan
from services.ai_engine.training.rows import Rows
from services.ai_engine.training.trades import FundingRates, buy_and_hold, interval_of, tail_of, taken, worth_of
from tests.unit.ai_engine.training import given_rows

PLAN = Plan(horizon_bars=60, taker_fee_bps=5.0, slippage_bps=1.0)
DAY_MS = 86_400_000


def rows(moves: list[float]) -> Rows:
    """One symbol's decision bars, a quarter of an hour apart, with what followed each."""
    return replace(given_rows.rows(len(moves), symbols=1), move=np.array(moves))


def test_a_symbol_holds_one_position_at_a_time_and_only_where_the_gate_is_reached() -> None:
    given = rows([0.01] * 10)
    expected = np.array([20.0, 20, 20, 20, 20, 3, 3, -20, -20, 0])
    assert taken(given, expected, 14.0, PLAN).tolist() == [0, 4, 8]
    assert taken(given, expected, 0.0, PLAN).tolist() == [0, 4, 8]
    assert taken(given, np.zeros(10), 0.0, PLAN).tolist() == []


def test_a_trade_earns_its_move_less_fees_slippage_and_funding() -> None:
    given = rows([math.log(1.01), 0.0, 0.0, 0.0, math.log(0.98)])
    expected = np.array([20.0, 0, 0, 0, -20.0])
    due = int(given.time_ms[0]) + MINUTE_MS
    rates = {0: FundingRates(np.array([due]), np.array([0.0, 0.0003]))}
    plain = worth_of(given, expected, 14.0, PLAN, {})
    assert plain.trades == 2
    assert plain.gross_bps == pytest.approx(150.0)
    assert plain.net_bps == pytest.approx(150.0 - 12.0)
    assert plain.net_total_bps == pytest.approx(2 * 138.0)
    assert (plain.low_bps, plain.high_bps) == (None, None)
    assert worth_of(given, expected, 14.0, PLAN, rates).net_total_bps == pytest.approx(2 * 138.0 - 3.0)
    shorts = worth_of(given, -expected, 14.0, PLAN, rates)
    assert shorts.net_total_bps == pytest.approx(-300.0 - 24.0 + 3.0)


def test_funding_is_paid_by_who_holds_at_the_time_and_not_before() -> None:
    rates = FundingRates(np.array([100, 200, 300]), np.array([0.0, 1.0, 3.0, 7.0]))
    assert rates.paid(np.array([100, 99, 0]), np.array([200, 100, 1000])).tolist() == [2.0, 1.0, 7.0]


def test_whoever_bought_first_and_sold_last_paid_one_round_trip() -> None:
    given = rows([0.01] * 8)  # two whole horizons, each row looking one ahead
    held = buy_and_hold(given, PLAN, {})
    assert held.trades == 1
    assert held.gross_bps == pytest.approx(math.expm1(0.02) * 10_000)
    assert held.net_bps == pytest.approx(math.expm1(0.02) * 10_000 - 12.0)


def test_whoever_held_paid_the_funding_of_all_that_time_and_of_no_other() -> None:
    given = rows([0.01] * 8)
    first = int(given.time_ms[0])
    due = np.array([first, first + MINUTE_MS, first + 2 * PLAN.horizon_ms, first + 2 * PLAN.horizon_ms + 1])
    rates = {0: FundingRates(due, np.array([0.0, 0.0100, 0.0103, 0.0105, 0.0905]))}
    held, free = buy_and_hold(given, PLAN, rates), buy_and_hold(given, PLAN, {})
    assert free.net_total_bps - held.net_total_bps == pytest.approx(3.0 + 2.0)


@pytest.mark.parametrize(("days", "student"), [(5, 2.776), (8, 2.365), (30, 2.045), (1000, 1.962)])
def test_percentiles_of_few_days_are_taken_further_out(days: int, student: float) -> None:
    assert tail_of(days) == pytest.approx(norm.cdf(-student * math.sqrt(days / (days - 1))), rel=0.005)


@pytest.mark.parametrize("days", [5, 12])
def test_an_interval_of_few_days_holds_the_truth_as_often_as_it_says(days: int) -> None:
    """The days move what is traded on them; plain percentiles of five days hold the truth in 83 of 100."""
    chance = np.random.default_rng(3)
    times = np.arange(days * 10) * DAY_MS // 10
    held = 0
    for _ in range(200):
        low, high = interval_of(np.repeat(chance.normal(4.0, 30.0, days), 10), times, 1)
        assert low is not None
        assert high is not None
        held += low <= 4.0 <= high
    assert 182 <= held <= 198


def test_an_interval_draws_days_and_says_nothing_of_few() -> None:
    chance = np.random.default_rng(1)
    times = np.arange(400) * DAY_MS // 10
    net = chance.normal(5.0, 1.0, 400)
    low, high = interval_of(net, times, 1)
    assert low is not None
    assert high is not None
    assert net.mean() - 0.2 < low < net.mean() < high < net.mean() + 0.2
    one_day_decides = np.where(times // DAY_MS == 3, 500.0, -1.0)
    wide = interval_of(one_day_decides, times, 1)
    assert wide[0] is not None
    assert wide[0] < 0.0
    assert interval_of(np.ones(19), times[:19] * 10, 1) == (None, None)
    assert interval_of(np.ones(300), np.arange(300), 1) == (None, None)
    assert interval_of(np.arange(400.0), times, 1) == interval_of(np.arange(400.0), times, 1)
