"""The simulated exchange: the paper exchange's engine behind ports that are slow, lossy and late."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from quantum_common.exchange import outcome
from quantum_common.exchange.port import (
    Connected,
    ExchangeUnavailable,
    FundingView,
    OrderRequest,
    PositionChanged,
    PositionView,
    StopRequest,
    StopView,
    SymbolRules,
    Traded,
    TradeView,
    UserEvent,
    WalletChanged,
)
from quantum_common.messages import Side
from services.paper_exchange.engine import enums, events, requests
from services.paper_exchange.engine.book import Tick
from services.paper_exchange.engine.defaults import default_rules
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.errors import ExchangeError
from services.paper_exchange.engine.records import Order, Trade
from tests.sim.world import Call, Process, Task, World

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
        self.feeds: list[Feed] = []
        self.lag_ms = world.rng.choice((0, 0, 200, READ_LAG_MS))
        self.p_drop = world.rng.choice((0.0, 0.0, 0.05, 0.2))
        self.engine.transfer(Decimal(100_000), world.now_ms)
        self.stale: list[PositionView] = []
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
            client_order_id=f"web_{self.world.steps}",
        )  # fmt: skip
        self.world.faults["foreign_trade"] += 1
        try:
            self.act(lambda: self.engine.place_order(request, self.world.now_ms))
        except ExchangeError as refused:
            self.world.say("a trade by hand was refused:", refused)

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


class SimPort:
    """OrderPort and AccountPort of one process."""

    def __init__(self, exchange: Exchange, process: Process) -> None:
        self._exchange = exchange
        self._process = process
        self._world = exchange.world
        self._offset_ms = exchange.world.rng.randint(-40, 40)  # what the measured offset is off by
        self._feed: Feed | None = None

    async def server_time_ms(self) -> int:
        """Return the exchange's clock as this process measured it."""
        return self._world.now_ms + self._offset_ms

    async def rules(self) -> Mapping[str, SymbolRules]:
        """Return the filters."""
        return {
            symbol: SymbolRules(
                symbol, "TRADING", rules.tick_size, rules.market_lot.step, rules.market_lot.minimum,
                rules.market_lot.maximum, rules.min_notional,
            )
            for symbol, rules in self._exchange.rules.items()
        }  # fmt: skip

    # --- commands ------------------------------------------------------------------------------------------------

    async def _ask(self, label: str, effect: Callable[[], Any]) -> Any:
        return await Call(label, lambda: self._exchange.act(effect), REQUEST_MS, Lost, TIMEOUT_MS)

    async def _command(self, label: str, effect: Callable[[], Any]) -> Any:
        if self._world.faulty and self._world.rng.random() < 0.01:
            self._world.faults["not_sent"] += 1
            return outcome.NotSent("connection refused", 200)
        try:
            return await self._ask(label, effect)
        except Lost:
            return outcome.Unknown("no answer")
        except ExchangeError as error:
            return outcome.Refused(error.code, error.msg)

    async def place(self, request: OrderRequest) -> outcome.Placing:
        """Send one market order."""

        def effect() -> outcome.Placing:
            now_ms = self._world.now_ms
            if now_ms > request.stamp_ms + request.recv_window_ms or request.stamp_ms > now_ms + 1000:
                self._world.faults["refused_by_stamp"] += 1
                raise ExchangeError(-1021, "Timestamp for this request is outside of the recvWindow.")
            self._exchange.placed_ms[request.client_order_id] = now_ms
            order = self._exchange.engine.place_order(
                requests.OrderRequest(
                    request.symbol, enums.Side(request.side.value), enums.OrderType.MARKET, quantity=request.qty,
                    reduce_only=request.reduce_only, client_order_id=request.client_order_id,
                ),
                now_ms,
            )  # fmt: skip
            return outcome.Accepted(order_view(order, priced=False))

        result = await self._command(f"place {request.client_order_id}", effect)
        if isinstance(result, outcome.Refused) and result.code == -4116:
            return outcome.Unknown("duplicate client id")
        return result  # type: ignore[no-any-return]

    async def order(self, symbol: str, client_order_id: str) -> outcome.Lookup:
        """Look an order up; a read may lag behind matching."""

        def effect() -> outcome.Lookup:
            placed_ms = self._exchange.placed_ms.get(client_order_id, 0)
            if self._world.faulty and self._world.now_ms - placed_ms < self._exchange.lag_ms:
                self._world.faults["late_read"] += placed_ms > 0
                return outcome.NotFound()
            order = self._exchange.engine.order(symbol, client_order_id=client_order_id)
            return outcome.Found(order_view(order, priced=True))

        return await self._lookup(f"lookup {client_order_id}", effect)

    async def order_by_id(self, symbol: str, order_id: int) -> outcome.Lookup:
        """Look an order up by the exchange's id."""
        return await self._lookup(
            f"lookup {order_id}",
            lambda: outcome.Found(order_view(self._exchange.engine.order(symbol, order_id=order_id), priced=True)),
        )

    async def _lookup(self, label: str, effect: Callable[[], outcome.Lookup]) -> outcome.Lookup:
        match await self._command(label, effect):
            case outcome.Found() | outcome.NotFound() | outcome.Unknown() as answer:
                return answer
            case outcome.Refused(code, text):
                return outcome.NotFound() if code == -2013 else outcome.Unknown(text)
            case other:
                return outcome.Unknown(str(other))

    async def place_stop(self, request: StopRequest) -> outcome.Commanding:
        """Place a protective stop."""

        def effect() -> outcome.Commanding:
            self._exchange.engine.place_algo(
                requests.AlgoRequest(
                    request.symbol, enums.Side(request.side.value), enums.OrderType.STOP_MARKET, quantity=request.qty,
                    trigger_price=request.trigger_price, working_type=enums.WorkingType.MARK_PRICE,
                    reduce_only=request.qty is not None or None, close_position=request.qty is None,
                    client_algo_id=request.client_id,
                ),
                self._world.now_ms,
            )  # fmt: skip
            return outcome.Done()

        result = await self._command(f"stop {request.client_id}", effect)
        return outcome.Done() if isinstance(result, outcome.Refused) and result.code == -4116 else result

    async def cancel_stop(self, client_id: str) -> outcome.Commanding:
        """Cancel a protective stop."""

        def effect() -> outcome.Commanding:
            self._exchange.engine.cancel_algo(self._world.now_ms, client_algo_id=client_id)
            return outcome.Done()

        result = await self._command(f"cancel {client_id}", effect)
        gone = isinstance(result, outcome.Refused) and result.code in {-2011, -2013}
        return outcome.Done() if gone else result

    async def open_stops(self) -> Sequence[StopView]:
        """Return every open conditional order."""
        stops: Sequence[StopView] = await self._read(
            "open stops",
            lambda: [
                StopView(
                    algo.symbol, algo.client_algo_id, Side(algo.side.value), algo.trigger_price, algo.close_position,
                    algo.quantity or Decimal(0), algo.create_ms,
                )
                for algo in self._exchange.engine.open_algos()
            ],
        )  # fmt: skip
        return stops

    async def set_leverage(self, symbol: str, leverage: int) -> outcome.Commanding:
        """Set the leverage."""

        def effect() -> outcome.Commanding:
            self._exchange.engine.set_leverage(symbol, leverage, self._world.now_ms)
            return outcome.Done()

        return await self._command(f"leverage {symbol}", effect)  # type: ignore[no-any-return]

    # --- reads ---------------------------------------------------------------------------------------------------

    async def _read(self, label: str, effect: Callable[[], Any]) -> Any:
        try:
            return await self._ask(label, effect)
        except Lost:
            raise ExchangeUnavailable("no answer", 200) from None

    async def positions(self) -> Sequence[PositionView]:
        """Return every position; now and then as it was a while ago."""

        def effect() -> Sequence[PositionView]:
            exchange, world = self._exchange, self._world
            if world.faulty and exchange.stale and world.rng.random() < 0.1:
                world.faults["stale_positions"] += 1
                return exchange.stale
            exchange.stale = [
                PositionView(
                    view.symbol, view.amount, view.entry_price, view.mark_price, view.unrealized_pnl, view.leverage,
                    view.liquidation_price, view.update_ms,
                )
                for view in exchange.engine.positions(all_symbols=True)
            ]  # fmt: skip
            return exchange.stale

        return await self._read("positions", effect)  # type: ignore[no-any-return]

    async def wallet_balance(self) -> Decimal:
        """Return the wallet balance."""
        return await self._read("balance", lambda: self._exchange.engine.account().wallet_balance)  # type: ignore[no-any-return]

    async def trades(self, symbol: str, from_id: int | None, limit: int = 1000) -> Sequence[TradeView]:
        """Return own trades."""

        def effect() -> Sequence[TradeView]:
            world = self._world
            rows = self._exchange.engine.trades(symbol, world.now_ms, requests.Window(limit=1000), from_id=from_id)
            lag_ms = self._exchange.lag_ms if world.faulty else 0
            return [trade_view(row) for row in rows if world.now_ms - row.time_ms >= lag_ms]

        return await self._read(f"trades {symbol} from {from_id}", effect)  # type: ignore[no-any-return]

    async def funding(self, since_ms: int) -> Sequence[FundingView]:
        """Return funding payments: none in so short a time."""
        return await self._read("funding", list)  # type: ignore[no-any-return]

    async def next_event(self) -> UserEvent:
        """Wait for the next event of the user stream."""
        if self._feed is None:
            self._feed = Feed(self._exchange)
            self._exchange.feeds.append(self._feed)
        return await self._feed.next()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Stop listening."""
        if self._feed is not None:
            self._exchange.feeds.remove(self._feed)


def order_view(order: Order, *, priced: bool) -> outcome.OrderView:
    """Return an order as the adapter would; an answer to a POST has no price."""
    filled = priced and order.executed_qty > 0
    return outcome.OrderView(
        order.symbol, Side(order.side.value), order.order_id, order.client_order_id, order.status.value, order.orig_qty,
        order.executed_qty, order.avg_price if filled else None, order.cum_quote if filled else None, order.update_ms,
    )  # fmt: skip


def trade_view(row: Trade) -> TradeView:
    """Return a trade as REST shows it: without its order's client id."""
    return TradeView(
        row.symbol, row.trade_id, row.order_id, "", Side(row.side.value), row.qty, row.price, row.commission,
        row.commission_asset, row.realized_pnl, row.time_ms,
    )  # fmt: skip


def user_events(event: events.Event) -> Sequence[UserEvent]:
    """Return an event of the engine as the adapter hands it on."""
    match event:
        case events.OrderUpdate() if event.trade_id:
            order = event.order
            return [
                Traded(
                    TradeView(
                        order.symbol, event.trade_id, order.order_id, order.client_order_id, Side(order.side.value),
                        event.last_qty, event.last_price, event.commission or Decimal(0), "USDT", event.realized_pnl,
                        event.time_ms,
                    )
                )
            ]  # fmt: skip
        case events.AccountUpdate():
            return [
                *(WalletChanged(row.wallet_balance, event.reason.value, event.time_ms) for row in event.balances),
                *(
                    PositionChanged(row.symbol, row.amount, row.entry_price, row.unrealized_pnl, event.time_ms)
                    for row in event.positions
                ),
            ]
        case _:
            return []
