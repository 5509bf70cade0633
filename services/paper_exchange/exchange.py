"""The exchange as one thing: engine, market, store and streams, kept in step.

Whatever changes the engine ends in `settle`: first the rows are on disk, then the events go out, then the
answer. Everything here runs in one thread, a call at a time, so nothing is ever seen half done.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

import orjson

from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import ExecType
from services.paper_exchange.engine.events import OrderUpdate
from services.paper_exchange.engine.records import Order
from services.paper_exchange.engine_feed import engine_tick
from services.paper_exchange.faults import FaultKind, FaultMenu
from services.paper_exchange.listen_keys import ListenKey, ListenKeys
from services.paper_exchange.market.bars import Bar
from services.paper_exchange.market.market import BarClosed, FundingDue, Market, MarketEnded, MarketPosition, Tick
from services.paper_exchange.market.quote import Quote
from services.paper_exchange.past import Past
from services.paper_exchange.protocol.user_events import event_message, event_symbol
from services.paper_exchange.store import Store
from services.paper_exchange.tape import PublicTrade, Tape
from services.paper_exchange.user_stream import UserMessage, UserStream

MARKET_FACT, LISTEN_KEY_FACT = "market", "listen_key"


class Audience(Protocol):
    """Who listens to the market: the websocket side."""

    def tick(self, quote: Quote, trade: PublicTrade, now_ms: int) -> None:
        """Given a symbol's present and the trade that made it, tell those who listen."""

    def bar_closed(self, symbol: str, bar: Bar, now_ms: int) -> None:
        """Given a minute that is over, tell those who listen to its klines."""

    def listen_key_expired(self, key: str, now_ms: int) -> None:
        """Given a listen key that ended, tell those who hold it."""

    def forced(self, order: Order, now_ms: int) -> None:
        """Given a liquidation order that traded, tell those who listen to liquidations."""


@dataclass(slots=True)
class Exchange:
    """All parts of one paper exchange."""

    engine: Engine
    market: Market
    store: Store
    menu: FaultMenu
    stream: UserStream
    audience: Audience
    listen_keys: ListenKeys
    past: Past
    tape: Tape
    clock: Callable[[], int]
    on_end: Callable[[int], None]
    origin_ms: int
    identity: str
    key_withdraws: bool = False
    _last_ms: int = 0
    _saved_position: bytes = b""

    def now_ms(self) -> int:
        """Return the exchange's clock, which never goes back."""
        self._last_ms = max(self._last_ms, self.clock())
        return self._last_ms

    def gateway_ms(self) -> int:
        """Return the time the gateway shows and checks timestamps by: the clock, and its skew while one is laid."""
        now_ms = self.now_ms()
        skew = self.menu.standing(FaultKind.CLOCK_SKEW, now_ms)
        return now_ms + skew.skew_ms if skew is not None else now_ms

    def settle(self) -> None:
        """Write what changed, then send what is to be said of it."""
        rows = self.engine.drain_changes()
        events = self.engine.drain_events()
        self.store.save(rows)
        now_ms = self.now_ms()
        if rows and self.menu.standing(FaultKind.LATE_READS, now_ms) is not None:
            self.past.note(now_ms)
        for event in events:
            if isinstance(event, OrderUpdate) and event.exec_type is ExecType.CALCULATED:
                self.audience.forced(event.order, now_ms)
        if events:
            messages = [event_message(event, now_ms) for event in events]
            self.stream.publish(
                [
                    UserMessage(message["e"], event_symbol(event), message)
                    for event, message in zip(events, messages, strict=True)
                ],
                now_ms,
            )

    def play(self) -> Iterator[None]:
        """Play the market up to now, yielding after each tick so that requests may come in between."""
        wall_ms = self.now_ms()
        for event in self.market.advance(wall_ms):
            now_ms = self.now_ms()
            match event:
                case Tick():
                    self.engine.on_tick(event.quote.symbol, engine_tick(event.quote), now_ms)
                    self.settle()
                    self.audience.tick(event.quote, self.tape.add(event.quote, now_ms), now_ms)
                    yield
                case BarClosed():
                    self.audience.bar_closed(event.symbol, event.bar, now_ms)
                case FundingDue():
                    tick = engine_tick(self.market.quotes[event.symbol])
                    self.engine.apply_funding(event.symbol, event.rate, tick.mark, now_ms)
                    self.settle()
                case MarketEnded():
                    self.on_end(event.market_ms)
                case _:
                    assert_never(event)
        self.engine.advance(self.now_ms())
        self.settle()
        self._end_listen_key()
        self.save_position()

    def retick(self, symbol: str | None = None) -> None:
        """Given a symbol, or none for all, hand its present to the engine again."""
        for quote in self.market.quotes.values() if symbol is None else (self.market.quotes[symbol],):
            now_ms = self.now_ms()
            self.engine.on_tick(quote.symbol, engine_tick(quote), now_ms)
            self.audience.tick(quote, self.tape.add(quote, now_ms), now_ms)
        self.settle()

    def save_position(self) -> None:
        """Write where the market is, so that a restart goes on from there."""
        text = orjson.dumps(self.market.position(self.identity, self.origin_ms))
        if text != self._saved_position:
            self._saved_position = text
            self.store.save_facts({MARKET_FACT: text})

    def save_listen_key(self) -> None:
        """Write the listen key, so that it outlives a restart."""
        current = self.listen_keys.current
        self.store.save_facts({LISTEN_KEY_FACT: orjson.dumps(list(current) if current is not None else None)})

    def _end_listen_key(self) -> None:
        now_ms = self.now_ms()
        key = self.listen_keys.expired(now_ms)
        if key is not None:
            self.expire_listen_key(key)

    def expire_listen_key(self, key: str) -> None:
        """Given a key that has ended, write that down and tell who holds it."""
        self.save_listen_key()
        self.audience.listen_key_expired(key, self.now_ms())


def read_position(facts: dict[str, bytes]) -> MarketPosition | None:
    """Given the store's facts, return where the market was, or None on a first start."""
    text = facts.get(MARKET_FACT)
    return MarketPosition(**orjson.loads(text)) if text is not None else None


def read_listen_key(facts: dict[str, bytes]) -> ListenKey | None:
    """Given the store's facts, return the listen key, or None."""
    value: Any = orjson.loads(facts.get(LISTEN_KEY_FACT, b"null"))
    return ListenKey(*value) if value is not None else None
