from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from quantum_common.exchange.port import FundingTerms, SymbolRules
from quantum_common.messages import Side
from quantum_common.money import floor_to_step
from quantum_common.state import ModelStatus, Portfolio, PositionSide
from services.ai_engine.entries import Entry, NoEntry, NotNow, cost_of, entry_of, leverage_for, size_usd, smallest_usd
from services.ai_engine.features import Features
from services.ai_engine.fitness import NO_MODEL, Fitness
from services.ai_engine.memory import ExitMemory
from services.ai_engine.model import Signal
from services.ai_engine.momentum_model import MomentumModel
from services.ai_engine.policy import Policy, ProfileName
from services.ai_engine.standing import Seen
from services.ai_engine.stops import stop_distance
from tests.unit.ai_engine import given

EXPLORE = given.policy()
TRADE = given.policy(ProfileName.TRADE)
EVERY_BAR = replace(EXPLORE, entry=replace(EXPLORE.entry, turn_bars=1))


def ask(  # one argument for each thing that an entry depends on
    features: Features | None = None,
    policy: Policy = EVERY_BAR,
    memory: ExitMemory | None = None,
    portfolio: Portfolio | None = None,
    rules: SymbolRules = given.RULES,
    **known: Any,
) -> Entry | NotNow:
    model = MomentumModel(version="v", horizon_bars=policy.entry.horizon_bars)
    features = features or given.features()
    seen = Seen(
        given.SYMBOL, given.bar(0), features, given.ledger(0), portfolio or given.portfolio(), None, rules, **known
    )  # fmt: skip
    return entry_of(seen, memory, rules, model, policy)


def asked(**changed: Any) -> Entry:
    entry = ask(**changed)
    assert isinstance(entry, Entry), entry
    return entry


def test_an_upward_trend_asks_for_a_long_and_a_downward_one_for_a_short() -> None:
    up, down = asked(), asked(features=given.features(momentum=(-1.0, -1.5, -2.0, -2.0)))
    assert (up.side, down.side) == (Side.BUY, Side.SELL)
    assert up.stop_loss < Decimal(100) < up.take_profit
    assert down.take_profit < Decimal(100) < down.stop_loss


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"fitness": NO_MODEL}, NoEntry.NO_MODEL),
        ({"fitness": Fitness(ModelStatus.EXPIRED, "too old", 2, 1)}, NoEntry.MODEL_EXPIRED),
        ({"policy": TRADE.serving(60, ("ETHUSDT",), pays=True)}, NoEntry.NOT_IN_MODEL),
        ({"features": given.features(warm=False)}, NoEntry.COLD),
        ({"rules": replace(given.RULES, status="SETTLING")}, NoEntry.NOT_TRADABLE),
        ({"memory": ExitMemory.quiet(given.START_MS + 10 * given.MINUTE_MS)}, NoEntry.QUIET),
        ({"features": given.features(sigma=0.0)}, NoEntry.NO_SIGNAL),
        ({"features": given.features(momentum=(0.0,) * 4)}, NoEntry.NO_SIGNAL),
        ({"features": given.features(p_trend=0.05)}, NoEntry.NO_TREND),
        ({"features": given.features(momentum=(0.001,) * 4)}, NoEntry.WEAK_SIGNAL),
        ({"policy": TRADE}, NoEntry.EDGE_BELOW_COST),
        ({"portfolio": given.portfolio(0.0)}, NoEntry.NO_EQUITY),
        ({"portfolio": given.portfolio(-5.0)}, NoEntry.NO_EQUITY),
        ({"rules": replace(given.RULES, min_notional=Decimal(500))}, NoEntry.TOO_SMALL),
        ({"rules": replace(given.RULES, tick_size=Decimal(1000))}, NoEntry.STOP_OUT_OF_RANGE),
    ],
)
def test_every_no_has_a_name(changed: dict[str, Any], why: NoEntry) -> None:
    found = ask(**changed)
    assert isinstance(found, NotNow)
    assert found.why is why
    without_a_measure = {NoEntry.NOT_TRADABLE, NoEntry.NO_SIGNAL, NoEntry.NO_MODEL, NoEntry.NOT_IN_MODEL}
    assert (found.value is None) is (found.limit is None) is (why in without_a_measure)
    weighed = {NoEntry.NO_TREND, NoEntry.WEAK_SIGNAL, NoEntry.EDGE_BELOW_COST, NoEntry.NO_EQUITY, NoEntry.TOO_SMALL}
    assert found.signal is not None or why not in weighed


def test_an_edge_below_its_cost_says_both() -> None:
    found = ask(policy=TRADE)
    assert isinstance(found, NotNow)
    assert found.edge_bps == found.value
    assert found.cost_bps is not None
    assert found.cost_bps >= TRADE.costs.round_trip_bps
    assert found.limit == found.cost_bps + TRADE.costs.margin_bps


def test_without_a_portfolio_nothing_is_asked_for() -> None:
    model = MomentumModel(version="v", horizon_bars=12)
    seen = Seen(given.SYMBOL, given.bar(0), given.features(), given.ledger(0), None, None, given.RULES)
    found = entry_of(seen, None, given.RULES, model, EVERY_BAR)
    assert found == NotNow(NoEntry.NO_PORTFOLIO)


def test_the_edge_gate_opens_where_the_move_pays_its_costs() -> None:
    wild = given.features(sigma=0.006, p_trend=0.95)
    entry = asked(features=wild, policy=TRADE)
    assert entry.edge_bps >= TRADE.costs.round_trip_bps + TRADE.costs.margin_bps


def test_an_edge_has_to_beat_its_cost_by_the_margin() -> None:
    wild = given.features(sigma=0.006, p_trend=0.95)
    edge = asked(features=wild, policy=TRADE)
    costs, left_bps = TRADE.costs, edge.edge_bps - edge.cost_bps
    just = replace(TRADE, costs=replace(costs, margin_bps=left_bps))
    more = replace(TRADE, costs=replace(costs, margin_bps=left_bps + Decimal("0.0001")))
    assert isinstance(ask(features=wild, policy=just), Entry)
    found = ask(features=wild, policy=more)
    assert isinstance(found, NotNow)
    assert found.why is NoEntry.EDGE_BELOW_COST, "it pays its cost, and not the margin"


def test_a_model_that_warns_still_enters() -> None:
    assert isinstance(ask(fitness=Fitness(ModelStatus.WARNING, "too old in 3 h")), Entry)


def cost(sign: float, funding: FundingTerms | None, horizon_bars: int = 480) -> Decimal:
    """The cost of a round trip at eight in the morning, on the side of the sign."""
    policy = replace(TRADE, entry=replace(TRADE.entry, horizon_bars=horizon_bars))
    close_ms = 1_700_006_400_000 + 8 * 3_600_000 - 1
    bar = replace(given.bar(0), open_ms=close_ms - 59_999, close_ms=close_ms)
    seen = Seen(given.SYMBOL, bar, given.features(), given.ledger(0), None, None, given.RULES, funding)
    return cost_of(seen, Signal(0.6, 0.01, sign * 10.0, (), "v"), policy)


def test_a_round_trip_pays_fees_and_slippage_on_both_sides() -> None:
    costs = replace(TRADE.costs, taker_fee_bps=Decimal(5), slippage_bps=Decimal(1))
    assert costs.round_trip_bps == 12
    assert cost(1.0, FundingTerms(given.SYMBOL, Decimal(0), 8 * 3_600_000)) == TRADE.costs.round_trip_bps


def test_a_size_is_at_most_what_its_share_of_margin_carries() -> None:
    calm = Signal(0.6, 0.001, 10.0, (), "v")
    for leverage, size in ((1, 50), (2, 100), (3, 100)):
        caps: dict[str, Any] = {"ai_margin_fraction_max": "0.05", "ai_size_equity_fraction_max": "0.1"}
        policy = given.policy(**caps, ai_leverage_max=leverage)
        found = size_usd(calm, Decimal(10), Decimal(1000), Decimal(100), given.RULES, policy)
        assert found == size


@pytest.mark.parametrize(
    ("sigma", "atr_rel", "tick", "distance"),
    [
        (0.001, 0.0, "0.01", "1.1619"),  # 1.5 sigma over 60 bars, at a price of 100
        (0.001, 0.02, "0.01", "3"),  # 1.5 true ranges
        (0.00001, 0.0, "0.01", "0.1"),  # no nearer than 10 bps
        (0.00001, 0.0, "0.5", "1.5"),  # nor than three ticks
        (0.5, 0.0, "0.01", "8"),  # no farther than 800 bps
    ],
)
def test_a_stop_is_as_far_as_the_volatility_says_within_its_bounds(
    sigma: float, atr_rel: float, tick: str, distance: str
) -> None:
    rules = replace(given.RULES, tick_size=Decimal(tick))
    found = stop_distance(given.features(sigma=sigma, atr_rel=atr_rel), TRADE.exit, rules)
    assert found == pytest.approx(Decimal(distance), abs=Decimal("0.0001"))


def test_funding_is_counted_by_side_and_by_its_times() -> None:
    fees = TRADE.costs.round_trip_bps
    every_8h = FundingTerms(given.SYMBOL, Decimal("0.0003"), 8 * 3_600_000)
    every_1h = replace(every_8h, interval_ms=3_600_000)
    assert cost(1.0, every_8h) == fees + 3 * 1, "the one at eight itself; the next is a millisecond too late"
    assert cost(1.0, every_8h, 481) == fees + 3 * 2
    assert cost(-1.0, every_8h) == fees - 3
    assert cost(1.0, every_1h) == fees + 3 * 8
    assert cost(-1.0, every_1h) == 0, "what is received never pays for a trade"
    assert cost(-1.0, replace(every_8h, rate=Decimal("-0.0003"))) == fees + 3


def test_a_funding_that_is_not_known_is_assumed_and_paid_by_both_sides() -> None:
    assumed = TRADE.costs.round_trip_bps + TRADE.costs.funding_bps
    assert cost(1.0, None) == cost(-1.0, None) == assumed


def test_symbols_take_turns() -> None:
    every = EXPLORE.entry.turn_bars
    bars = [given.features(bar_close_ms=given.bar(number).close_ms) for number in range(3 * every)]
    turns = [isinstance(ask(features=one, policy=EXPLORE), Entry) for one in bars]
    assert turns[:every].count(True) == 1
    assert turns == turns[:every] * 3


def test_after_the_quiet_time_the_symbol_may_enter_again() -> None:
    now = given.features()
    assert isinstance(ask(features=now, memory=ExitMemory.quiet(now.bar_close_ms)), Entry)


def test_a_wish_is_remembered_with_its_stop() -> None:
    entry = asked()
    memory = entry.remembered(1_000, 2_000, "trend")
    assert memory.wished
    assert memory.side is PositionSide.LONG
    assert (memory.stop_price, memory.risk, memory.quiet_until_ms) == (entry.stop_loss, entry.risk, 2_000)


@examples(
    equity=st.floats(1, 1e7), sigma=st.floats(1e-7, 0.2), price=st.floats(0.01, 1e6), atr=st.floats(0, 0.5),
    sign=st.sampled_from([-1.0, 1.0]),
)  # fmt: skip
def test_sizes_and_stops_stay_inside_their_bounds(
    equity: float, sigma: float, price: float, atr: float, sign: float
) -> None:
    at = given.price(price)
    features = given.features(price=at, sigma=sigma, atr_rel=atr, momentum=(sign,) * 4)
    entry = ask(features=features, portfolio=given.portfolio(equity))
    if isinstance(entry, NotNow):
        assert entry.why in {NoEntry.TOO_SMALL, NoEntry.STOP_OUT_OF_RANGE}
        return
    sizing, exits = EXPLORE.sizing, EXPLORE.exit
    cents = Decimal("0.01")
    assert entry.size_usd <= min(sizing.size_usd_max, sizing.equity_fraction_max * given.price(equity)) + cents
    assert entry.size_usd + cents >= given.RULES.min_notional
    assert 1 <= entry.leverage <= sizing.leverage_max
    margin = entry.size_usd / entry.leverage
    assert margin <= sizing.margin_fraction * given.price(equity) + cents
    tick = given.RULES.tick_size
    farthest = max(at * exits.stop_bps_max / 10_000, 3 * tick) + tick
    assert 0 < abs(entry.stop_loss - at) <= farthest
    assert entry.stop_loss > 0
    assert entry.take_profit > 0
    assert entry.stop_loss % tick == 0


def test_a_calmer_market_gets_a_larger_size_up_to_the_cap() -> None:
    wide = replace(EXPLORE, sizing=replace(EXPLORE.sizing, size_usd_max=Decimal(5000), target_bps=Decimal(1)))

    def size(sigma_h: float) -> Decimal | NotNow:
        signal = Signal(0.52, sigma_h, 1.0, (), "v")
        return size_usd(signal, Decimal(5), Decimal(10_000), Decimal(100), given.RULES, wide)

    assert size(0.01) == Decimal("100.00")
    assert size(0.005) == Decimal("200.00")
    assert size(0.0001) == Decimal("1000.00")
    assert isinstance(size(0.0), NotNow)


def test_no_size_needs_more_margin_than_a_position_may_bind_at_the_highest_leverage() -> None:
    tight = replace(EXPLORE.sizing, size_usd_max=Decimal(10**6), equity_fraction_max=Decimal(10),
                    margin_fraction=Decimal("0.02"), leverage_max=3, target_bps=Decimal(1000))  # fmt: skip
    policy, equity, signal = replace(EXPLORE, sizing=tight), Decimal(10_000), Signal(0.52, 0.001, 1.0, (), "v")
    size = size_usd(signal, Decimal(5), equity, Decimal(100), given.RULES, policy)
    assert not isinstance(size, NotNow)
    assert size == Decimal("600.00")
    assert size / leverage_for(size, equity, policy) == tight.margin_fraction * equity


def test_leverage_follows_from_the_size() -> None:
    equity = Decimal(10_000)
    assert [leverage_for(Decimal(size), equity, EXPLORE) for size in (100, 500, 501, 1001, 9999)] == [1, 1, 2, 3, 3]


def kelly(net_bps: float, sigma_h: float) -> Decimal | NotNow:
    roomy = replace(TRADE.sizing, size_usd_max=Decimal(10**9), equity_fraction_max=Decimal(10), leverage_max=125,
                    margin_fraction=Decimal(1), target_bps=Decimal(1000))  # fmt: skip
    signal = Signal(0.55, sigma_h, 20.0, (), "v")
    policy = replace(TRADE, sizing=roomy)
    return size_usd(signal, given.price(net_bps), Decimal(10_000), Decimal(100), given.RULES, policy)


def test_where_an_edge_is_asked_for_a_quarter_of_kelly_s_bet_is_the_most() -> None:
    # a net edge of 10 bps at 2 % volatility: 0.001 / 0.0004 = 2.5 times the equity, and a quarter of that
    assert kelly(10, 0.02) == Decimal("6250.00")
    assert kelly(5, 0.02) == Decimal("3125.00")
    assert kelly(10, 0.04) == Decimal("1562.50")
    none = kelly(0, 0.02)
    assert isinstance(none, NotNow)
    assert (none.why, none.value) == (NoEntry.TOO_SMALL, 0)


def test_a_model_that_has_not_shown_that_it_pays_trades_the_smallest_order() -> None:
    wild = given.features(sigma=0.006, p_trend=0.95)
    paying, other = (TRADE.serving(240, (given.SYMBOL,), pays=pays) for pays in (True, False))
    assert asked(features=wild, policy=paying).size_usd > asked(features=wild, policy=other).size_usd
    assert asked(features=wild, policy=other).size_usd == Decimal("5.36")  # 0.052 of 100, and room for a move


@pytest.mark.parametrize(
    ("price", "step", "min_qty", "min_notional"),
    [
        ("95000", "0.001", "0.001", "100"),
        ("0.65", "1", "1", "5"),
        ("2500", "0.001", "0.001", "20"),
        ("3", "0.1", "50", "5"),
    ],
)
def test_the_smallest_size_is_still_an_order_after_rounding_and_a_move(
    price: str, step: str, min_qty: str, min_notional: str
) -> None:
    rules = replace(given.RULES, step_size=Decimal(step), min_qty=Decimal(min_qty), min_notional=Decimal(min_notional))
    smallest = smallest_usd(Decimal(price), rules)
    for move in ("0.975", "1", "1.025"):
        moved = Decimal(price) * Decimal(move)
        quantity = floor_to_step(smallest / moved, rules.step_size)
        assert quantity >= rules.min_qty
        assert quantity * moved >= rules.min_notional
    assert smallest <= 2 * max(rules.min_notional, rules.min_qty * Decimal(price)) + rules.step_size * Decimal(price)


def test_a_model_s_horizon_is_the_end_of_its_positions_and_the_measure_of_their_stops() -> None:
    served = TRADE.serving(60, ("B", "A"), pays=True)
    assert (served.entry.horizon_bars, served.exit.time_stop_bars, served.exit.stop_bars) == (60, 60, 60)
    assert served.entry.symbols == ("A", "B")
    assert (served.decision_ms, served.costs) == (TRADE.decision_ms, TRADE.costs)
