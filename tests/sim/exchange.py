"""The simulated exchange: the paper exchange's engine, the market that moves it, and those who listen to it."""

from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from quantum_common.exchange.port import Connected, PositionView, UserEvent
from services.backtest.views import user_events
from services.paper_exchange.engine import enums, requests
from services.paper_exchange.engine.book import Tick
from services.paper_exchange.engine.defaults import default_rules
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.errors import ExchangeError
from services.paper_exchange.engine.records import AlgoOrder, Order, Trade
from tests.sim.world import Call, Task, World

DEPOSIT = Decimal(100_000)
FOREIGN = "web_"
REQUEST_MS = (1, 40)
TIMEOUT_MS = 1500
GATEWAY_MS = 500
READ_LAG_MS = 500
PRICES = {"BTCUSDT": Decimal(50_000), "ETHUSDT": Decimal(2_500)}


class Lost(Exception):
    """The answer did not come."""


class Exchange:
    """The engine, the market that moves it, and the feeds of those who listen."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rules = {symbol: default_rules(symbol, price) for symbol, price in PRICES.items()}
        self.engine = Engine(self.rules.values())
        self.prices = dict(PRICES)
        self.placed_ms: dict[str, int] = {}
        self.place_ms = REQUEST_MS
        self.not_found: set[str] = set()  # client ids that a lookup did not find
        self.feeds: list[Feed] = []
        self.lag_ms = world.rng.choice((0, 0, 200, READ_LAG_MS))
        self.p_drop = world.rng.choice((0.0, 0.0, 0.05, 0.2))
        self.engine.transfer(DEPOSIT, world.now_ms)
        self.stale: list[PositionView] = []
        self.left_open: frozenset[str] = frozenset()
        self._tick()

    def _tick(self) -> None:
        """Move the market, and do it again half a second later."""
        rng = self.world.rng
        for symbol, before in list(self.prices.items()):
            step = self.rules[symbol].tick_size
            move = Decimal(rng.randint(-12, 12)) * before / 10_000
            price = self.prices[symbol] = ((before + move) / step).to_integral_value() * step
            lot = self.rules[symbol].lot.step * rng.choice((3, 20, 400))
            bids = tuple((price - step * n, lot * n) for n in range(1, 6))
            asks = tuple((price + step * n, lot * n) for n in range(1, 6))
            self.engine.on_tick(symbol, Tick(bids, asks, price, price, price, price, price), self.world.now_ms)
        self.flush()
        self.world.later(500, self._tick)

    def flush(self) -> None:
        """Send what happened to everyone who listens."""
        happened = [event for item in self.engine.drain_events() for event in user_events(item)]
        if happened:
            for feed in self.feeds:
                feed.push(happened)

    def act(self, effect: Callable[[], Any]) -> Any:
        """Run an effect on the engine and tell of what it did."""
        try:
            return effect()
        finally:
            self.flush()

    def foreign_trade(self, symbol: str) -> None:
        """Somebody trades by hand on the account."""
        rng = self.world.rng
        quantity = self.rules[symbol].lot.step * rng.randint(1, 9) * 10
        request = requests.OrderRequest(
            symbol, rng.choice(list(enums.Side)), enums.OrderType.MARKET, quantity=quantity,
            client_order_id=f"{FOREIGN}{self.world.steps}",
        )  # fmt: skip
        self.world.faults["foreign_trade"] += 1
        try:
            self.act(lambda: self.engine.place_order(request, self.world.now_ms))
        except ExchangeError as refused:
            self.world.say("a trade by hand was refused:", refused)

    def rest_foreign_orders(self, symbol: str) -> None:
        """Somebody leaves a limit order and a conditional one far from the market: nobody may touch them."""
        rules, price, now_ms = self.rules[symbol], self.prices[symbol], self.world.now_ms
        quantity, far = rules.lot.step * 20, (price * Decimal("0.6") / rules.tick_size).to_integral_value()
        self.engine.place_order(
            requests.OrderRequest(
                symbol, enums.Side.BUY, enums.OrderType.LIMIT, quantity=quantity, price=far * rules.tick_size,
                time_in_force=enums.TimeInForce.GTC, client_order_id=f"{FOREIGN}limit",
            ),
            now_ms,
        )  # fmt: skip
        self.engine.place_algo(
            requests.AlgoRequest(
                symbol, enums.Side.SELL, enums.OrderType.STOP_MARKET, quantity=quantity,
                trigger_price=far * rules.tick_size, client_algo_id=f"{FOREIGN}stop",
            ),
            now_ms,
        )  # fmt: skip
        self.left_open = frozenset({f"{FOREIGN}limit", f"{FOREIGN}stop"})
        self.flush()

    def deleverage(self, symbol: str) -> None:
        """The exchange takes a part of a position away, where there is one."""
        view = next(view for view in self.engine.positions(symbol, all_symbols=True))
        part = (abs(view.amount) / 3 // self.rules[symbol].lot.step) * self.rules[symbol].lot.step
        if part > 0:
            self.world.faults["adl"] += 1
            self.act(lambda: self.engine.adl(symbol, enums.PositionSide.BOTH, part, self.world.now_ms))

    def all_orders(self) -> list[Order]:
        """Return every order that was ever taken."""
        return [
            order
            for symbol in self.rules
            for order in self.engine.all_orders(symbol, self.world.now_ms, requests.Window(limit=1000))
        ]

    def all_trades(self, symbol: str) -> list[Trade]:
        """Return every trade of a symbol."""
        return self.engine.trades(symbol, self.world.now_ms, requests.Window(limit=1000))

    def all_algos(self) -> list[AlgoOrder]:
        """Return every conditional order that was ever taken."""
        return self.engine.all_algos(None, self.world.now_ms, requests.Window(limit=1000))


class Feed:
    """One user data stream: events in order within a type, sometimes doubled, dropped with a cut, or shuffled."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.events: deque[UserEvent] = deque([Connected()])
        self.parked: Task | None = None

    def push(self, happened: Sequence[UserEvent]) -> None:
        """Deliver events a little later."""
        world = self.exchange.world
        batch = list(happened)
        if world.faulty and self.exchange.p_drop and world.rng.random() < self.exchange.p_drop:
            world.faults["stream_cut"] += 1
            batch = [Connected()]
        if world.faulty and world.rng.random() < 0.1:
            world.faults["reordered"] += 1
            world.rng.shuffle(batch)
        if world.faulty and world.rng.random() < 0.1:
            world.faults["doubled"] += 1
            batch += batch
        world.later(world.rng.randint(0, 60 if world.faulty else 5), lambda: self._deliver(batch))

    def _deliver(self, batch: Sequence[UserEvent]) -> None:
        self.events.extend(batch)
        if self.parked is not None and self.events:
            task, self.parked = self.parked, None
            self.exchange.world.resume(task, self.events.popleft(), None)

    def next(self) -> Call:
        """Return the call that waits for the next event."""

        def park(task: Task) -> bool:
            if self.events:
                return False
            self.parked = task
            return True

        return Call("next_event", self.events.popleft, (0, 0), None, 0, park)
