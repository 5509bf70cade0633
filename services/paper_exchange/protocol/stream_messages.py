"""The messages of public streams."""

from typing import Any

from services.paper_exchange.engine.records import Order
from services.paper_exchange.market.bars import Bar, decimal_text
from services.paper_exchange.market.catalogue import Listing
from services.paper_exchange.market.prices import Book
from services.paper_exchange.market.quote import PRICE_SCALE, Quote
from services.paper_exchange.protocol.numbers import e8, short
from services.paper_exchange.tape import PublicTrade

USDT_MARGINED = 1  # field `st`


def kline_message(listing: Listing, interval: str, bar: Bar, now_ms: int, *, closed: bool) -> dict[str, Any]:
    """Given a bar of an interval, return the message of its kline stream."""
    return {"e": "kline", "E": now_ms, "s": listing.symbol, "k": _kline(listing, interval, bar, closed=closed)}


def continuous_kline_message(listing: Listing, interval: str, bar: Bar, now_ms: int, *, closed: bool) -> dict[str, Any]:
    """Given a bar of an interval, return the message of its continuous kline stream."""
    kline = _kline(listing, interval, bar, closed=closed)
    del kline["s"]
    return {"e": "continuous_kline", "E": now_ms, "ps": listing.symbol, "ct": "PERPETUAL", "k": kline}


def _kline(listing: Listing, interval: str, bar: Bar, *, closed: bool) -> dict[str, Any]:
    price, quantity = listing.price_decimals, listing.quantity_decimals
    first = bar.open_ms
    return {
        "t": bar.open_ms,
        "T": bar.close_ms,
        "s": listing.symbol,
        "i": interval,
        "f": first,
        "L": first + max(bar.trades - 1, 0),
        "o": decimal_text(bar.open, price),
        "c": decimal_text(bar.close, price),
        "h": decimal_text(bar.high, price),
        "l": decimal_text(bar.low, price),
        "v": decimal_text(bar.volume, quantity),
        "n": bar.trades,
        "x": closed,
        "q": decimal_text(bar.quote_volume, price + quantity),
        "V": decimal_text(bar.taker_volume, quantity),
        "Q": decimal_text(bar.taker_quote_volume, price + quantity),
        "B": "0",
    }


def mark_price_message(quote: Quote, funding: tuple[int, str], now_ms: int) -> dict[str, Any]:
    """Given a symbol's present and its next funding (time, rate), return the message of its mark price stream."""
    mark = decimal_text(quote.mark_e8, PRICE_SCALE)
    index = decimal_text(quote.index_e8, PRICE_SCALE)
    return {
        "e": "markPriceUpdate",
        "E": now_ms,
        "s": quote.symbol,
        "p": mark,
        "ap": mark,
        "i": index,
        "P": index,
        "r": funding[1],
        "T": funding[0],
        "st": USDT_MARGINED,
    }


def book_ticker_message(listing: Listing, quote: Quote, book: Book, now_ms: int) -> dict[str, Any]:
    """Given a symbol's present and its book, return the message of its book ticker stream."""
    bid, ask = book.bids[0], book.asks[0]
    return {
        "e": "bookTicker",
        "u": quote.update_id,
        "E": now_ms,
        "T": now_ms,
        "s": quote.symbol,
        "ps": quote.symbol,
        "b": decimal_text(bid[0], listing.price_decimals),
        "B": decimal_text(bid[1], listing.quantity_decimals),
        "a": decimal_text(ask[0], listing.price_decimals),
        "A": decimal_text(ask[1], listing.quantity_decimals),
        "st": USDT_MARGINED,
    }


def aggregate_trade_message(listing: Listing, trade: PublicTrade, now_ms: int) -> dict[str, Any]:
    """Given a public trade, return the message of its aggregate trade stream."""
    quantity = decimal_text(trade.quantity, listing.quantity_decimals)
    return {
        "e": "aggTrade",
        "E": now_ms,
        "s": listing.symbol,
        "a": trade.trade_id,
        "p": decimal_text(trade.price, listing.price_decimals),
        "q": quantity,
        "nq": quantity,
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.time_ms,
        "m": trade.buyer_is_maker,
        "st": USDT_MARGINED,
    }


def depth_message(listing: Listing, levels: Book, ids: tuple[int, int], now_ms: int) -> dict[str, Any]:
    """Given levels to show and the update numbers (the last before, this), return the message of a depth stream."""
    before, last = ids
    return {
        "e": "depthUpdate",
        "E": now_ms,
        "T": now_ms,
        "s": listing.symbol,
        "ps": listing.symbol,
        "U": before + 1,
        "u": last,
        "pu": before,
        "b": _levels(listing, levels.bids),
        "a": _levels(listing, levels.asks),
        "st": USDT_MARGINED,
    }


def book_difference(before: Book | None, after: Book) -> Book:
    """Given a book before and after, return what a difference stream tells: levels gone as zeros, then all new ones."""
    if before is None:
        return after
    return Book(_side_difference(before.bids, after.bids), _side_difference(before.asks, after.asks))


def _side_difference(
    before: tuple[tuple[int, int], ...], after: tuple[tuple[int, int], ...]
) -> tuple[tuple[int, int], ...]:
    kept = {price for price, _ in after}
    return tuple((price, 0) for price, _ in before if price not in kept) + after


def _levels(listing: Listing, side: tuple[tuple[int, int], ...]) -> list[list[str]]:
    price, quantity = listing.price_decimals, listing.quantity_decimals
    return [[decimal_text(level[0], price), decimal_text(level[1], quantity)] for level in side]


def ticker_message(listing: Listing, bar: Bar, now_ms: int, *, mini: bool) -> dict[str, Any]:
    """Given the last day as one bar, return the message of a ticker stream."""
    price, quantity = listing.price_decimals, listing.quantity_decimals
    message: dict[str, Any] = {
        "e": "24hrMiniTicker" if mini else "24hrTicker",
        "E": now_ms,
        "s": listing.symbol,
        "c": decimal_text(bar.close, price),
        "o": decimal_text(bar.open, price),
        "h": decimal_text(bar.high, price),
        "l": decimal_text(bar.low, price),
        "v": decimal_text(bar.volume, quantity),
        "q": decimal_text(bar.quote_volume, price + quantity),
    }
    if not mini:
        mean = bar.quote_volume // bar.volume if bar.volume else bar.close
        message |= {
            "p": decimal_text(bar.close - bar.open, price),
            "P": decimal_text((bar.close - bar.open) * 100_000 // bar.open, 3),
            "w": decimal_text(mean, price),
            "O": bar.open_ms,
            "C": bar.close_ms,
            "n": bar.trades,
        }
    return message


def forced_order_message(order: Order, now_ms: int) -> dict[str, Any]:
    """Given a liquidation order that traded, return the message of the liquidation stream."""
    return {
        "e": "forceOrder",
        "E": now_ms,
        "o": {
            "s": order.symbol,
            "S": order.side,
            "o": "LIMIT",
            "f": order.time_in_force,
            "q": short(order.orig_qty),
            "p": short(order.price),
            "ap": e8(order.avg_price),
            "X": order.status,
            "l": short(order.executed_qty),
            "z": short(order.executed_qty),
            "T": order.update_ms,
        },
    }
