"""From the exchange's JSON rows to the port's values: strings become Decimals digit by digit, integers stay integers.

A row that lacks a field, or has it in another type, raises MalformedAnswer; nothing is guessed.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from quantum_common.clock import HOUR_MS
from quantum_common.exchange.answers import MalformedAnswer
from quantum_common.exchange.budget import INTERVAL_MS, Counter, Kind, counter
from quantum_common.exchange.outcome import OrderView
from quantum_common.exchange.port import (
    Bar,
    ConfigurationRefused,
    FundingTerms,
    FundingView,
    PositionView,
    StopView,
    SymbolRules,
    TradeView,
)
from quantum_common.messages import Side
from quantum_common.money import ZERO

Row = Mapping[str, Any]
WALLET_ASSET = "USDT"
FUNDING_HOURS = 8


def field(row: object, name: str) -> Any:
    """Given what should be a row, return a field of it, None where it is absent. Raise MalformedAnswer for no row."""
    if not isinstance(row, dict):
        raise MalformedAnswer(f"an object with {name} was promised, not {type(row).__name__}")
    return row.get(name)


def text(row: Row, name: str) -> str:
    """Given a row and a field's name, return the string. Raise MalformedAnswer where it is none."""
    value = field(row, name)
    if not isinstance(value, str):
        raise MalformedAnswer(f"{name} is {value!r}, not a string")
    return value


def whole(row: Row, name: str) -> int:
    """Given a row and a field's name, return the integer. Raise MalformedAnswer where it is none."""
    value = field(row, name)
    if type(value) is not int:
        raise MalformedAnswer(f"{name} is {value!r}, not an integer")
    return value


def decimal(value: object, name: str) -> Decimal:
    """Given a JSON string, return its number exactly. Raise MalformedAnswer for a float: it has lost digits."""
    if isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise MalformedAnswer(f"{name} is {value!r}, not a number") from None
        if number.is_finite():
            return number
    raise MalformedAnswer(f"{name} is {value!r}, not a number in a string")


def number(row: Row, name: str) -> Decimal:
    """Given a row and a field's name, return the number. Raise MalformedAnswer where it is none."""
    return decimal(field(row, name), name)


def side(row: Row, name: str = "side") -> Side:
    """Given a row, return its side. Raise MalformedAnswer where it is neither."""
    value = text(row, name)
    if value not in Side.__members__:
        raise MalformedAnswer(f"{name} is {value!r}, neither BUY nor SELL")
    return Side(value)


def rows(answer: object) -> Sequence[Row]:
    """Given an answer, return its rows. Raise MalformedAnswer where it is not a list of objects."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise MalformedAnswer(f"a list of objects was promised, not {type(answer).__name__}")
    return answer


def order_of(row: Row, *, priced: bool) -> OrderView:
    """Given an order's row, return it. `priced` says whether this answer has a price to be believed: the answer to a
    lookup has, the answer to a POST never, whatever stands in it."""
    average = number(row, "avgPrice") if priced else ZERO
    return OrderView(
        symbol=text(row, "symbol"),
        side=side(row),
        order_id=whole(row, "orderId"),
        client_order_id=text(row, "clientOrderId"),
        status=text(row, "status"),
        orig_qty=number(row, "origQty"),
        executed_qty=number(row, "executedQty"),
        avg_price=average if average > 0 else None,
        cum_quote=number(row, "cumQuote") if priced else None,
        update_ms=whole(row, "updateTime"),
    )


def position_of(row: Row) -> PositionView:
    """Given a row of positionRisk version 2, return it. Raise ConfigurationRefused for a row of hedge mode."""
    if text(row, "positionSide") != "BOTH":
        raise ConfigurationRefused("the account is in hedge mode; set its position mode to one-way")
    return PositionView(
        symbol=text(row, "symbol"),
        position_amt=number(row, "positionAmt"),
        entry_price=number(row, "entryPrice"),
        mark_price=number(row, "markPrice"),
        unrealized_pnl=number(row, "unRealizedProfit"),
        leverage=int(number(row, "leverage")),
        liquidation_price=number(row, "liquidationPrice"),
        update_ms=whole(row, "updateTime"),
    )


def trade_of(row: Row) -> TradeView:
    """Given a row of userTrades, return it; the client order id is not told there."""
    return TradeView(
        symbol=text(row, "symbol"),
        trade_id=whole(row, "id"),
        order_id=whole(row, "orderId"),
        client_order_id="",
        side=side(row),
        qty=number(row, "qty"),
        price=number(row, "price"),
        fee=number(row, "commission"),
        fee_asset=text(row, "commissionAsset"),
        realized_pnl=number(row, "realizedPnl"),
        trade_ms=whole(row, "time"),
    )


def funding_of(row: Row) -> FundingView:
    """Given an income row of a funding payment, return it."""
    return FundingView(
        symbol=text(row, "symbol"),
        income_id=whole(row, "tranId"),
        amount=number(row, "income"),
        time_ms=whole(row, "time"),
    )


def funding_terms_of(premiums: object, adjusted: object) -> dict[str, FundingTerms]:
    """Given the answers of premiumIndex and fundingInfo, return the terms by symbol; every eight hours where the
    second one names no other interval. Contracts that are never funded (with a date in their name) are left out."""
    hours = {text(row, "symbol"): whole(row, "fundingIntervalHours") for row in rows(adjusted)}
    found = {}
    for row in rows(premiums):
        symbol = text(row, "symbol")
        if field(row, "lastFundingRate") not in {"", None}:
            interval_ms = hours.get(symbol, FUNDING_HOURS) * HOUR_MS
            found[symbol] = FundingTerms(symbol, number(row, "lastFundingRate"), interval_ms)
    return found


def stop_of(row: Row) -> StopView:
    """Given a row of openAlgoOrders, return it. One that closes the whole position has no quantity of its own."""
    closes = row.get("closePosition") is True
    return StopView(
        symbol=text(row, "symbol"),
        client_id=text(row, "clientAlgoId"),
        side=side(row),
        trigger_price=number(row, "triggerPrice"),
        close_position=closes,
        qty=ZERO if closes else number(row, "quantity"),
        created_ms=whole(row, "createTime"),
    )


def wallet_of(balances: Iterable[Row]) -> Decimal:
    """Given the account's balances, return the wallet balance in USDT. Raise MalformedAnswer where it is absent."""
    for row in balances:
        if row.get("asset") == WALLET_ASSET:
            return number(row, "balance")
    raise MalformedAnswer(f"the balances name no {WALLET_ASSET}")


def bar_of(symbol: str, row: object) -> Bar:
    """Given a symbol and a kline's row, return the bar. Raise MalformedAnswer where it is not a kline."""
    if not isinstance(row, list) or len(row) < 7 or type(row[0]) is not int or type(row[6]) is not int:
        raise MalformedAnswer(f"{row!r} is not a kline")
    return Bar(
        symbol=symbol,
        open_ms=row[0],
        close_ms=row[6],
        open=decimal(row[1], "open"),
        high=decimal(row[2], "high"),
        low=decimal(row[3], "low"),
        close=decimal(row[4], "close"),
        volume=decimal(row[5], "volume"),
    )


def bars_of(symbol: str, answer: object) -> list[Bar]:
    """Given a symbol and the answer to klines, return its bars, oldest first; the last may still be open."""
    if not isinstance(answer, list):
        raise MalformedAnswer(f"klines were promised, not {type(answer).__name__}")
    return [bar_of(symbol, row) for row in answer]


def streamed_bar_of(kline: Row) -> Bar:
    """Given the `k` of a kline event, return the bar."""
    return Bar(
        symbol=text(kline, "s"),
        open_ms=whole(kline, "t"),
        close_ms=whole(kline, "T"),
        open=number(kline, "o"),
        high=number(kline, "h"),
        low=number(kline, "l"),
        close=number(kline, "c"),
        volume=number(kline, "v"),
    )


def rules_of(info: Row) -> dict[str, SymbolRules]:
    """Given exchangeInfo, return the filters of every symbol that has those a market order needs."""
    found = {}
    for row in rows(field(info, "symbols")):
        filters = {text(item, "filterType"): item for item in rows(field(row, "filters"))}
        if {"PRICE_FILTER", "LOT_SIZE", "MIN_NOTIONAL"} <= filters.keys():
            found[text(row, "symbol")] = _rules(row, filters)
    return found


def limits_of(info: Row) -> tuple[Counter, ...]:
    """Given exchangeInfo, return the counters of its rate limits; kinds and intervals we do not know are left out."""
    kinds = {kind.value: kind for kind in Kind}
    return tuple(
        counter(kinds[kind], interval, whole(row, "intervalNum"), whole(row, "limit"))
        for row in rows(field(info, "rateLimits"))
        if (kind := text(row, "rateLimitType")) in kinds and (interval := text(row, "interval")) in INTERVAL_MS
    )


def _rules(row: Row, filters: Mapping[str, Row]) -> SymbolRules:
    """Market orders obey MARKET_LOT_SIZE; where that leaves a bound out (0), the one of LOT_SIZE stands."""
    lot = filters["LOT_SIZE"]
    market = filters.get("MARKET_LOT_SIZE", lot)
    return SymbolRules(
        symbol=text(row, "symbol"),
        status=text(row, "status"),
        tick_size=number(filters["PRICE_FILTER"], "tickSize"),
        step_size=number(market, "stepSize") or number(lot, "stepSize"),
        min_qty=max(number(market, "minQty"), number(lot, "minQty")),
        max_qty=number(market, "maxQty") or number(lot, "maxQty"),
        min_notional=number(filters["MIN_NOTIONAL"], "notional"),
    )
