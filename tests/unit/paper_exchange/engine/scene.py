"""The stage of the engine's tests: an exchange with two contracts, its markets, and short ways to trade on it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from services.paper_exchange.engine.book import Level, Tick
from services.paper_exchange.engine.config import EngineConfig
from services.paper_exchange.engine.defaults import default_rules
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import OrderType, PositionSide, Side, TimeInForce, WorkingType
from services.paper_exchange.engine.errors import ExchangeError, Refusal
from services.paper_exchange.engine.events import Event
from services.paper_exchange.engine.records import AlgoOrder, Order, Position
from services.paper_exchange.engine.requests import AlgoRequest, OrderRequest

BTC, ETH = "BTCUSDT", "ETHUSDT"
NOW = 1_700_000_000_000
RULES = (default_rules(BTC, Decimal(50_000)), default_rules(ETH, Decimal(2_500)))
BUY, SELL = Side.BUY, Side.SELL


def d(text: str | int) -> Decimal:
    """A decimal, shortly."""
    return Decimal(text)


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    """Levels from pairs of price and quantity."""
    return tuple((Decimal(price), Decimal(quantity)) for price, quantity in pairs)


def flat_tick(price: str | Decimal, *, spread: str = "0.2", size: str = "100") -> Tick:
    """A market that stands at one price, with one level on either side."""
    middle, half = Decimal(price), Decimal(spread) / 2
    bids, asks = ((middle - half, Decimal(size)),), ((middle + half, Decimal(size)),)
    return Tick(bids, asks, middle, middle, middle, middle, middle)


def moving_tick(last: str, low: str, high: str, mark: str | None = None) -> Tick:
    """A market that has been at a low and a high since the tick before."""
    return flat_tick(last)._replace(low=Decimal(low), high=Decimal(high), mark=Decimal(mark or last))


def exchange(
    *, wallet: str = "100000", price: str = "50000", eth: str = "2500", config: EngineConfig | None = None
) -> Engine:
    """An engine with a deposit and a standing market in both contracts."""
    engine = Engine(RULES, config)
    engine.transfer(Decimal(wallet), NOW)
    engine.on_tick(BTC, flat_tick(price), NOW)
    engine.on_tick(ETH, flat_tick(eth, size="1000"), NOW)
    engine.drain_events()
    engine.drain_changes()
    return engine


def market(side: Side, quantity: str, /, **more: object) -> OrderRequest:
    """A market order."""
    return replace(OrderRequest(BTC, side, OrderType.MARKET, Decimal(quantity)), **more)  # type: ignore[arg-type]


def limit(side: Side, quantity: str, price: str, /, **more: object) -> OrderRequest:
    """A GTC limit order."""
    request = OrderRequest(BTC, side, OrderType.LIMIT, Decimal(quantity), Decimal(price), TimeInForce.GTC)
    return replace(request, **more)  # type: ignore[arg-type]


def stop(kind: OrderType, side: Side, quantity: str | None, trigger: str | None, /, **more: object) -> AlgoRequest:
    """A conditional order."""
    request = AlgoRequest(
        BTC,
        side,
        kind,
        None if quantity is None else Decimal(quantity),
        trigger_price=None if trigger is None else Decimal(trigger),
        working_type=WorkingType.CONTRACT_PRICE,
    )
    return replace(request, **more)  # type: ignore[arg-type]


def place(engine: Engine, request: OrderRequest, now_ms: int = NOW) -> Order:
    """Place an order now."""
    return engine.place_order(request, now_ms)


def arm(engine: Engine, request: AlgoRequest, now_ms: int = NOW) -> AlgoOrder:
    """Place an algo order now."""
    return engine.place_algo(request, now_ms)


def held(engine: Engine, symbol: str = BTC, side: PositionSide = PositionSide.BOTH) -> Position:
    """The position row of a contract, flat where there is none."""
    rows = [row for row in engine.snapshot().positions if row.symbol == symbol and row.side is side]
    return rows[0] if rows else Position(symbol, side)


def events_of(engine: Engine, kind: type[Event]) -> list[Event]:
    """Drain the events and keep those of one kind."""
    return [event for event in engine.drain_events() if isinstance(event, kind)]


def refusing(refusal: Refusal) -> "pytest.RaisesExc[ExchangeError]":
    """The context in which a call must be refused with this line of the error table."""
    return pytest.raises(ExchangeError, match=f"^{refusal.code}: ")
