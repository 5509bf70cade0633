"""python-binance's plain client, its URLs changed and nothing else, goes through every endpoint of the protocol."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from binance import AsyncClient
from binance.ws.reconnecting_websocket import ReconnectingWebsocket

from services.paper_exchange.protocol.signature import sign
from tests.contract.paper_fields import account, market, orders
from tests.contract.paper_fields.shape import fits
from tests.paper import API_SECRET, PaperProcess, flatten, send, send_signed

SYMBOL = "BTCUSDT"
PAPER = "--symbols 4 --weight-limit 1000000 --order-limit-10s 100000 --order-limit-1m 100000 --balance 100000"


@pytest.fixture
async def client(client: AsyncClient) -> AsyncIterator[AsyncClient]:
    """A client; afterwards no order is open and no position stands."""
    yield client
    await flatten(client)


async def far_price(client: AsyncClient, factor: str = "0.97") -> str:
    """A limit price away from the market, on the tick."""
    mark = Decimal((await client.futures_mark_price(symbol=SYMBOL))["markPrice"])
    return f"{(mark * Decimal(factor)).quantize(Decimal('0.1')):f}"


async def rest(client: AsyncClient, name: str) -> dict[str, Any]:
    """Place a limit order that rests."""
    answer: dict[str, Any] = await client.futures_create_order(
        symbol=SYMBOL,
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        quantity="0.010",
        price=await far_price(client),
        newClientOrderId=name,
    )
    return answer


@pytest.mark.parametrize(("kind", "status", "filled"), [("ACK", "NEW", "0.000"), ("RESULT", "FILLED", "0.010")])
async def test_a_market_order_answers_without_its_price(
    client: AsyncClient, kind: str, status: str, filled: str
) -> None:
    answer = await client.futures_create_order(
        symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.010", newOrderRespType=kind, newClientOrderId=f"m-{kind}"
    )
    fits(answer, orders.PLACED)
    assert (answer["status"], answer["executedQty"], answer["cumQty"]) == (status, filled, filled)
    found = await client.futures_get_order(symbol=SYMBOL, origClientOrderId=f"m-{kind}")
    fits(found, orders.QUERIED)
    assert found["status"] == "FILLED"
    assert Decimal(found["avgPrice"]) * Decimal("0.010") == Decimal(found["cumQuote"])


async def test_a_limit_order_lives_from_new_over_amended_to_cancelled(client: AsyncClient) -> None:
    placed = await rest(client, "life")
    fits(placed, orders.PLACED)
    fits(await client.futures_v1_get_open_order(symbol=SYMBOL, orderId=placed["orderId"]), orders.QUERIED)
    fits(await client.futures_get_open_orders(symbol=SYMBOL), [orders.QUERIED])
    amended = await client.futures_modify_order(
        symbol=SYMBOL, side="BUY", orderId=placed["orderId"], quantity="0.020", price=await far_price(client, "0.98")
    )
    fits(amended, orders.PLACED)
    assert (amended["origQty"], amended["status"]) == ("0.020", "NEW")
    cancelled = await client.futures_cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
    fits(cancelled, orders.PLACED)
    assert cancelled["status"] == "CANCELED"
    assert await client.futures_get_open_orders(symbol=SYMBOL) == []
    everything = await client.futures_get_all_orders(symbol=SYMBOL)
    fits(everything, [orders.LISTED])
    assert placed["orderId"] in [row["orderId"] for row in everything]


async def test_trades_of_an_order_and_from_an_id_on(client: AsyncClient) -> None:
    for side in ("BUY", "SELL"):
        placed = await client.futures_create_order(symbol=SYMBOL, side=side, type="MARKET", quantity="0.010")
    rows = await client.futures_account_trades(symbol=SYMBOL, orderId=placed["orderId"])
    fits(rows, [orders.USER_TRADE])
    assert sum(Decimal(row["qty"]) for row in rows) == Decimal("0.010")
    fee = sum(Decimal(row["commission"]) for row in rows)
    assert fee == sum(Decimal(row["quoteQty"]) for row in rows) * Decimal("0.0005")
    assert await client.futures_account_trades(symbol=SYMBOL, fromId=rows[0]["id"]) == rows


async def test_all_orders_of_a_symbol_are_cancelled_at_once(client: AsyncClient) -> None:
    for number in range(3):
        await rest(client, f"all-{number}")
    fits(await client.futures_cancel_all_open_orders(symbol=SYMBOL), orders.DONE)
    assert await client.futures_get_open_orders(symbol=SYMBOL) == []


async def test_a_batch_answers_in_order_with_errors_in_place(client: AsyncClient) -> None:
    price = await far_price(client)
    good = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010", "price": price}
    bad = {**good, "quantity": "0.0001"}
    answers = await client.futures_place_batch_order(batchOrders=[dict(good), dict(bad), dict(good)])
    fits(answers[0], orders.PLACED)
    fits(answers[1], orders.DONE)
    assert answers[1]["code"] == -1111
    ids = [answers[0]["orderId"], answers[2]["orderId"]]
    cancelled = await client.futures_cancel_orders(symbol=SYMBOL, orderidlist=[*ids, 12345])
    assert [row.get("status") or row["code"] for row in cancelled] == ["CANCELED", "CANCELED", -2011]


async def test_a_batch_is_cancelled_by_client_ids_too(client: AsyncClient) -> None:
    for name in ("batch-a", "batch-b"):
        await rest(client, name)
    cancelled = await client.futures_cancel_orders(symbol=SYMBOL, origclientorderidlist=["batch-a", "batch-b"])
    assert [row["status"] for row in cancelled] == ["CANCELED", "CANCELED"]


async def test_a_test_order_and_a_countdown(client: AsyncClient) -> None:
    fits(
        await client.futures_create_test_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.010"),
        orders.PLACED,
    )
    assert await client.futures_position_information() == []
    answer = await client.futures_countdown_cancel_all(symbol=SYMBOL, countdownTime=100_000)
    fits(answer, orders.COUNTDOWN)
    assert answer["countdownTime"] == "100000"
    await client.futures_countdown_cancel_all(symbol=SYMBOL, countdownTime=0)


async def test_order_counters_are_shown(client: AsyncClient) -> None:
    await rest(client, "counted")
    headers = client.response.headers
    assert int(headers["X-MBX-ORDER-COUNT-10S"]) >= 1
    assert int(headers["X-MBX-ORDER-COUNT-1M"]) >= 1
    fits(await client.futures_v1_get_rate_limit_order(), [market.RATE_LIMIT])


async def test_a_conditional_order_is_rerouted_and_lives_apart_from_ordinary_ones(client: AsyncClient) -> None:
    placed = await client.futures_create_order(
        symbol=SYMBOL, side="BUY", type="STOP_MARKET", stopPrice=await far_price(client, "1.05"), quantity="0.010"
    )
    fits(placed, orders.ALGO)
    assert (placed["algoStatus"], placed["orderType"]) == ("NEW", "STOP_MARKET")
    fits(await client.futures_get_open_algo_orders(symbol=SYMBOL), [orders.ALGO_OPEN])
    fits(await client.futures_get_algo_order(algoId=placed["algoId"]), orders.ALGO_LISTED)
    assert await client.futures_get_open_orders(symbol=SYMBOL) == []
    cancelled = await client.futures_cancel_algo_order(algoId=placed["algoId"])
    fits(cancelled, orders.ALGO_CANCELED)
    assert cancelled["code"] == "200"
    fits(await client.futures_get_all_algo_orders(symbol=SYMBOL), [orders.ALGO_LISTED])


async def test_algo_orders_of_every_type_are_taken_and_cancelled_at_once(client: AsyncClient) -> None:
    low, high = await far_price(client, "0.96"), await far_price(client, "1.04")
    common = {"algoType": "CONDITIONAL", "symbol": SYMBOL, "side": "SELL", "quantity": "0.010"}
    for more in (
        {"type": "STOP", "triggerPrice": low, "price": low, "timeInForce": "GTC"},
        {"type": "TAKE_PROFIT", "triggerPrice": high, "price": high},
        {"type": "TAKE_PROFIT_MARKET", "triggerPrice": high, "workingType": "MARK_PRICE", "priceProtect": "TRUE"},
        {"type": "TRAILING_STOP_MARKET", "callbackRate": "1", "activatePrice": high},
    ):
        fits(await client.futures_create_algo_order(**common, **more, clientAlgoId=f"t-{more['type']}"), orders.ALGO)
    assert len(await client.futures_get_open_algo_orders(symbol=SYMBOL)) == 4
    fits(await client.futures_cancel_all_algo_open_orders(symbol=SYMBOL), orders.DONE)
    assert await client.futures_get_open_algo_orders() == []


async def test_a_triggered_algo_order_becomes_an_order_of_its_client_id(
    paper: PaperProcess, client: AsyncClient
) -> None:
    price = await far_price(client, "1.01")
    await client.futures_create_algo_order(
        algoType="CONDITIONAL",
        symbol=SYMBOL,
        side="BUY",
        type="STOP_MARKET",
        triggerPrice=price,
        quantity="0.010",
        clientAlgoId="trigger-me",
    )
    paper.control("POST", "market", symbol=SYMBOL, jump_bps=150)
    order = await client.futures_get_order(symbol=SYMBOL, origClientOrderId="trigger-me")
    assert order["status"] == "FILLED"
    algo = await client.futures_get_algo_order(clientAlgoId="trigger-me")
    assert algo["actualOrderId"] == str(order["orderId"])
    paper.control("POST", "market", symbol=SYMBOL, jump_bps=-148)


async def test_orders_over_the_websocket_api(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReconnectingWebsocket, "TIMEOUT", 1)  # its socket waits so long before it closes
    placed = await client.ws_futures_create_order(
        symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.010", newOrderRespType="RESULT"
    )
    fits(placed, orders.PLACED)
    found = await client.ws_futures_get_order(symbol=SYMBOL, orderId=placed["orderId"])
    fits(found, orders.QUERIED)
    fits(await client.ws_futures_account_balance(), [account.BALANCE])
    fits(await client.ws_futures_v2_account_position(), [account.POSITION_V3])
    fits(await client.ws_futures_get_order_book(symbol=SYMBOL), market.DEPTH)
    await client.ws_future.close()


def test_other_clients_ways_of_sending_are_understood(paper: PaperProcess) -> None:
    """The official library puts all into the query; others put a query before a body; ids come in any case."""
    order = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.010", "reduceOnly": "False"}
    placed = send_signed(paper, "POST", "/fapi/v1/order", **order).body
    found = send_signed(paper, "GET", "/fapi/v1/order", symbol=SYMBOL, orderid=placed["orderId"]).body
    assert found["status"] == "FILLED"
    query, body = "symbol=BTCUSDT&side=SELL&type=MARKET", f"quantity=0.010&timestamp={int(time.time() * 1000)}"
    signature = sign(API_SECRET, (query + body).encode()).upper()
    closed = send(paper, "POST", "/fapi/v1/order", query, body=f"{body}&signature={signature}").body
    assert closed["side"] == "SELL"
