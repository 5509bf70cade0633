"""The endpoints of market data."""

from typing import Any

from services.paper_exchange.market.bars import Bar, decimal_text
from services.paper_exchange.market.catalogue import QUOTE_ASSET
from services.paper_exchange.market.funding import DEFAULT_HOURS
from services.paper_exchange.market.intervals import INTERVALS
from services.paper_exchange.market.quote import PRICE_SCALE
from services.paper_exchange.protocol.endpoint import Call, Endpoint, Security, Symbol, by_symbol, checked_symbol
from services.paper_exchange.protocol.errors import bad_interval, invalid_depth, missing
from services.paper_exchange.protocol.exchange_info import asset_info, symbol_info
from services.paper_exchange.protocol.numbers import e8
from services.paper_exchange.protocol.params import Params
from services.paper_exchange.tape import PublicTrade

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
KLINES_MAX = 1500
FUNDING_MAX = 1000
TRADES_MAX = 1000


def ping(call: Call) -> dict[str, Any]:  # noqa: ARG001 -- every handler takes the call
    """GET ping."""
    return {}


def server_time(call: Call) -> dict[str, Any]:
    """GET time."""
    return {"serverTime": call.now_ms}


def exchange_info(call: Call) -> dict[str, Any]:
    """GET exchangeInfo."""
    return {
        "timezone": "UTC",
        "serverTime": call.now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": call.limiter.published(),
        "exchangeFilters": [],
        "assets": [asset_info(QUOTE_ASSET)],
        "symbols": [symbol_info(rules) for rules in call.exchange.engine.symbols().values()],
    }


def klines(call: Call) -> list[list[Any]]:
    """GET klines, continuousKlines: the pair and PERPETUAL name the same contract."""
    symbol = call.params.text("symbol") or call.params.text("pair")
    if symbol is None:
        raise missing("symbol")
    checked_symbol(call.exchange, symbol)
    interval = call.params.required("interval")
    if interval not in INTERVALS:
        raise bad_interval()
    window = call.window(500, KLINES_MAX)
    market = call.exchange.market
    bars = market.klines(symbol, interval, (window.start_ms, window.end_ms), window.limit or 500)
    listing = market.listings[symbol]
    return [kline_row(bar, listing.price_decimals, listing.quantity_decimals) for bar in bars]


def kline_row(bar: Bar, price_decimals: int, quantity_decimals: int) -> list[Any]:
    """Given a bar and the decimals of its numbers, return its row."""
    both = price_decimals + quantity_decimals
    return [
        bar.open_ms,
        decimal_text(bar.open, price_decimals),
        decimal_text(bar.high, price_decimals),
        decimal_text(bar.low, price_decimals),
        decimal_text(bar.close, price_decimals),
        decimal_text(bar.volume, quantity_decimals),
        bar.close_ms,
        decimal_text(bar.quote_volume, both),
        bar.trades,
        decimal_text(bar.taker_volume, quantity_decimals),
        decimal_text(bar.taker_quote_volume, both),
        "0",
    ]


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


def depth(call: Call) -> dict[str, Any]:
    """GET depth."""
    text = call.params.text("limit") or "500"
    if not text.isdigit() or int(text) not in DEPTH_LIMITS:
        raise invalid_depth(text)
    view = call.exchange.engine.market(call.symbol)
    rules, limit = call.rules(), int(text)
    return {
        "lastUpdateId": call.exchange.market.quotes[call.symbol].update_id,
        "E": call.now_ms,
        "T": view.time_ms,
        "bids": [[f"{p:.{rules.price_precision}f}", f"{q:f}"] for p, q in view.bids[:limit]],
        "asks": [[f"{p:.{rules.price_precision}f}", f"{q:f}"] for p, q in view.asks[:limit]],
    }


def funding_rate(call: Call) -> list[dict[str, Any]]:
    """GET fundingRate: the fundings up to now, in market time as klines are."""
    market = call.exchange.market
    window = call.window(100, FUNDING_MAX)
    wanted = call.params.text("symbol")
    rows: list[dict[str, Any]] = []
    for symbol in [wanted] if wanted else list(market.listings):
        bars = market.quotes[symbol].bars
        end_ms = min(window.end_ms if window.end_ms is not None else market.clock.market_ms, market.clock.market_ms)
        start_ms = max(window.start_ms or 0, bars.first_open_ms)
        for time_ms, rate in market.funding[symbol].between(start_ms, end_ms, window.limit or 100):
            mark = bars.open[min(bars.index_at(time_ms), len(bars) - 1)] * 10 ** (PRICE_SCALE - bars.price_decimals)
            rows.append(
                {
                    "symbol": symbol,
                    "fundingTime": time_ms,
                    "fundingRate": e8(rate),
                    "markPrice": decimal_text(mark, PRICE_SCALE),
                    "rateType": "Regular",
                }
            )
    return sorted(rows, key=lambda row: int(row["fundingTime"]))[-(window.limit or 100) :]


def funding_info(call: Call) -> list[dict[str, Any]]:
    """GET fundingInfo: only contracts whose interval is not the usual one."""
    return [
        {
            "symbol": symbol,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": schedule.interval_hours(),
            "disclaimer": False,
        }
        for symbol, schedule in call.exchange.market.funding.items()
        if schedule.interval_hours() != DEFAULT_HOURS
    ]


def public_trades(call: Call) -> list[dict[str, Any]]:
    """GET trades, historicalTrades."""
    listing = call.exchange.market.listings[call.symbol]
    both = listing.price_decimals + listing.quantity_decimals
    return [
        {
            "id": trade.trade_id,
            "price": decimal_text(trade.price, listing.price_decimals),
            "qty": decimal_text(trade.quantity, listing.quantity_decimals),
            "quoteQty": decimal_text(trade.price * trade.quantity, both),
            "time": trade.time_ms,
            "isBuyerMaker": trade.buyer_is_maker,
        }
        for trade in _tape(call)
    ]


def aggregate_trades(call: Call) -> list[dict[str, Any]]:
    """GET aggTrades."""
    listing = call.exchange.market.listings[call.symbol]
    return [
        {
            "a": trade.trade_id,
            "p": decimal_text(trade.price, listing.price_decimals),
            "q": decimal_text(trade.quantity, listing.quantity_decimals),
            "f": trade.trade_id,
            "l": trade.trade_id,
            "T": trade.time_ms,
            "m": trade.buyer_is_maker,
        }
        for trade in _tape(call)
    ]


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


def _tape(call: Call) -> list[PublicTrade]:
    return call.exchange.tape.last(call.symbol, call.window(500, TRADES_MAX).limit or 500)


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


def _kline_weight(params: Params) -> int:
    limit = params.integer("limit") or 500
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _depth_weight(params: Params) -> int:
    text = params.text("limit") or "500"
    limit = int(text) if text.isdigit() else 500
    return 2 if limit <= 50 else 5 if limit == 100 else 10 if limit == 500 else 20


def _open(path: str, handler: Any, weight: Any = 1, symbol: Symbol = Symbol.NONE, **more: Any) -> Endpoint:
    return Endpoint("GET", path, handler, weight, Security.NONE, symbol, **more)


ENDPOINTS = (
    _open("/fapi/v1/ping", ping),
    _open("/api/v3/ping", ping),
    _open("/fapi/v1/time", server_time),
    _open("/api/v3/time", server_time),
    _open("/fapi/v1/exchangeInfo", exchange_info),
    _open("/fapi/v1/klines", klines, _kline_weight, Symbol.REQUIRED, required=("interval",)),
    _open("/fapi/v1/continuousKlines", klines, _kline_weight, required=("pair", "contractType", "interval")),
    _open("/fapi/v1/premiumIndex", premium_index, by_symbol(1, 10), Symbol.OPTIONAL),
    _open("/fapi/v1/ticker/bookTicker", book_ticker, by_symbol(2, 5), Symbol.OPTIONAL),
    _open("/fapi/v1/ticker/price", price_ticker, by_symbol(1, 2), Symbol.OPTIONAL),
    _open("/fapi/v2/ticker/price", price_ticker, by_symbol(1, 2), Symbol.OPTIONAL),
    _open("/fapi/v1/ticker/24hr", day_ticker, by_symbol(1, 40), Symbol.OPTIONAL),
    _open("/fapi/v1/depth", depth, _depth_weight, Symbol.REQUIRED),
    _open("/fapi/v1/fundingRate", funding_rate, 0, Symbol.OPTIONAL, shows_weight=False),
    _open("/fapi/v1/fundingInfo", funding_info, 0),
    _open("/fapi/v1/trades", public_trades, 5, Symbol.REQUIRED),
    _open("/fapi/v1/historicalTrades", public_trades, 20, Symbol.REQUIRED),
    _open("/fapi/v1/aggTrades", aggregate_trades, 20, Symbol.REQUIRED),
)
