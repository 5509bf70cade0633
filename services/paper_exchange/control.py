"""The control path `/paper/...`, for testers on the same machine: faults, the market's hand, and the truth.

Nothing here exists on the real exchange, so nothing a client of the exchange needs may live here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from ipaddress import ip_address
from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.paper_exchange.engine.enums import OrderType, PositionSide, Side, SymbolStatus, TimeInForce
from services.paper_exchange.engine.errors import ExchangeError
from services.paper_exchange.engine.requests import OrderRequest
from services.paper_exchange.engine_feed import engine_tick
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.faults import IMMEDIATE_KINDS, FaultKind, FaultOrder
from services.paper_exchange.market.bars import decimal_text
from services.paper_exchange.protocol.broadcast import Broadcast

PREFIX = "/paper/"
FOREIGN_PREFIX = "web_"  # what the exchange's own web page puts before a manual order's id
B = TypeVar("B", bound=BaseModel)


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MarketOrder(_Body):
    """What the market is to do: `price` or `jump_bps` for a symbol, `funding` for a symbol, `paused` for all, or
    `until_ms`: run up to that market time, and stand there."""

    symbol: str | None = None
    price: Decimal | None = Field(default=None, gt=0, lt=10**9)
    jump_bps: int | None = None
    funding: Decimal | None = Field(default=None, description="a rate, charged now")
    status: SymbolStatus | None = None
    paused: bool | None = None
    until_ms: int | None = Field(default=None, gt=0)


class ForeignTrade(_Body):
    """An order by another hand on the same account."""

    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal | None = None
    reduce_only: bool | None = None
    position_side: PositionSide = PositionSide.BOTH
    client_order_id: str | None = None


class Transfer(_Body):
    """A deposit (positive) or withdrawal in USDT."""

    amount: Decimal


class Closing(_Body):
    """A position to be liquidated or auto-deleveraged; a quantity is for the latter."""

    symbol: str
    position_side: PositionSide = PositionSide.BOTH
    quantity: Decimal | None = None


class Refused(Exception):
    """A control request that cannot be done; the text says why."""


@dataclass(slots=True)
class Control:
    """Answers the control path of one exchange."""

    exchange: Exchange
    broadcast: Broadcast

    def answer(self, remote: str | None, method: str, path: str, body: bytes) -> web.Response:
        """Given who asks, a method, a path and a body, do it and answer. Strangers get 403."""
        if remote is None or not ip_address(remote).is_loopback:
            return _json({"error": "the control path is for this machine alone"}, 403)
        routes: dict[tuple[str, str], Callable[[bytes], Any]] = {
            ("POST", "faults"): self._lay_fault,
            ("GET", "faults"): lambda _: [fault.shown() for fault in self.exchange.menu.all()],
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "market"): self._move_market,
            ("POST", "trade"): self._trade,
            ("POST", "transfer"): self._transfer,
            ("POST", "liquidate"): self._liquidate,
            ("POST", "adl"): self._deleverage,
            ("GET", "state"): lambda _: self._state(),
        }
        route = routes.get((method, path.removeprefix(PREFIX)))
        if route is None:
            known = ", ".join(f"{verb} {PREFIX}{name}" for verb, name in routes)
            return _json({"error": f"no such control; there are: {known}"}, 404)
        try:
            return _json(route(body), 200)
        except (Refused, ExchangeError, ValidationError) as error:
            return _json({"error": str(error)}, 400)
        finally:
            self.exchange.settle()

    def _lay_fault(self, body: bytes) -> dict[str, Any]:
        order = _parse(FaultOrder, body)
        now_ms = self.exchange.now_ms()
        if order.kind is FaultKind.LATE_READS:
            self.exchange.past.forget()
            self.exchange.past.note(now_ms)
        fault = self.exchange.menu.lay(order, now_ms)
        if order.kind in IMMEDIATE_KINDS:
            fault.struck = 1
            self._strike_now(order)
        return fault.shown()

    def _strike_now(self, order: FaultOrder) -> None:
        if order.kind is FaultKind.LISTEN_KEY_EXPIRED:
            key = self.exchange.listen_keys.close()
            if key is not None:
                self.exchange.expire_listen_key(key)
            return
        for feed in list(self.broadcast.feeds):
            is_user = bool(feed.listen_keys)
            if order.path is None or (order.path == "/private") == is_user:
                feed.cut()

    def _clear_faults(self, _: bytes) -> list[Any]:
        self.exchange.menu.clear()
        self.exchange.past.forget()
        return []

    def _move_market(self, body: bytes) -> dict[str, Any]:
        order = _parse(MarketOrder, body)
        market = self.exchange.market
        if order.paused is not None and not market.ended:
            market.clock.advance(self.exchange.now_ms())
            market.clock.paused = order.paused
            self.exchange.save_position()
        if order.until_ms is not None and not market.ended:
            market.clock.until_ms, market.clock.paused = order.until_ms, False
        if order.symbol is None:
            if order.price is not None or order.jump_bps is not None or order.funding is not None or order.status:
                raise Refused("give the symbol whose price, funding or status it is")
            return self._market_state()
        quote = market.quotes[self._listed(order.symbol)]
        if order.status is not None:
            self.exchange.engine.set_status(order.symbol, order.status, self.exchange.now_ms())
        if order.price is not None or order.jump_bps is not None:
            unit = Decimal(1).scaleb(-quote.bars.price_decimals)
            scaled = int(order.price / unit) if order.price is not None else quote.last
            scaled += scaled * (order.jump_bps or 0) // 10_000
            quote.jump(max(scaled, 1))
            self.exchange.retick(order.symbol)
        if order.funding is not None:
            mark = engine_tick(quote).mark
            self.exchange.engine.apply_funding(order.symbol, order.funding, mark, self.exchange.now_ms())
        self.exchange.save_position()
        return self._market_state()

    def _trade(self, body: bytes) -> Any:
        order = _parse(ForeignTrade, body)
        now_ms = self.exchange.now_ms()
        request = OrderRequest(
            symbol=self._listed(order.symbol),
            side=order.side,
            type=OrderType.MARKET if order.price is None else OrderType.LIMIT,
            quantity=order.quantity,
            price=order.price,
            time_in_force=None if order.price is None else TimeInForce.GTC,
            position_side=order.position_side,
            reduce_only=order.reduce_only,
            client_order_id=order.client_order_id or f"{FOREIGN_PREFIX}{now_ms}",
        )
        return self.exchange.engine.place_order(request, now_ms)

    def _transfer(self, body: bytes) -> Any:
        self.exchange.engine.transfer(_parse(Transfer, body).amount, self.exchange.now_ms())
        return self.exchange.engine.account()

    def _liquidate(self, body: bytes) -> Any:
        """Take the market just beyond the position's liquidation price."""
        order = _parse(Closing, body)
        quote = self.exchange.market.quotes[self._listed(order.symbol)]
        views = [v for v in self.exchange.engine.positions(order.symbol) if v.side is order.position_side and v.amount]
        if not views or not views[0].liquidation_price:
            raise Refused(f"{order.symbol} has no position with a liquidation price")
        view = views[0]
        unit = Decimal(1).scaleb(-quote.bars.price_decimals)
        rounding, beyond = (ROUND_FLOOR, -1) if view.amount > 0 else (ROUND_CEILING, 1)
        price = int((view.liquidation_price / unit).to_integral_value(rounding)) + beyond
        quote.jump(max(price, 1))
        self.exchange.retick(order.symbol)
        self.exchange.save_position()
        return self.exchange.engine.positions(order.symbol, all_symbols=True)

    def _deleverage(self, body: bytes) -> Any:
        order = _parse(Closing, body)
        if order.quantity is None:
            raise Refused("give the quantity to take off the position")
        side = order.position_side
        return self.exchange.engine.adl(self._listed(order.symbol), side, order.quantity, self.exchange.now_ms())

    def _listed(self, symbol: str) -> str:
        if symbol not in self.exchange.market.listings:
            raise Refused(f"{symbol} is not listed here")
        return symbol

    def _market_state(self) -> dict[str, Any]:
        market = self.exchange.market
        return {
            "market_ms": market.clock.market_ms,
            "speed": market.clock.speed,
            "paused": market.clock.paused,
            "ended": market.ended,
            "prices": {
                symbol: decimal_text(quote.last, quote.bars.price_decimals) for symbol, quote in market.quotes.items()
            },
        }

    def _state(self) -> dict[str, Any]:
        """Everything there is, for checkers: rows as the store keeps them, and the views computed from them."""
        engine = self.exchange.engine
        keys = self.exchange.listen_keys.current
        return {
            "now_ms": self.exchange.now_ms(),
            "market": self._market_state(),
            "account": engine.account(),
            "positions": engine.positions(),
            "rows": self.exchange.store.load() if self.exchange.store.keeps else engine.snapshot(),
            "listen_key": {"key": keys.key, "expires_ms": keys.expires_ms} if keys is not None else None,
            "websockets": [
                {"user": bool(feed.listen_keys), "streams": sorted(feed.streams)} for feed in self.broadcast.feeds
            ],
        }


def _parse(kind: type[B], body: bytes) -> B:
    return kind.model_validate_json(body or b"{}")


def _json(value: Any, status: int) -> web.Response:
    return web.Response(body=orjson.dumps(value, default=str), status=status, content_type="application/json")
