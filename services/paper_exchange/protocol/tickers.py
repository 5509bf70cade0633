"""The endpoints of the present: last, mark and best prices, and the last day."""

from typing import Any

from services.paper_exchange.market.bars import decimal_text
from services.paper_exchange.market.quote import PRICE_SCALE
from services.paper_exchange.protocol.endpoint import Call, Symbol, by_symbol, open_endpoint
from services.paper_exchange.protocol.numbers import e8


def premium_index(call: Call) -> Any:
    """GET premiumIndex."""
    return _one_or_all(call, _premium)


def book_ticker(call: Call) -> Any:
    """GET ticker/bookTicker."""
    return _one_or_all(call, _book_ticker)


def price_ticker(call: Call) -> Any:
    """GET ticker/price."""
    return _one_or_all(call, _price)


def day_ticker(call: Call) -> Any:
    """GET ticker/24hr."""
    return _one_or_all(call, day_row)


def day_row(call: Call, symbol: str) -> dict[str, Any]:
    """Given a symbol, return its row of ticker/24hr."""
    market = call.exchange.market
    listing, bar, quote = market.listings[symbol], market.last_day(symbol), market.quotes[symbol]
    price, quantity = listing.price_decimals, listing.quantity_decimals
    mean = bar.quote_volume // bar.volume if bar.volume else bar.close
    change_e3 = (bar.close - bar.open) * 100_000 // bar.open
    return {
        "symbol": symbol,
        "priceChange": decimal_text(bar.close - bar.open, price),
        "priceChangePercent": decimal_text(change_e3, 3),
        "weightedAvgPrice": decimal_text(mean, price),
        "lastPrice": decimal_text(bar.close, price),
        "lastQty": decimal_text(quote.tick_volume(), quantity),
        "openPrice": decimal_text(bar.open, price),
        "highPrice": decimal_text(bar.high, price),
        "lowPrice": decimal_text(bar.low, price),
        "volume": decimal_text(bar.volume, quantity),
        "quoteVolume": decimal_text(bar.quote_volume, price + quantity),
        "openTime": bar.open_ms,
        "closeTime": min(bar.close_ms, market.clock.market_ms),
        "firstId": quote.update_id - bar.trades,
        "lastId": quote.update_id,
        "count": bar.trades,
    }


def _one_or_all(call: Call, row: Any) -> Any:
    symbol = call.params.text("symbol")
    if symbol is not None:
        return row(call, symbol)
    return [row(call, name) for name in call.exchange.market.listings]


def _premium(call: Call, symbol: str) -> dict[str, Any]:
    market = call.exchange.market
    quote = market.quotes[symbol]
    due_ms, rate = market.next_funding(symbol)
    return {
        "symbol": symbol,
        "markPrice": decimal_text(quote.mark_e8, PRICE_SCALE),
        "indexPrice": decimal_text(quote.index_e8, PRICE_SCALE),
        "estimatedSettlePrice": decimal_text(quote.index_e8, PRICE_SCALE),
        "lastFundingRate": e8(rate),
        "interestRate": "0.00010000",
        "nextFundingTime": due_ms,
        "time": call.now_ms,
    }


def _book_ticker(call: Call, symbol: str) -> dict[str, Any]:
    view = call.exchange.engine.market(symbol)
    digits = call.rules(symbol).price_precision
    bid, ask = (view.bids or ((None, None),))[0], (view.asks or ((None, None),))[0]
    return {
        "symbol": symbol,
        "bidPrice": f"{bid[0] or 0:.{digits}f}",
        "bidQty": f"{bid[1] or 0:f}",
        "askPrice": f"{ask[0] or 0:.{digits}f}",
        "askQty": f"{ask[1] or 0:f}",
        "time": call.now_ms,
        "lastUpdateId": call.exchange.market.quotes[symbol].update_id,
    }


def _price(call: Call, symbol: str) -> dict[str, Any]:
    quote = call.exchange.market.quotes[symbol]
    return {"symbol": symbol, "price": decimal_text(quote.last, quote.bars.price_decimals), "time": call.now_ms}


ENDPOINTS = (
    open_endpoint("/fapi/v1/premiumIndex", premium_index, by_symbol(1, 10), Symbol.OPTIONAL),
    open_endpoint("/fapi/v1/ticker/bookTicker", book_ticker, by_symbol(2, 5), Symbol.OPTIONAL),
    open_endpoint("/fapi/v1/ticker/price", price_ticker, by_symbol(1, 2), Symbol.OPTIONAL),
    open_endpoint("/fapi/v2/ticker/price", price_ticker, by_symbol(1, 2), Symbol.OPTIONAL),
    open_endpoint("/fapi/v1/ticker/24hr", day_ticker, by_symbol(1, 40), Symbol.OPTIONAL),
)
