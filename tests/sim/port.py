"""OrderPort and AccountPort of one process: requests that are slow, lost and late, answers from the engine."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from quantum_common.exchange import outcome
from quantum_common.exchange.port import (
    ExchangeUnavailable,
    FundingView,
    OrderRequest,
    PositionView,
    StopRequest,
    StopView,
    SymbolRules,
    TradeView,
    UserEvent,
)
from services.backtest.views import order_view, position_view, stop_view, symbol_rules, trade_view
from services.paper_exchange.engine import enums, requests
from services.paper_exchange.engine.errors import ExchangeError
from tests.sim.exchange import REQUEST_MS, TIMEOUT_MS, Exchange, Feed, Lost
from tests.sim.world import Call, Process


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
        return {symbol: symbol_rules(rules) for symbol, rules in self._exchange.rules.items()}

    # --- commands ------------------------------------------------------------------------------------------------

    async def _ask(self, label: str, effect: Callable[[], Any]) -> Any:
        delay_ms = self._exchange.place_ms if label.startswith("place ") else REQUEST_MS
        return await Call(label, lambda: self._exchange.act(effect), delay_ms, Lost, TIMEOUT_MS)

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
                self._exchange.not_found.add(client_order_id)
                return outcome.NotFound()
            order = self._exchange.engine.order(symbol, client_order_id=client_order_id)
            self._world.probes["found after not found"] += client_order_id in self._exchange.not_found
            return outcome.Found(order_view(order, priced=True))

        answer = await self._lookup(f"lookup {client_order_id}", effect)
        if isinstance(answer, outcome.NotFound):
            self._exchange.not_found.add(client_order_id)
        return answer

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
            "open stops", lambda: [stop_view(algo) for algo in self._exchange.engine.open_algos()]
        )
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
            exchange.stale = [position_view(view) for view in exchange.engine.positions(all_symbols=True)]
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
