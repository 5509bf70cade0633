"""What is called calm does nothing: the judgement by which a replay passes over ticks, held to the ticks themselves."""

from contextlib import suppress
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import OrderType, WorkingType
from services.paper_exchange.engine.errors import ExchangeError
from services.paper_exchange.engine.events import MarginCall, OrderUpdate
from tests.unit.paper_exchange.engine.scene import BTC, BUY, ETH, NOW, SELL, d, exchange, flat_tick, limit, market, stop


def held(amount: str = "1", wallet: str = "100000") -> Engine:
    engine = exchange(wallet=wallet)
    engine.place_order(market(BUY, amount), NOW)
    return engine


def within(low: str, high: str) -> dict[str, tuple[Decimal, Decimal]]:
    return {BTC: (d(low), d(high))}


def test_nothing_is_exposed_on_an_empty_account() -> None:
    engine = exchange()
    assert engine.exposed() == []
    assert engine.restless({}) == []


def test_a_position_an_order_and_a_conditional_order_are_exposed() -> None:
    assert held().exposed() == [BTC]
    engine = exchange()
    engine.place_order(limit(BUY, "1", "40000"), NOW)
    assert engine.exposed() == [BTC]
    engine.place_algo(stop(OrderType.STOP_MARKET, SELL, "1", "2000", symbol=ETH), NOW)
    assert engine.exposed() == [BTC, ETH]


def test_a_position_alone_is_calm_until_its_margin_is_near() -> None:
    engine = held("1", wallet="20000")
    assert not engine.restless(within("45000", "55000"))
    assert engine.restless(within("30200", "55000"))


def test_a_resting_order_is_never_calm() -> None:
    engine = exchange()
    engine.place_order(limit(BUY, "1", "40000"), NOW)
    assert engine.restless(within("49999", "50001"))


def test_a_stop_is_calm_as_long_as_its_price_is_out_of_reach() -> None:
    engine = held()
    engine.place_algo(stop(OrderType.STOP_MARKET, SELL, "1", "49000"), NOW)
    assert not engine.restless(within("49000.1", "60000"))
    assert engine.restless(within("49000", "60000"))
    engine.place_algo(stop(OrderType.TAKE_PROFIT_MARKET, SELL, "1", "55000"), NOW)
    assert not engine.restless(within("49000.1", "54999.9"))
    assert engine.restless(within("49000.1", "55000"))


@given(
    side=st.sampled_from([BUY, SELL]),
    amount=st.integers(1, 40),
    wallet=st.integers(5_000, 200_000),
    trigger=st.integers(45_000, 55_000),
    path=st.lists(st.integers(40_000, 60_000), min_size=1, max_size=6),
)
def test_ticks_within_a_calm_range_fill_nothing_trigger_nothing_and_warn_of_nothing(
    side: object, amount: int, wallet: int, trigger: int, path: list[int]
) -> None:
    engine = exchange(wallet=str(wallet))
    quantity = str(Decimal(amount) / 10)
    with suppress(
        ExchangeError
    ):  # too much for the wallet, or a stop on the wrong side: the property holds all the same
        engine.place_order(market(side, quantity), NOW)  # type: ignore[arg-type]
        closing = SELL if side is BUY else BUY
        engine.place_algo(
            stop(OrderType.STOP_MARKET, closing, quantity, str(trigger), working_type=WorkingType.MARK_PRICE), NOW
        )
    engine.drain_events()
    if engine.restless({name: (d(min(path)), d(max(path))) for name in engine.exposed()}):
        return
    wallet_before = engine.account().wallet_balance
    for number, price in enumerate(path):
        engine.on_tick(BTC, flat_tick(str(price)), NOW + number)
    said = [event for event in engine.drain_events() if isinstance(event, OrderUpdate | MarginCall)]
    assert said == []
    assert engine.account().wallet_balance == wallet_before
