"""What holds whatever is done: random sequences of everything a client, the market and the clock can do."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

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

QUANTITIES = [Decimal(n) / 1000 for n in (1, 10, 20, 50, 250, 250, 1_000, 4_000, 40_000)]
HEDGE_SIDES = [PositionSide.LONG, PositionSide.SHORT]
ALGO_TYPES = [
    OrderType.STOP,
    OrderType.STOP_MARKET,
    OrderType.TAKE_PROFIT,
    OrderType.TAKE_PROFIT_MARKET,
    OrderType.TRAILING_STOP_MARKET,
]
LIMIT_FORCES = [
    TimeInForce.GTC,
    TimeInForce.GTC,
    TimeInForce.GTC,
    TimeInForce.IOC,
    TimeInForce.FOK,
    TimeInForce.GTX,
    TimeInForce.GTD,
]
Step = tuple[Any, ...]


def price_of(symbol: str, level: Decimal) -> Decimal:
    """A price around the contract's own level, on its grid: 10 000 is the middle."""
    return (level * 5).quantize(Decimal("0.1")) if symbol == BTC else (level / 4).quantize(Decimal("0.01"))


class Script:
    """A random sequence of steps from one seed; prices stray around 10 000, the middle of every contract."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.middle = {BTC: 10_000, ETH: 10_000}
        self.kinds = {
            self._tick: 14,
            self._order: 20,
            self._algo: 8,
            self._cancel: 2,
            self._cancel_all: 1,
            self._amend: 3,
            self._cancel_algo: 1,
            self._funding: 2,
            self._leverage: 1,
            self._margin_type: 2,
            self._isolated: 1,
            self._mode: 1,
            self._transfer: 1,
            self._countdown: 1,
            self._pass: 1,
        }

    def steps(self, count: int) -> list[Step]:
        """The next steps; some accounts choose hedge mode or isolated margin first."""
        first: list[Step] = []
        if self.random.random() < 0.3:
            first.append(("mode", True))
        if self.random.random() < 0.4:
            first.append(("margin_type", BTC, MarginType.ISOLATED))
        makers = self.random.choices(list(self.kinds), list(self.kinds.values()), k=count)
        return first + [make() for make in makers]

    def _symbol(self) -> str:
        return self.random.choice([BTC, BTC, BTC, ETH])

    def _side(self) -> Side:
        return self.random.choice(list(Side))

    def _client_id(self) -> str | None:
        return self.random.choice([None, None, "a", "b", "c", "d"])

    def _price(self, symbol: str, reach: int) -> Decimal:
        return price_of(symbol, Decimal(self.middle[symbol] + self.random.randint(-reach, reach)))

    def _tick(self) -> Step:
        symbol = self._symbol()
        reach = self.random.choice([20, 20, 60, 300])
        self.middle[symbol] += self.random.randint(-reach, reach)
        last, low, high = self._price(symbol, 0), self._price(symbol, 20), self._price(symbol, 20)
        gap = Decimal("0.1") if symbol == BTC else Decimal("0.01")
        sizes = [
            self.random.choice([Decimal("0.01"), Decimal(1), Decimal(50)]) for _ in range(self.random.randint(0, 3))
        ]
        bids = tuple((last - gap * (number + 1), size) for number, size in enumerate(sizes))
        asks = tuple((last + gap * (number + 1), size) for number, size in enumerate(sizes))
        return "tick", symbol, Tick(bids, asks, last, max(last, high), min(last, low), self._price(symbol, 10), last)

    def _order(self) -> Step:
        symbol = self._symbol()
        limit = self.random.random() < 0.6
        force = self.random.choice(LIMIT_FORCES) if limit else None
        request = OrderRequest(
            symbol,
            self._side(),
            OrderType.LIMIT if limit else OrderType.MARKET,
            self.random.choice(QUANTITIES),
            self._price(symbol, 60) if limit else None,
            force,
            self.random.choice(HEDGE_SIDES),
            self.random.choice([None, None, None, True]),
            self._client_id(),
            PriceMatch.NONE,
            self.random.choice(list(SelfTrade)),
            NOW + 700_000 if force is TimeInForce.GTD else None,
        )
        return "order", request

    def _algo(self) -> Step:
        symbol, kind = self._symbol(), self.random.choice(ALGO_TYPES)
        trailing, limit = kind is OrderType.TRAILING_STOP_MARKET, kind in {OrderType.STOP, OrderType.TAKE_PROFIT}
        closes = not limit and not trailing and self.random.random() < 0.4
        request = AlgoRequest(
            symbol,
            self._side(),
            kind,
            None if closes else self.random.choice(QUANTITIES),
            self._price(symbol, 60) if limit else None,
            None if trailing else self._price(symbol, 60),
            self.random.choice([None, TimeInForce.GTC, TimeInForce.GTE_GTC]),
            self.random.choice(HEDGE_SIDES),
            working_type=self.random.choice(list(WorkingType)),
            reduce_only=None if closes else self.random.choice([None, True]),
            close_position=closes,
            callback_rate=Decimal("0.3") if trailing else None,
            client_algo_id=self._client_id(),
        )
        return "algo", request

    def _cancel(self) -> Step:
        return "cancel", self._symbol(), self._client_id() or "a"

    def _cancel_all(self) -> Step:
        return "cancel_all", self._symbol()

    def _amend(self) -> Step:
        symbol = self._symbol()
        quantity, price = self.random.choice(QUANTITIES), self._price(symbol, 60)
        return "amend", AmendRequest(symbol, self._side(), quantity, price, client_order_id=self._client_id() or "a")

    def _cancel_algo(self) -> Step:
        return "cancel_algo", self._client_id() or "a"

    def _funding(self) -> Step:
        symbol = self._symbol()
        return "funding", symbol, self.random.choice([Decimal("0.0001"), Decimal("-0.003")]), self._price(symbol, 0)

    def _leverage(self) -> Step:
        return "leverage", self._symbol(), self.random.choice([1, 5, 20, 75, 100])

    def _margin_type(self) -> Step:
        return "margin_type", self._symbol(), self.random.choice(list(MarginType))

    def _isolated(self) -> Step:
        return "isolated", self._symbol(), Decimal(self.random.choice([50, -20]))

    def _mode(self) -> Step:
        return "mode", self.random.random() < 0.5

    def _transfer(self) -> Step:
        return "transfer", Decimal(self.random.choice([500, -300]))

    def _countdown(self) -> Step:
        return "countdown", self._symbol(), self.random.choice([0, 300])

    def _pass(self) -> Step:
        return "pass", self.random.choice([500, 800_000])


class Player:
    """Plays steps on an engine; a refusal is an answer like any other."""

    def __init__(self, engine: Engine, now_ms: int = NOW) -> None:
        self.engine = engine
        self.now_ms = now_ms

    def play(self, step: Step) -> None:
        self.now_ms += 10
        with suppress(ExchangeError):
            self._play(step)

    def _sides(self, request: OrderRequest | AlgoRequest) -> dict[str, Any]:
        """Position side and reduceOnly as the position mode in force wants them."""
        if self.engine.account_row().dual_side:
            return {"position_side": request.position_side, "reduce_only": None}
        return {"position_side": PositionSide.BOTH, "reduce_only": request.reduce_only}

    def _play(self, step: Step) -> None:
        engine, now = self.engine, self.now_ms
        kind, *given_ = step
        match kind:
            case "tick":
                engine.on_tick(given_[0], given_[1], now)
            case "order":
                engine.place_order(replace(given_[0], **self._sides(given_[0])), now)
            case "algo":
                engine.place_algo(replace(given_[0], **self._sides(given_[0])), now)
            case "cancel":
                engine.cancel_order(given_[0], now, client_order_id=given_[1])
            case "cancel_algo":
                engine.cancel_algo(now, client_algo_id=given_[0])
            case "amend":
                engine.amend_order(given_[0], now)
            case "isolated":
                engine.modify_isolated_margin(given_[0], PositionSide.BOTH, given_[1], now)
            case "mode":
                engine.set_position_mode(now, dual_side=given_[0])
            case "pass":
                self.now_ms += given_[0]
                engine.advance(self.now_ms)
            case _:
                self._play_plain(kind, given_)

    def _play_plain(self, kind: str, given_: list[Any]) -> None:
        """Steps whose arguments are those of the engine's method, in order."""
        methods: dict[str, Callable[..., object]] = {
            "cancel_all": self.engine.cancel_all,
            "funding": self.engine.apply_funding,
            "leverage": self.engine.set_leverage,
            "margin_type": self.engine.set_margin_type,
            "transfer": self.engine.transfer,
            "countdown": self.engine.countdown_cancel_all,
        }
        methods[kind](*given_, self.now_ms)


def played(wallet: str, steps: list[Step]) -> Player:
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
SEEDS, LENGTHS = st.integers(0, 2**32 - 1), st.integers(1, 60)


@settings(max_examples=120)
@given(WALLETS, SEEDS, LENGTHS)
def test_whatever_happens_the_books_balance(wallet: str, seed: int, length: int) -> None:
    played(wallet, Script(seed).steps(length))


@settings(max_examples=60)
@given(WALLETS, SEEDS, LENGTHS, st.integers(1, 10))
def test_a_restart_anywhere_changes_nothing(wallet: str, seed: int, length: int, more: int) -> None:
    script = Script(seed)
    before = played(wallet, script.steps(length))
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
    for step in script.steps(more):
        for player in (before, after):
            player.play(step)
        assert after.engine.drain_events() == before.engine.drain_events()
        assert after.engine.snapshot() == before.engine.snapshot()
    assert after.engine.account() == before.engine.account()
    assert after.engine.positions() == before.engine.positions()


@settings(max_examples=30)
@given(WALLETS, SEEDS, LENGTHS)
def test_the_same_calls_give_the_same_events_and_rows(wallet: str, seed: int, length: int) -> None:
    first, second = (played(wallet, Script(seed).steps(length)).engine for _ in range(2))
    assert first.drain_events() == second.drain_events()
    assert first.drain_changes() == second.drain_changes()


NUMBERS = st.one_of(st.none(), st.decimals(), st.sampled_from([Decimal(n) for n in ("0.1", "1e40", "-0", "50000.1")]))


@settings(max_examples=200)
@given(st.sampled_from(list(OrderType)), NUMBERS, NUMBERS, NUMBERS, st.text(max_size=40), st.integers())
def test_no_number_breaks_the_engine(
    kind: OrderType, quantity: Decimal | None, price: Decimal | None, other: Decimal | None, name: str, till: int
) -> None:
    engine = played("5000", []).engine
    with suppress(ExchangeError):
        engine.place_order(
            OrderRequest(
                BTC, Side.BUY, kind, quantity, price, TimeInForce.GTD, client_order_id=name, good_till_ms=till
            ),
            NOW,
        )
    with suppress(ExchangeError):
        engine.place_order(OrderRequest(BTC, Side.BUY, OrderType.LIMIT, quantity, price, TimeInForce.GTC), NOW)
    with suppress(ExchangeError):
        engine.place_algo(AlgoRequest(BTC, Side.BUY, kind, quantity, price, other, callback_rate=other), NOW)
    with suppress(ExchangeError):
        trailing = OrderType.TRAILING_STOP_MARKET
        request = AlgoRequest(BTC, Side.BUY, trailing, Decimal(1), callback_rate=Decimal(1), activate_price=other)
        engine.place_algo(request, NOW)
    with suppress(ExchangeError):
        engine.transfer(other if other is not None else Decimal(till), NOW)
    with suppress(ExchangeError):
        engine.set_leverage(BTC, till, NOW)
    assert_sound(engine)
