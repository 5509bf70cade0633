"""The exchange's ports in process: commands and reads go to the paper engine at the present moment, at once.

Implements `OrderPort` and `AccountPort`. Nothing is lost, late or refused but by the exchange's own rules; how services
behave when it is otherwise is the simulation's business.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from quantum_common.exchange import outcome
from quantum_common.exchange.port import (
    Connected,
    FundingView,
    OrderRequest,
    PositionView,
    StopRequest,
    StopView,
    SymbolRules,
    TradeView,
    UserEvent,
)
from quantum_common.money import ZERO
from services.backtest.venue import Venue
from services.backtest.views import (
    order_view,
    position_view,
    stop_view,
    symbol_rules,
    trade_view,
    user_events,
)
from services.paper_exchange.engine.enums import IncomeType, OrderType, WorkingType
from services.paper_exchange.engine.enums import Side as EngineSide
from services.paper_exchange.engine.errors import ExchangeError
from services.paper_exchange.engine.events import AccountUpdate
from services.paper_exchange.engine.requests import AlgoRequest, Window
from services.paper_exchange.engine.requests import OrderRequest as EngineOrder

_DUPLICATE, _NO_SUCH_ORDER, _CANCEL_REJECTED = -4116, -2013, -2011
_PAGE = 1_000
_SIDES = {side.value: side for side in EngineSide}


class VenuePort:
    """One account's commands, reads and user data stream."""

    def __init__(self, venue: Venue, now_ms: Callable[[], int]) -> None:
        self._venue, self._engine, self._now_ms = venue, venue.engine, now_ms
        self._events: deque[UserEvent] = deque([Connected()])
        self._moved_ms: dict[str, int] = {}  # symbol → when its position last changed
        self._rules = {symbol: symbol_rules(rules) for symbol, rules in self._engine.symbols().items()}

    async def server_time_ms(self) -> int:
        """Return the exchange's clock, which is ours."""
        return self._now_ms()

    async def rules(self) -> Mapping[str, SymbolRules]:
        """Return the filters of every listed symbol."""
        return self._rules

    # --- commands ----------------------------------------------------------------------------------------------------

    async def place(self, request: OrderRequest) -> outcome.Placing:
        """Send one market order."""
        self._venue.come(request.symbol)
        order = EngineOrder(
            request.symbol, _SIDES[request.side.value], OrderType.MARKET, quantity=request.qty,
            reduce_only=request.reduce_only, client_order_id=request.client_order_id,
        )  # fmt: skip
        try:
            return outcome.Accepted(order_view(self._engine.place_order(order, self._now_ms()), priced=False))
        except ExchangeError as error:
            if error.code == _DUPLICATE:
                return outcome.Unknown(error.msg)
            return outcome.Refused(error.code, error.msg)

    async def place_stop(self, request: StopRequest) -> outcome.Commanding:
        """Place a protective stop. One whose client id stands already is Done."""
        self._venue.come(request.symbol)
        stop = AlgoRequest(
            request.symbol, _SIDES[request.side.value], OrderType.STOP_MARKET, quantity=request.qty,
            trigger_price=request.trigger_price, working_type=WorkingType.MARK_PRICE,
            reduce_only=request.qty is not None or None, close_position=request.qty is None,
            client_algo_id=request.client_id,
        )  # fmt: skip
        return self._commanded(lambda: self._engine.place_algo(stop, self._now_ms()), as_done=(_DUPLICATE,))

    async def cancel_stop(self, client_id: str) -> outcome.Commanding:
        """Cancel a protective stop. One that does not stand any more is Done."""
        gone = (_CANCEL_REJECTED, _NO_SUCH_ORDER)
        return self._commanded(
            lambda: self._engine.cancel_algo(self._now_ms(), client_algo_id=client_id), as_done=gone
        )  # fmt: skip

    async def set_leverage(self, symbol: str, leverage: int) -> outcome.Commanding:
        """Set the leverage of a symbol."""
        return self._commanded(lambda: self._engine.set_leverage(symbol, leverage, self._now_ms()))

    @staticmethod
    def _commanded(command: Callable[[], Any], as_done: Sequence[int] = ()) -> outcome.Commanding:
        try:
            command()
        except ExchangeError as error:
            if error.code not in as_done:
                return outcome.Refused(error.code, error.msg)
        return outcome.Done()

    # --- reads -------------------------------------------------------------------------------------------------------

    async def order(self, symbol: str, client_order_id: str) -> outcome.Lookup:
        """Look an order up by its client id."""
        return self._looked_up(symbol, client_order_id=client_order_id)

    async def order_by_id(self, symbol: str, order_id: int) -> outcome.Lookup:
        """Look an order up by the exchange's id."""
        return self._looked_up(symbol, order_id=order_id)

    def _looked_up(self, symbol: str, **names: Any) -> outcome.Lookup:
        try:
            return outcome.Found(order_view(self._engine.order(symbol, **names), priced=True))
        except ExchangeError as error:
            return outcome.NotFound() if error.code == _NO_SUCH_ORDER else outcome.Unknown(error.msg)

    async def open_stops(self) -> Sequence[StopView]:
        """Return every open conditional order."""
        return [stop_view(algo) for algo in self._engine.open_algos()]

    async def positions(self) -> Sequence[PositionView]:
        """Return every symbol's position at the prices of now, flat ones included."""
        return self.rows(self._rules)

    def rows(self, symbols: Collection[str]) -> list[PositionView]:
        """Given symbols, return their rows of the account call."""
        self._venue.mark()
        return [self._row(symbol) for symbol in symbols]

    def _row(self, symbol: str) -> PositionView:
        for standing in self._engine.positions(symbol):
            return position_view(standing)
        price, leverage = self._venue.price(symbol), self._engine.settings(symbol).leverage
        return PositionView(symbol, ZERO, ZERO, price, ZERO, leverage, ZERO, self._moved_ms.get(symbol, 0))

    async def wallet_balance(self) -> Decimal:
        """Return the wallet balance in USDT."""
        return self._engine.account_row().wallet_balance

    async def trades(self, symbol: str, from_id: int | None, limit: int = _PAGE) -> Sequence[TradeView]:
        """Return own trades in rising id order: every one from `from_id` on, the newest `limit` where it is None."""
        found: list[TradeView] = []
        next_id = 0 if from_id is None else from_id
        while True:
            rows = self._engine.trades(symbol, self._now_ms(), Window(limit=_PAGE), from_id=next_id)
            found += map(trade_view, rows)
            if len(rows) < _PAGE:
                return found if from_id is not None else found[-limit:]
            next_id = rows[-1].trade_id + 1

    async def funding(self, since_ms: int) -> Sequence[FundingView]:
        """Return funding payments from a time on, in rising time order."""
        window = Window(start_ms=since_ms, limit=_PAGE)
        rows = self._engine.income(self._now_ms(), window, income_type=IncomeType.FUNDING_FEE)
        return [FundingView(row.symbol, row.tran_id, row.income, row.time_ms) for row in rows]

    # --- the user data stream ----------------------------------------------------------------------------------------

    def hear(self) -> bool:
        """Take what the engine has to say into the stream. Return whether an event waits there."""
        for event in self._engine.drain_events():
            if isinstance(event, AccountUpdate):
                self._moved_ms |= {change.symbol: event.time_ms for change in event.positions}
            self._events.extend(user_events(event))
        return bool(self._events)

    async def next_event(self) -> UserEvent:
        """Return the next event; `hear` says whether there is one."""
        return self._events.popleft()
