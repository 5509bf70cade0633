"""The endpoints of market data."""

from typing import Any

from services.paper_exchange.market.bars import Bar, decimal_text
from services.paper_exchange.market.catalogue import QUOTE_ASSET
from services.paper_exchange.market.funding import DEFAULT_HOURS
from services.paper_exchange.market.intervals import INTERVALS
from services.paper_exchange.market.quote import PRICE_SCALE
from services.paper_exchange.protocol.endpoint import Call, Symbol, checked_symbol, open_endpoint
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


def mark_klines(call: Call) -> list[list[Any]]:
    """GET markPriceKlines, indexPriceKlines: mark and index follow the last price closely; neither has a volume."""
    zeros = {5: "0", 7: "0", 9: "0", 10: "0"}
    return [[zeros.get(column, value) for column, value in enumerate(row)] for row in klines(call)]


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


def _tape(call: Call) -> list[PublicTrade]:
    return call.exchange.tape.last(call.symbol, call.window(500, TRADES_MAX).limit or 500)


def _kline_weight(params: Params) -> int:
    limit = params.integer("limit") or 500
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _depth_weight(params: Params) -> int:
    text = params.text("limit") or "500"
    limit = int(text) if text.isdigit() else 500
    return 2 if limit <= 50 else 5 if limit == 100 else 10 if limit == 500 else 20


ENDPOINTS = (
    open_endpoint("/fapi/v1/ping", ping),
    open_endpoint("/api/v3/ping", ping),
    open_endpoint("/fapi/v1/time", server_time),
    open_endpoint("/api/v3/time", server_time),
    open_endpoint("/fapi/v1/exchangeInfo", exchange_info),
    open_endpoint("/fapi/v1/klines", klines, _kline_weight, Symbol.REQUIRED, required=("interval",)),
    open_endpoint("/fapi/v1/continuousKlines", klines, _kline_weight, required=("pair", "contractType", "interval")),
    open_endpoint("/fapi/v1/markPriceKlines", mark_klines, _kline_weight, Symbol.REQUIRED, required=("interval",)),
    open_endpoint("/fapi/v1/indexPriceKlines", mark_klines, _kline_weight, required=("pair", "interval")),
    open_endpoint("/fapi/v1/depth", depth, _depth_weight, Symbol.REQUIRED),
    open_endpoint("/fapi/v1/fundingRate", funding_rate, 0, Symbol.OPTIONAL, shows_weight=False),
    open_endpoint("/fapi/v1/fundingInfo", funding_info, 0),
    open_endpoint("/fapi/v1/trades", public_trades, 5, Symbol.REQUIRED),
    open_endpoint("/fapi/v1/historicalTrades", public_trades, 20, Symbol.REQUIRED),
    open_endpoint("/fapi/v1/aggTrades", aggregate_trades, 20, Symbol.REQUIRED),
)
