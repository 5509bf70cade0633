"""Who listens to what: public streams by symbol, user data by listen key."""

from collections.abc import Callable
from typing import Any

import orjson

from services.paper_exchange.engine.records import Order
from services.paper_exchange.faults import FaultKind, FaultMenu
from services.paper_exchange.market.bars import Bar
from services.paper_exchange.market.intervals import interval_bounds
from services.paper_exchange.market.market import Market
from services.paper_exchange.market.prices import Book
from services.paper_exchange.market.quote import Quote
from services.paper_exchange.protocol import stream_messages as messages
from services.paper_exchange.protocol.feed import Feed
from services.paper_exchange.protocol.numbers import e8
from services.paper_exchange.protocol.streams import Stream
from services.paper_exchange.tape import PublicTrade

SLOW_BEAT = 3  # seconds between two messages of a mark price stream without @1s
_CLOCKED = frozenset({"markPrice", "markPriceArray", "miniTicker", "ticker", "miniTickerArray", "tickerArray"})
_KLINES: dict[str, Callable[..., dict[str, Any]]] = {
    "kline": messages.kline_message,
    "continuousKline": messages.continuous_kline_message,
}


class Broadcast:
    """Sends market and user messages to the sockets that asked for them; builds none that nobody reads."""

    def __init__(self, market: Market, menu: FaultMenu) -> None:
        self._market = market
        self._menu = menu
        self._streams: dict[str, dict[Stream, set[Feed]]] = {}
        self._books: dict[str, tuple[int, Book]] = {}
        self._beats = 0
        self.feeds: set[Feed] = set()

    def subscribe(self, feed: Feed, stream: Stream) -> None:
        """Given a socket and a stream, send it that stream's messages from now on."""
        self._streams.setdefault(stream.symbol, {}).setdefault(stream, set()).add(feed)

    def unsubscribe(self, feed: Feed, stream: Stream) -> None:
        """Given a socket and a stream, send it no more of its messages."""
        streams = self._streams.get(stream.symbol, {})
        feeds = streams.get(stream, set())
        feeds.discard(feed)
        if not feeds:
            streams.pop(stream, None)

    def forget(self, feed: Feed) -> None:
        """Given a socket that is gone, forget all it listened to."""
        self.feeds.discard(feed)
        for streams in self._streams.values():
            for stream in [stream for stream, feeds in streams.items() if feed in feeds]:
                streams[stream].discard(feed)
                if not streams[stream]:
                    del streams[stream]

    def user(self, key: str, kind: str, text: bytes) -> None:
        """Given a listen key, an event's type and its text, send it to whoever holds the key."""
        for feed in list(self.feeds):
            if key in feed.listen_keys and (not feed.events or kind in feed.events) and not self._silent(feed):
                feed.push_stream(key, text)

    def listen_key_expired(self, key: str, now_ms: int) -> None:
        """Given a listen key that ended, tell those who hold it, and send them nothing more."""
        text = orjson.dumps({"e": "listenKeyExpired", "E": now_ms, "listenKey": key})
        for feed in list(self.feeds):
            if key in feed.listen_keys:
                feed.push_stream(key, text)
                feed.listen_keys.discard(key)

    def tick(self, quote: Quote, trade: PublicTrade, now_ms: int) -> None:
        """Given a symbol's present and the trade that made it, tell those who listen."""
        streams = self._streams.get(quote.symbol)
        if streams:
            for stream, feeds in list(streams.items()):
                if stream.kind not in _CLOCKED:
                    self._send(stream, feeds, self._tick_message(stream, quote, trade, now_ms))
            self._books[quote.symbol] = (quote.update_id, quote.book())
        for stream, feeds in list(self._streams.get("", {}).items()):
            if stream.kind == "bookTicker":
                self._send(stream, feeds, self._tick_message(stream, quote, trade, now_ms))

    def bar_closed(self, symbol: str, bar: Bar, now_ms: int) -> None:
        """Given a minute that is over, close the klines that end with it."""
        for stream, feeds in list(self._streams.get(symbol, {}).items()):
            build = _KLINES.get(stream.kind)
            if build is None or interval_bounds(stream.argument, bar.open_ms)[1] != bar.close_ms:
                continue
            whole = self._market.running(symbol, stream.argument, bar.open_ms)
            if whole is not None:
                listing = self._market.listings[symbol]
                self._send(stream, feeds, build(listing, stream.argument, whole, now_ms, closed=True))

    def forced(self, order: Order, now_ms: int) -> None:
        """Given a liquidation order that traded, tell those who listen to liquidations."""
        for symbol in (order.symbol, ""):
            for stream, feeds in list(self._streams.get(symbol, {}).items()):
                if stream.kind == "forceOrder":
                    self._send(stream, feeds, messages.forced_order_message(order, now_ms))

    def beat(self, now_ms: int) -> None:
        """Once a second: send the streams that go by the clock."""
        self._beats += 1
        for symbol, streams in list(self._streams.items()):
            for stream, feeds in list(streams.items()):
                if stream.kind not in _CLOCKED or (stream.argument == "3s" and self._beats % SLOW_BEAT):
                    continue
                symbols = [symbol] if symbol else list(self._market.listings)
                found = [
                    self._clocked_message(stream, name, now_ms) for name in symbols if name in self._market.listings
                ]
                if found:
                    self._send(stream, feeds, found[0] if symbol else found)

    def _tick_message(self, stream: Stream, quote: Quote, trade: PublicTrade, now_ms: int) -> dict[str, Any] | None:
        listing = self._market.listings[quote.symbol]
        match stream.kind:
            case "kline" | "continuousKline":
                open_ms = quote.bars.first_open_ms + quote.index * 60_000
                bar = self._market.running(quote.symbol, stream.argument, open_ms)
                if bar is None:
                    return None
                return _KLINES[stream.kind](listing, stream.argument, bar, now_ms, closed=False)
            case "bookTicker":
                return messages.book_ticker_message(listing, quote, quote.book(), now_ms)
            case "aggTrade":
                return messages.aggregate_trade_message(listing, trade, now_ms)
            case "partialDepth":
                count = int(stream.argument)
                book = Book(quote.book().bids[:count], quote.book().asks[:count])
                return messages.depth_message(listing, book, (quote.update_id - 1, quote.update_id), now_ms)
            case "depth":
                before_id, before = self._books.get(quote.symbol, (quote.update_id - 1, None))
                levels = messages.book_difference(before, quote.book())
                return messages.depth_message(listing, levels, (before_id, quote.update_id), now_ms)
            case _:
                return None

    def _clocked_message(self, stream: Stream, symbol: str, now_ms: int) -> dict[str, Any]:
        if stream.kind.startswith("markPrice"):
            due_ms, rate = self._market.next_funding(symbol)
            return messages.mark_price_message(self._market.quotes[symbol], (due_ms, e8(rate)), now_ms)
        mini = stream.kind.startswith("mini")
        return messages.ticker_message(self._market.listings[symbol], self._market.last_day(symbol), now_ms, mini=mini)

    def _send(self, stream: Stream, feeds: set[Feed], message: Any) -> None:
        if message is None:
            return
        text = orjson.dumps(message)
        for feed in list(feeds):
            if not self._silent(feed):
                feed.push_stream(stream.name, text)

    def _silent(self, feed: Feed) -> bool:
        return self._menu.standing(FaultKind.WS_SILENCE, feed.now_ms()) is not None
