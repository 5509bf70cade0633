"""What holds whatever is done: random sequences of everything a client, the market and the clock can do."""

from contextlib import suppress
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from services.paper_exchange.engine.book import Tick
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import (
    MarginType,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    Side,
    TimeInForce,
    WorkingType,
)
from services.paper_exchange.engine.errors import ExchangeError
from services.paper_exchange.engine.records import Trade
from services.paper_exchange.engine.requests import AlgoRequest, AmendRequest, OrderRequest
from tests.unit.paper_exchange.engine.scene import BTC, ETH, NOW, RULES

SYMBOLS = st.sampled_from([BTC, ETH])
SIDES = st.sampled_from(list(Side))
QUANTITIES = st.sampled_from([Decimal(n) / 1000 for n in (1, 10, 30, 250, 1_000, 4_000, 40_000)])
PRICES = st.integers(9_300, 10_700).map(Decimal)
CLIENT_IDS = st.sampled_from([None, "a", "b", "c"])
MODES = st.sampled_from(list(SelfTrade))
ORDER_TYPES = st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.LIMIT])
ALGO_TYPES = st.sampled_from(
    [
        OrderType.STOP,
        OrderType.STOP_MARKET,
        OrderType.TAKE_PROFIT,
        OrderType.TAKE_PROFIT_MARKET,
        OrderType.TRAILING_STOP_MARKET,
    ]
)


def price_of(symbol: str, level: Decimal) -> Decimal:
    """A price around the contract's own level, on its grid: 10 000 is the middle."""
    return (level * 5).quantize(Decimal("0.1")) if symbol == BTC else (level / 4).quantize(Decimal("0.01"))


@st.composite
def ticks(draw: st.DrawFn) -> tuple[str, Tick]:
    symbol = draw(SYMBOLS)
    last, low, high, mark = (price_of(symbol, draw(PRICES)) for _ in range(4))
    tick_size = Decimal("0.1") if symbol == BTC else Decimal("0.01")
    sizes = draw(st.lists(st.sampled_from([Decimal("0.01"), Decimal(1), Decimal(50)]), min_size=0, max_size=3))
    bids = tuple((last - tick_size * (number + 1), size) for number, size in enumerate(sizes))
    asks = tuple((last + tick_size * (number + 1), size) for number, size in enumerate(sizes))
    near = last + (mark - last) / 20
    return symbol, Tick(bids, asks, last, max(last, high), min(last, low), near, mark)


@st.composite
def orders(draw: st.DrawFn) -> OrderRequest:
    symbol, kind = draw(SYMBOLS), draw(ORDER_TYPES)
    limit = kind is OrderType.LIMIT
    return OrderRequest(
        symbol,
        draw(SIDES),
        kind,
        draw(QUANTITIES),
        price_of(symbol, draw(PRICES)) if limit else None,
        draw(st.sampled_from(list(TimeInForce))) if limit else None,
        draw(st.sampled_from([PositionSide.BOTH, PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT])),
        draw(st.sampled_from([None, None, False, True])),
        draw(CLIENT_IDS),
        PriceMatch.NONE,
        draw(MODES),
        draw(st.sampled_from([None, NOW + 700_000])),
    )


@st.composite
def algos(draw: st.DrawFn) -> AlgoRequest:
    symbol, kind = draw(SYMBOLS), draw(ALGO_TYPES)
    trailing = kind is OrderType.TRAILING_STOP_MARKET
    limit = kind in {OrderType.STOP, OrderType.TAKE_PROFIT}
    closes = draw(st.booleans()) and not limit and not trailing
    return AlgoRequest(
        symbol,
        draw(SIDES),
        kind,
        None if closes else draw(QUANTITIES),
        price_of(symbol, draw(PRICES)) if limit else None,
        None if trailing else price_of(symbol, draw(PRICES)),
        draw(st.sampled_from([None, TimeInForce.GTC, TimeInForce.GTE_GTC])),
        draw(st.sampled_from([PositionSide.BOTH, PositionSide.BOTH, PositionSide.LONG])),
        working_type=draw(st.sampled_from(list(WorkingType))),
        reduce_only=None if closes else draw(st.sampled_from([None, True])),
        close_position=closes,
        callback_rate=Decimal(1) if trailing else None,
        client_algo_id=draw(CLIENT_IDS),
    )


STEPS = st.one_of(
    ticks().map(lambda step: ("tick", *step)),
    ticks().map(lambda step: ("tick", *step)),
    orders().map(lambda request: ("order", request)),
    orders().map(lambda request: ("order", request)),
    algos().map(lambda request: ("algo", request)),
    st.tuples(st.just("cancel"), SYMBOLS, CLIENT_IDS),
    st.tuples(st.just("cancel_all"), SYMBOLS),
    st.tuples(st.just("amend"), SYMBOLS, SIDES, QUANTITIES, PRICES, CLIENT_IDS),
    st.tuples(st.just("cancel_algo"), CLIENT_IDS),
    st.tuples(st.just("funding"), SYMBOLS, st.sampled_from([Decimal("0.0001"), Decimal("-0.003")])),
    st.tuples(st.just("leverage"), SYMBOLS, st.sampled_from([1, 5, 20, 75, 125])),
    st.tuples(st.just("margin_type"), SYMBOLS, st.sampled_from(list(MarginType))),
    st.tuples(st.just("isolated"), SYMBOLS, st.sampled_from([Decimal(50), Decimal(-20)])),
    st.tuples(st.just("mode"), st.booleans()),
    st.tuples(st.just("transfer"), st.sampled_from([Decimal(500), Decimal(-300)])),
    st.tuples(st.just("countdown"), SYMBOLS, st.sampled_from([0, 5_000])),
    st.tuples(st.just("pass"), st.sampled_from([1_000, 800_000])),
)


class Player:
    """Plays steps on an engine; a refusal is an answer like any other."""

    def __init__(self, engine: Engine, now_ms: int = NOW) -> None:
        self.engine = engine
        self.now_ms = now_ms

    def play(self, step: tuple[object, ...]) -> None:
        self.now_ms += 10
        with suppress(ExchangeError):
            self._play(step)

    def _play(self, step: tuple[object, ...]) -> None:  # noqa: C901, PLR0912
        engine, now = self.engine, self.now_ms
        match step:
            case ("tick", str() as symbol, Tick() as tick):
                engine.on_tick(symbol, tick, now)
            case ("order", OrderRequest() as request):
                engine.place_order(request, now)
            case ("algo", AlgoRequest() as request):
                engine.place_algo(request, now)
            case ("cancel", str() as symbol, client_id):
                engine.cancel_order(symbol, now, client_order_id=client_id)  # type: ignore[arg-type]
            case ("cancel_all", str() as symbol):
                engine.cancel_all(symbol, now)
            case ("amend", str() as symbol, Side() as side, Decimal() as quantity, Decimal() as price, client_id):
                amendment = AmendRequest(symbol, side, quantity, price_of(symbol, price), client_order_id=client_id)  # type: ignore[arg-type]
                engine.amend_order(amendment, now)
            case ("cancel_algo", client_id):
                engine.cancel_algo(now, client_algo_id=client_id)  # type: ignore[arg-type]
            case ("funding", str() as symbol, Decimal() as rate):
                engine.apply_funding(symbol, rate, price_of(symbol, Decimal(10_000)), now)
            case ("leverage", str() as symbol, int() as leverage):
                engine.set_leverage(symbol, leverage, now)
            case ("margin_type", str() as symbol, MarginType() as kind):
                engine.set_margin_type(symbol, kind, now)
            case ("isolated", str() as symbol, Decimal() as amount):
                engine.modify_isolated_margin(symbol, PositionSide.BOTH, amount, now)
            case ("mode", bool() as dual_side):
                engine.set_position_mode(now, dual_side=dual_side)
            case ("transfer", Decimal() as amount):
                engine.transfer(amount, now)
            case ("countdown", str() as symbol, int() as milliseconds):
                engine.countdown_cancel_all(symbol, milliseconds, now)
            case ("pass", int() as milliseconds):
                self.now_ms += milliseconds
                engine.advance(self.now_ms)
            case _:
                raise AssertionError(step)


def played(wallet: str, steps: list[tuple[object, ...]]) -> Player:
    engine = Engine(RULES)
    engine.transfer(Decimal(wallet), NOW)
    player = Player(engine)
    for symbol in (BTC, ETH):
        middle = price_of(symbol, Decimal(10_000))
        gap = Decimal("0.1")
        book = ((middle - gap, Decimal(50)),), ((middle + gap, Decimal(50)),)
        player.play(("tick", symbol, Tick(*book, middle, middle, middle, middle, middle)))
    for step in steps:
        player.play(step)
        assert_sound(engine)
    return player


def signed(trade: Trade) -> Decimal:
    return trade.qty if trade.side is Side.BUY else -trade.qty


def assert_sound(engine: Engine) -> None:
    """What must hold after every step."""
    rows, account = engine.snapshot(), engine.account()
    assert account.wallet_balance == sum(row.income for row in rows.income)
    for position in rows.positions:
        key = (position.symbol, position.side)
        trades = [signed(trade) for trade in rows.trades if (trade.symbol, trade.position_side) == key]
        assert position.amount == sum(trades)
        assert position.amount or not (position.entry_price or position.isolated_wallet or position.carry)
    for order in rows.orders:
        mine = [trade for trade in rows.trades if trade.order_id == order.order_id]
        assert 0 <= order.executed_qty == sum(trade.qty for trade in mine) <= order.orig_qty
        assert order.cum_quote == sum(trade.quote_qty for trade in mine)
    views = engine.positions()
    assert all(view.bid_notional >= 0 and view.ask_notional >= 0 for view in views)
    assert account.unrealized_pnl == sum(view.unrealized_pnl for view in views)
    assert account.initial_margin == sum(view.initial_margin for view in views)
    assert account.maint_margin == sum(view.maint_margin for view in views)
    isolated = sum(position.isolated_wallet for position in rows.positions)
    assert account.cross_wallet == account.wallet_balance - isolated
    assert account.wallet_balance >= 0 or any(position.amount for position in rows.positions)
    assert [order.order_id for order in engine.open_orders()] == [o.order_id for o in rows.orders if o.is_open]


WALLETS = st.sampled_from(["300", "5000", "200000"])


@settings(max_examples=150, deadline=None)
@given(WALLETS, st.lists(STEPS, max_size=25))
def test_whatever_happens_the_books_balance(wallet: str, steps: list[tuple[object, ...]]) -> None:
    played(wallet, steps)


@settings(max_examples=80, deadline=None)
@given(WALLETS, st.lists(STEPS, max_size=20), st.lists(STEPS, min_size=1, max_size=8))
def test_a_restart_anywhere_changes_nothing(
    wallet: str, steps: list[tuple[object, ...]], more: list[tuple[object, ...]]
) -> None:
    before = played(wallet, steps)
    after = Player(Engine.restore(RULES, before.engine.snapshot()), before.now_ms)
    assert after.engine.snapshot() == before.engine.snapshot()
    for symbol in (BTC, ETH):
        view = before.engine.market(symbol)
        assert view.last is not None
        assert view.mark is not None
        tick = Tick(view.bids, view.asks, view.last, view.last, view.last, view.mark, view.last)
        for player in (before, after):
            player.play(("tick", symbol, tick))
    before.engine.drain_events()
    after.engine.drain_events()
    for step in more:
        for player in (before, after):
            player.play(step)
        assert after.engine.drain_events() == before.engine.drain_events()
        assert after.engine.snapshot() == before.engine.snapshot()
    assert after.engine.account() == before.engine.account()
    assert after.engine.positions() == before.engine.positions()


@settings(max_examples=40, deadline=None)
@given(WALLETS, st.lists(STEPS, max_size=20))
def test_the_same_calls_give_the_same_events_and_rows(wallet: str, steps: list[tuple[object, ...]]) -> None:
    first, second = played(wallet, steps).engine, played(wallet, steps).engine
    assert first.drain_events() == second.drain_events()
    assert first.drain_changes() == second.drain_changes()
