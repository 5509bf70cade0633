"""The paper exchange's matching and margin engine: one USDT account, many contracts, no clock and no chance.

Every call takes the exchange clock `now_ms` (never smaller than in the call before) and either completes, leaving
events and rows in the outbox, or raises ExchangeError and changes nothing.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from services.paper_exchange.engine import (
    admission,
    aftermath,
    algo_admission,
    algos,
    calm,
    choices,
    errors,
    liquidation,
    orders,
    queries,
    restore,
    ticking,
    timers,
    valuation,
    wallet,
)
from services.paper_exchange.engine.book import Tick
from services.paper_exchange.engine.changes import Rows
from services.paper_exchange.engine.config import EngineConfig
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.enums import IncomeType, MarginType, PositionSide, SymbolStatus
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.events import Event
from services.paper_exchange.engine.records import Account, AlgoOrder, Income, Order, SymbolSettings, Trade
from services.paper_exchange.engine.requests import AlgoRequest, AmendRequest, OrderRequest, Window
from services.paper_exchange.engine.rules import SymbolRules
from services.paper_exchange.engine.state import State
from services.paper_exchange.engine.views import AccountView, MarketView, PositionView


class Engine:
    """The facade: one method per thing a client, the market or the clock can do."""

    def __init__(self, rules: Iterable[SymbolRules], config: EngineConfig | None = None) -> None:
        """Given the contracts listed, start an exchange with an empty account."""
        self._state = State(rules, config or EngineConfig())

    @classmethod
    def restore(cls, rules: Iterable[SymbolRules], rows: Rows, config: EngineConfig | None = None) -> "Engine":
        """Given all rows a store has kept, return the engine that wrote them.

        Markets are not rows: a symbol's prices are unknown until its next tick, and until then its positions count
        at their entry price.
        """
        engine = cls((), config)
        engine._state = restore.restore(rules, rows, config or EngineConfig())
        return engine

    # The outbox.
    def drain_events(self) -> list[Event]:
        """Return and forget what the user data stream has to say since the last drain, in order."""
        return self._state.outbox.drain_events()

    def drain_changes(self) -> Rows:
        """Return and forget the rows changed since the last drain, each row once, as it stands now."""
        return self._state.outbox.drain_changes(self._state.account_row())

    def snapshot(self) -> Rows:
        """Return every row kept: `restore(rules, snapshot())` is this engine."""
        return restore.snapshot(self._state)

    # The market and the clock.
    def on_tick(self, symbol: str, tick: Tick, now_ms: int) -> None:
        """Given the market's new state, match resting orders, trigger algo orders and liquidate what must be."""
        timers.advance(self._state, now_ms)
        ticking.on_tick(self._state, self._state.desk(symbol), tick)

    def exposed(self) -> list[str]:
        """Return the contracts, in the order listed, on which a tick can do something: those with a position, an open
        order or a waiting algo order."""
        return calm.exposed(self._state)

    def restless(self, ranges: Mapping[str, tuple[Decimal, Decimal]]) -> list[str]:
        """Given how low and high each exposed contract goes, return those whose ticks within that may do more than move
        marks: match or trigger an order, liquidate, call for margin. Ticks of the others do not."""
        return calm.restless(self._state, ranges)

    def advance(self, now_ms: int) -> None:
        """Given the clock, expire GTD orders and run out countdowns. Every other call does this first."""
        timers.advance(self._state, now_ms)

    def next_deadline_ms(self) -> int | None:
        """Return when `advance` has something to do next, or None."""
        return timers.next_deadline_ms(self._state)

    def apply_funding(self, symbol: str, rate: Decimal, mark: Decimal, now_ms: int) -> None:
        """Given the rate of a funding time, charge (long, rate > 0) or pay amount * mark * rate on the position."""
        desk = self._desk(symbol, now_ms)
        wallet.apply_funding(self._state, desk, rate, mark)
        aftermath.settle(self._state, desk)

    def set_status(self, symbol: str, status: SymbolStatus, now_ms: int) -> None:
        """Given a contract's new trading status, apply it; closing it expires its open orders. Raise -1121."""
        ticking.set_status(self._state, self._desk(symbol, now_ms), status)

    def adl(self, symbol: str, side: PositionSide, quantity: Decimal, now_ms: int) -> Order:
        """Given a quantity, take it off the position at the mark price as auto-deleveraging does."""
        desk = self._desk(symbol, now_ms)
        order = liquidation.deleverage(self._state, desk, side, quantity)
        aftermath.settle(self._state, desk)
        return order

    # Orders.
    def place_order(self, request: OrderRequest, now_ms: int) -> Order:
        """Given a new order, check, match and rest it; return it as it stands after matching.

        Raise ExchangeError with the code of the first check that fails (-5021 and -5022 included).
        """
        timers.advance(self._state, now_ms)
        return orders.place(self._state, request)

    def test_order(self, request: OrderRequest, now_ms: int) -> None:
        """Given a new order, run every check of `place_order` without placing it."""
        desk = self._desk(request.symbol, now_ms)
        admission.admit(self._state, desk, request)

    def amend_order(self, request: AmendRequest, now_ms: int) -> Order:
        """Given a new price and quantity, change an open limit order, which goes to the end of its queue.

        The order is cancelled instead where the new quantity is filled already or a GTX order would cross.
        """
        timers.advance(self._state, now_ms)
        return orders.amend(self._state, request)

    def cancel_order(
        self, symbol: str, now_ms: int, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> Order:
        """Cancel an open order. Raise -2011 where it is unknown or finished."""
        timers.advance(self._state, now_ms)
        return orders.cancel(self._state, symbol, order_id, client_order_id)

    def cancel_all(self, symbol: str, now_ms: int) -> list[Order]:
        """Cancel every open ordinary order of the symbol (algo orders stay)."""
        return orders.cancel_all(self._state, self._desk(symbol, now_ms))

    def countdown_cancel_all(self, symbol: str, countdown_ms: int, now_ms: int) -> None:
        """Set the dead man's switch: after `countdown_ms` without another call, cancel the symbol's orders; 0: off."""
        timers.advance(self._state, now_ms)
        timers.set_countdown(self._state, symbol, countdown_ms)

    def order(self, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None) -> Order:
        """Return an order by either id (the newest with that client id). Raise -2013 where there is none."""
        orders.require_id(order_id, client_order_id)
        order = self._state.desk(symbol).find(order_id, client_order_id)
        if order is None:
            raise refused(errors.NO_SUCH_ORDER)
        return order

    def open_order(self, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None) -> Order:
        """Return an open order by either id. Raise -2013 where there is none or it is finished."""
        order = self.order(symbol, order_id=order_id, client_order_id=client_order_id)
        if not order.is_open:
            raise refused(errors.NO_SUCH_ORDER)
        return order

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return open orders by ascending id."""
        return queries.open_orders(self._state, symbol)

    def all_orders(self, symbol: str | None, now_ms: int, window: Window, order_id: int | None = None) -> list[Order]:
        """Return orders by ascending id: from `order_id` on, or the newest of a window of at most 7 days."""
        timers.advance(self._state, now_ms)
        return queries.all_orders(self._state, symbol, window, order_id)

    def trades(
        self,
        symbol: str,
        now_ms: int,
        window: Window,
        *,
        order_id: int | None = None,
        from_id: int | None = None,
    ) -> list[Trade]:
        """Return trades by ascending id: from `from_id` on, or the oldest of a window of at most 7 days."""
        timers.advance(self._state, now_ms)
        return queries.trades(self._state, symbol, window, order_id, from_id)

    # Algo orders.
    def place_algo(self, request: AlgoRequest, now_ms: int) -> AlgoOrder:
        """Given a conditional order, check and keep it. Raise -2021 where it would trigger at once."""
        desk = self._desk(request.symbol, now_ms)
        good_till_ms = algo_admission.admit_algo(self._state, desk, request)
        return algos.keep_new(self._state, desk, request, good_till_ms)

    def cancel_algo(self, now_ms: int, *, algo_id: int | None = None, client_algo_id: str | None = None) -> AlgoOrder:
        """Cancel a waiting algo order. Raise -2011 where it is unknown or finished."""
        timers.advance(self._state, now_ms)
        return algos.cancel(self._state, algo_id, client_algo_id)

    def cancel_all_algos(self, symbol: str, now_ms: int) -> list[AlgoOrder]:
        """Cancel every waiting algo order of the symbol."""
        return algos.cancel_all(self._state, self._desk(symbol, now_ms))

    def algo(self, *, algo_id: int | None = None, client_algo_id: str | None = None) -> AlgoOrder:
        """Return an algo order by either id. Raise -2013 where there is none."""
        algo = algos.find(self._state, algo_id, client_algo_id)
        if algo is None:
            raise refused(errors.NO_SUCH_ORDER)
        return algo

    def open_algos(self, symbol: str | None = None) -> list[AlgoOrder]:
        """Return waiting algo orders by ascending id."""
        return queries.open_algos(self._state, symbol)

    def all_algos(self, symbol: str | None, now_ms: int, window: Window, algo_id: int | None = None) -> list[AlgoOrder]:
        """Return algo orders by ascending id: from `algo_id` on, or the newest of a window of at most 7 days."""
        timers.advance(self._state, now_ms)
        return queries.all_algos(self._state, symbol, window, algo_id)

    # The account.
    def transfer(self, amount: Decimal, now_ms: int) -> None:
        """Given an amount in USDT, deposit it (positive) or withdraw it. Raise -2018 beyond what may be withdrawn."""
        timers.advance(self._state, now_ms)
        wallet.transfer(self._state, amount)

    def positions(self, symbol: str | None = None, *, all_symbols: bool = False) -> list[PositionView]:
        """Return positions that are open or have open orders (v3); with `all_symbols`, one of every contract (v2)."""
        return valuation.positions(self._state, symbol, all_symbols=all_symbols)

    def open_positions(self) -> list[tuple[str, Decimal, Decimal]]:
        """Return contract, signed amount and entry price of every open position, whatever they are worth."""
        held = (holding.position for holding in self._state.live.values())
        return [(position.symbol, position.amount, position.entry_price) for position in held]

    def account(self) -> AccountView:
        """Return the account's sums at the mark prices."""
        return valuation.account(self._state)

    def account_row(self) -> Account:
        """Return the account's modes and wallet."""
        return self._state.account_row()

    def income(
        self, now_ms: int, window: Window, *, symbol: str | None = None, income_type: IncomeType | None = None
    ) -> list[Income]:
        """Return wallet changes by ascending time: the oldest from `start_ms` on, or the newest of 7 days."""
        timers.advance(self._state, now_ms)
        return queries.income(self._state, window, symbol, income_type)

    def settings(self, symbol: str) -> SymbolSettings:
        """Return leverage and margin type of a contract. Raise -1121 for an unknown symbol."""
        return self._state.desk(symbol).settings

    def set_leverage(self, symbol: str, leverage: int, now_ms: int) -> SymbolSettings:
        """Set a contract's leverage. Raise -4028, -2027, -2028 or -4161 where it is not allowed.

        `rules(symbol).max_notional(leverage)` is the answer's maxNotionalValue.
        """
        return choices.set_leverage(self._state, self._desk(symbol, now_ms), leverage)

    def set_margin_type(self, symbol: str, margin_type: MarginType, now_ms: int) -> SymbolSettings:
        """Set a contract's margin type. Raise -4046, -4047, -4048 or -4168."""
        return choices.set_margin_type(self._state, self._desk(symbol, now_ms), margin_type)

    def set_position_mode(self, now_ms: int, *, dual_side: bool) -> None:
        """Set hedge mode on or off. Raise -4059, -4067 or -4068."""
        timers.advance(self._state, now_ms)
        choices.set_position_mode(self._state, dual_side=dual_side)

    def set_multi_assets(self, now_ms: int, *, enabled: bool) -> None:
        """Set the multi-assets mode (a flag: the account holds USDT only). Raise -4167, -4170 or -4171."""
        timers.advance(self._state, now_ms)
        choices.set_multi_assets(self._state, enabled=enabled)

    def modify_isolated_margin(self, symbol: str, side: PositionSide, amount: Decimal, now_ms: int) -> None:
        """Move `amount` (signed, USDT) from the wallet to an isolated position. Raise -4049, -4050, -4051 or -4054."""
        wallet.modify_isolated_margin(self._state, self._desk(symbol, now_ms), side, amount)

    # What is listed.
    def rules(self, symbol: str) -> SymbolRules:
        """Return a contract's rules. Raise -1121 for an unknown symbol."""
        return self._state.desk(symbol).rules

    def symbols(self) -> Mapping[str, SymbolRules]:
        """Return all contracts by name, in the order listed."""
        return {symbol: desk.rules for symbol, desk in self._state.desks.items()}

    def market(self, symbol: str) -> MarketView:
        """Return the symbol's book, as far as it is not consumed, and its prices."""
        return valuation.market(self._state.desk(symbol))

    def _desk(self, symbol: str, now_ms: int) -> Desk:
        timers.advance(self._state, now_ms)
        return self._state.desk(symbol)
