"""Market data as python-binance's plain client reads it, its URLs changed and nothing else."""

import time
from decimal import Decimal
from itertools import pairwise

import pytest
from binance import AsyncClient

from quantum_common.clock import epoch_ms
from tests.contract.paper_fields import market
from tests.contract.paper_fields.shape import fits
from tests.paper import API_KEY, API_SECRET, PaperProcess, client_class

SYMBOL = "BTCUSDT"
PAPER = "--symbols 4 --weight-limit 1000000"


async def test_ping_time_and_a_client_made_by_create(paper: PaperProcess, client: AsyncClient) -> None:
    assert await client.futures_ping() == {}
    before_ms = epoch_ms()
    answer = await client.futures_time()
    fits(answer, market.SERVER_TIME)
    assert before_ms <= answer["serverTime"] <= epoch_ms()
    created = await client_class(paper).create(API_KEY, API_SECRET)
    await created.close_connection()


async def test_exchange_info_lists_filters_and_limits(client: AsyncClient) -> None:
    answer = await client.futures_exchange_info()
    fits(answer, market.EXCHANGE_INFO)
    assert answer["rateLimits"][0]["limit"] == 1_000_000
    bitcoin = answer["symbols"][0]
    assert (bitcoin["symbol"], bitcoin["status"], bitcoin["contractType"]) == (SYMBOL, "TRADING", "PERPETUAL")
    assert [row["filterType"] for row in bitcoin["filters"]] == [
        *("PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "MAX_NUM_ORDERS", "MIN_NOTIONAL", "PERCENT_PRICE"),
        "POSITION_RISK_CONTROL",
    ]
    assert bitcoin["filters"][4]["notional"] == "50"


@pytest.mark.parametrize("interval", ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "12h", "1d", "3d", "1w", "1M"])
async def test_klines_ascend_and_end_with_the_open_candle(client: AsyncClient, interval: str) -> None:
    before_ms = epoch_ms()
    rows = await client.futures_klines(symbol=SYMBOL, interval=interval, limit=20)
    fits(rows, [market.KLINE])
    assert rows == sorted(rows)
    assert rows[-1][6] >= before_ms - 2000
    for before, after in pairwise(rows):
        assert after[0] == before[6] + 1


async def test_klines_of_a_span_begin_where_asked(client: AsyncClient) -> None:
    newest = (await client.futures_klines(symbol=SYMBOL, interval="1m", limit=1))[0][0]
    rows = await client.futures_klines(
        symbol=SYMBOL, interval="1m", startTime=newest - 600_000, endTime=newest - 60_000
    )
    assert [row[0] for row in rows] == list(range(newest - 600_000, newest, 60_000))


async def test_the_warm_up_is_served_and_a_larger_candle_is_the_sum_of_its_minutes(client: AsyncClient) -> None:
    minutes = await client.futures_klines(symbol=SYMBOL, interval="1m", limit=1500)
    assert len(minutes) == 1500
    five = (await client.futures_klines(symbol=SYMBOL, interval="5m", limit=3))[1]
    parts = [row for row in minutes if five[0] <= row[0] <= five[6]]
    assert len(parts) == 5
    assert five[1] == parts[0][1]
    assert five[4] == parts[-1][4]
    assert Decimal(five[2]) == max(Decimal(row[2]) for row in parts)
    assert Decimal(five[5]) == sum(Decimal(row[5]) for row in parts)


async def test_continuous_klines_name_the_pair(client: AsyncClient) -> None:
    rows = await client.futures_continuous_klines(pair=SYMBOL, contractType="PERPETUAL", interval="1m", limit=3)
    fits(rows, [market.KLINE])


async def test_klines_of_mark_and_index_have_no_volume(client: AsyncClient) -> None:
    for rows in (
        await client.futures_mark_price_klines(symbol=SYMBOL, interval="1m", limit=2),
        await client.futures_index_price_klines(pair=SYMBOL, interval="1m", limit=2),
    ):
        fits(rows, [market.KLINE])
        assert {row[5] for row in rows} == {"0"}


async def test_prices_books_and_tickers(client: AsyncClient) -> None:
    for one, every, table in (
        (await client.futures_mark_price(symbol=SYMBOL), await client.futures_mark_price(), market.PREMIUM_INDEX),
        (await client.futures_symbol_ticker(symbol=SYMBOL), await client.futures_symbol_ticker(), market.PRICE_TICKER),
        (
            await client.futures_orderbook_ticker(symbol=SYMBOL),
            await client.futures_orderbook_ticker(),
            market.BOOK_TICKER,
        ),
        (await client.futures_ticker(symbol=SYMBOL), await client.futures_ticker(), market.DAY_TICKER),
    ):
        fits(one, table)
        fits(every, [table])
        assert len(every) == 4
    assert (await client.futures_mark_price(symbol=SYMBOL))["nextFundingTime"] > time.time() * 1000


@pytest.mark.parametrize(("limit", "levels"), [(5, 5), (10, 10), (20, 20), (1000, 20)])
async def test_the_book_has_a_spread_and_falls_off(client: AsyncClient, limit: int, levels: int) -> None:
    book = await client.futures_order_book(symbol=SYMBOL, limit=limit)
    fits(book, market.DEPTH)
    bids, asks = ([Decimal(row[0]) for row in book[side]] for side in ("bids", "asks"))
    assert len(bids) == len(asks) == levels
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert Decimal("0.00001") < (asks[0] - bids[0]) / bids[0] < Decimal("0.0004")


async def test_funding_history_and_public_trades(client: AsyncClient) -> None:
    rows = await client.futures_funding_rate(symbol=SYMBOL, limit=3)
    fits(rows, [market.FUNDING_RATE])
    assert len(rows) == 3
    fits(await client.futures_v1_get_funding_info(), [market.FUNDING_INFO])
    fits(await client.futures_recent_trades(symbol=SYMBOL, limit=5), [market.PUBLIC_TRADE])
    fits(await client.futures_aggregate_trades(symbol=SYMBOL, limit=5), [market.AGGREGATE_TRADE])
