from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from quantum_common.exchange.port import SymbolRules
from quantum_common.messages import Side
from quantum_common.state import Portfolio, PositionSide
from services.ai_engine.entries import Entry, NoEntry, NotNow, entry_of, leverage_for, size_usd
from services.ai_engine.features import Features
from services.ai_engine.memory import ExitMemory
from services.ai_engine.model import Signal
from services.ai_engine.momentum_model import MomentumModel
from services.ai_engine.policy import Policy, ProfileName
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
) -> Entry | NotNow:
    model = MomentumModel(version="v", horizon_bars=policy.entry.horizon_bars)
    features = features or given.features()
    return entry_of(given.SYMBOL, features, memory, portfolio or given.portfolio(), rules, model, policy)


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
    without_a_measure = {NoEntry.NOT_TRADABLE, NoEntry.NO_SIGNAL}
    assert (found.value is None) is (found.limit is None) is (why in without_a_measure)
    weighed = {NoEntry.NO_TREND, NoEntry.WEAK_SIGNAL, NoEntry.EDGE_BELOW_COST, NoEntry.NO_EQUITY, NoEntry.TOO_SMALL}
    assert found.signal is not None or why not in weighed


def test_an_edge_below_its_cost_says_both() -> None:
    found = ask(policy=TRADE)
    assert isinstance(found, NotNow)
    assert found.edge_bps == found.value
    assert found.cost_bps == TRADE.costs.round_trip_bps
    assert found.limit == TRADE.costs.round_trip_bps + TRADE.costs.margin_bps


def test_without_a_portfolio_nothing_is_asked_for() -> None:
    model = MomentumModel(version="v", horizon_bars=12)
    found = entry_of(given.SYMBOL, given.features(), None, None, given.RULES, model, EVERY_BAR)
    assert found == NotNow(NoEntry.NO_PORTFOLIO)


def test_the_edge_gate_opens_where_the_move_pays_its_costs() -> None:
    wild = given.features(sigma=0.006, p_trend=0.95)
    entry = asked(features=wild, policy=TRADE)
    assert entry.edge_bps >= TRADE.costs.round_trip_bps + TRADE.costs.margin_bps


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
    memory = entry.remembered(1_000, 2_000)
    assert memory.wished
    assert memory.side is PositionSide.LONG
    assert (memory.stop_price, memory.risk, memory.quiet_until_ms) == (entry.stop_loss, entry.risk, 2_000)


@settings(deadline=None)
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
        return size_usd(signal, Decimal(10_000), Decimal(100), given.RULES, wide)

    assert size(0.01) == Decimal("100.00")
    assert size(0.005) == Decimal("200.00")
    assert size(0.0001) == Decimal("1000.00")
    assert isinstance(size(0.0), NotNow)


def test_leverage_follows_from_the_size() -> None:
    equity = Decimal(10_000)
    assert [leverage_for(Decimal(size), equity, EXPLORE) for size in (100, 500, 501, 1001, 9999)] == [1, 1, 2, 3, 3]
