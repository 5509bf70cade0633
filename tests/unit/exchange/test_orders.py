"""The order port over the wire: what it sends, and what it makes of every answer."""

import asyncio
import hashlib
import hmac
from decimal import Decimal
from typing import Any

import pytest

from quantum_common.exchange.outcome import Accepted, Found, NotFound, NotSent, OrderView, Refused, Unknown
from quantum_common.exchange.port import ConfigurationRefused, ExchangeUnavailable, OrderRequest
from quantum_common.messages import Side
from tests.unit.exchange.scripted import KEY, SECRET, Asked, Reply, ScriptedExchange, connected, scripted_exchange

PLACED = {
    "orderId": 8389765500000000123, "symbol": "BTCUSDT", "status": "FILLED", "clientOrderId": "qo-1", "price": "0.00",
    "avgPrice": "99.9", "origQty": "0.010", "executedQty": "0.010", "cumQty": "0.010", "timeInForce": "GTC",
    "type": "MARKET", "reduceOnly": False, "closePosition": False, "side": "BUY", "positionSide": "BOTH",
    "stopPrice": "0.00", "updateTime": 1566818724722,
}  # fmt: skip
LOOKED_UP = PLACED | {"avgPrice": "60000.10", "cumQuote": "600.00100"}
REQUEST = OrderRequest(
    symbol="BTCUSDT", side=Side.BUY, qty=Decimal("0.0100"), reduce_only=False, client_order_id="qo-1",
    stamp_ms=1_700_000_000_123, recv_window_ms=1234,
)  # fmt: skip


async def place(answer: Reply, request: OrderRequest = REQUEST, **values: Any) -> Any:
    async with scripted_exchange(**{"POST /v1/order": answer}) as server, connected(server, **values) as exchange:
        outcome = await exchange.orders.place(request)
        assert len(server.requests("POST", "/v1/order")) == 1, "a command is sent once"
        return outcome


def error(status: int, code: int | None, msg: str, **headers: str) -> Reply:
    body = {"msg": msg} if code is None else {"code": code, "msg": msg}
    return Reply(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def test_an_order_is_signed_with_the_stamp_and_window_of_its_journal() -> None:
    async with (
        scripted_exchange(**{"POST /v1/order": Reply(body=PLACED)}) as server,
        connected(server) as exchange,
    ):
        await exchange.orders.place(REQUEST)
        (asked,) = server.requests("POST", "/v1/order")
    signed, _, signature = asked.body.rpartition("&signature=")
    assert signature == hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
    assert asked.headers["X-MBX-APIKEY"] == KEY
    assert asked.params == {
        "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "reduceOnly": "false",
        "newClientOrderId": "qo-1", "newOrderRespType": "RESULT", "timestamp": "1700000000123", "recvWindow": "1234",
        "signature": signature,
    }  # fmt: skip


async def test_other_calls_are_signed_with_the_exchanges_time_and_the_window_of_the_settings() -> None:
    async with (
        scripted_exchange(
            **{"GET /v1/time": Reply(body={"serverTime": 5_000}), "GET /v1/order": Reply(body=LOOKED_UP)}
        ) as server,
        connected(server, quantum_recv_window_ms=777) as exchange,
    ):
        await exchange.orders.order("BTCUSDT", "qo-1")
        (asked,) = server.requests("GET", "/v1/order")
    assert asked.params["recvWindow"] == "777"
    assert 5_000 <= int(asked.params["timestamp"]) < 65_000
    signed, _, signature = asked.query.rpartition("&signature=")
    assert signature == hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()


async def test_the_answer_to_an_order_has_no_price_even_where_one_stands_in_it() -> None:
    assert await place(Reply(body=PLACED)) == Accepted(
        OrderView(
            symbol="BTCUSDT", side=Side.BUY, order_id=8389765500000000123, client_order_id="qo-1", status="FILLED",
            orig_qty=Decimal("0.010"), executed_qty=Decimal("0.010"), avg_price=None, cum_quote=None,
            update_ms=1566818724722,
        )
    )  # fmt: skip


async def test_a_close_is_reduce_only_on_the_wire() -> None:
    close = OrderRequest("BTCUSDT", Side.BUY, Decimal(1), True, "qo-1", 1, 1000)
    async with scripted_exchange(**{"POST /v1/order": Reply(body=PLACED)}) as server, connected(server) as exchange:
        await exchange.orders.place(close)
        assert server.requests("POST", "/v1/order")[0].params["reduceOnly"] == "true"


BUS = "An unexpected response was received from the message bus. Execution status unknown."
BACKEND = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
DOUBTFUL = "Unknown error, please check your request or try again later."
INTERNAL = "Internal error; unable to process your request. Please try again."
THROTTLED = "Request throttled by system-level protection. Please try again."
BANNED = "Way too many requests; IP banned until 1700000000000."


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        # A definite no.
        (error(400, -2019, "Margin is insufficient."), Refused),
        (error(400, -2022, "ReduceOnly Order is rejected."), Refused),
        (error(400, -1021, "Timestamp for this request is outside of the recvWindow."), Refused),
        (error(400, -5028, "Timestamp for this request is outside of the ME recvWindow."), Refused),
        (error(400, -1111, "Precision is over the maximum defined for this asset."), Refused),
        (error(400, -4164, "Order's notional must be no smaller than 50."), Refused),
        (error(401, -2015, "Invalid API-key, IP, or permissions for action."), Refused),
        (error(200, -2022, "ReduceOnly Order is rejected."), Refused),
        # Provably not carried out.
        (error(503, -1008, THROTTLED), NotSent),
        (error(503, None, "Service Unavailable."), NotSent),
        (Reply(503, text="Service Unavailable.", content_type="text/plain"), NotSent),
        (error(503, -1001, INTERNAL), NotSent),
        (error(429, -1003, "Too many requests.", Retry_After="2"), NotSent),
        (error(429, -1015, "Too many new orders; current limit is 300 orders per TEN_SECONDS."), NotSent),
        (error(418, -1003, BANNED), NotSent),
        (Reply(429, text="<html>slow down</html>", content_type="text/html"), NotSent),
        # Nothing is proved.
        (error(503, None, DOUBTFUL), Unknown),
        (error(503, -1016, "This service is no longer available."), Unknown),
        (error(500, -1001, INTERNAL), Unknown),
        (error(503, -1001, "Disconnected."), Unknown),
        (error(400, -1000, "An unknown error occured while processing the request."), Unknown),
        (error(400, -1006, BUS), Unknown),
        (error(500, -1006, BUS), Unknown),
        (error(408, -1007, BACKEND), Unknown),
        (error(408, None, ""), Unknown),
        (error(500, -9999, "whatever"), Unknown),
        (error(502, 0, "bad gateway"), Unknown),
        (Reply(502, text="<html>bad gateway</html>", content_type="text/html"), Unknown),
        (Reply(503, text="<h1>503 Service Unavailable</h1>", content_type="text/html"), Unknown),
        (Reply(403, text="<html>firewall</html>", content_type="text/html"), Unknown),
        (Reply(400, ["a", "list"]), Unknown),
        (Reply(302, text="", headers={"Location": "/elsewhere"}), Unknown),
        (error(400, -4116, "ClientOrderId is duplicated."), Unknown),
        (Reply(200, text="no json", content_type="text/plain"), Unknown),
        (Reply(200, text=""), Unknown),
        (Reply(200, ["a", "list"]), Unknown),
        (Reply(200, PLACED | {"clientOrderId": "qo-2"}), Unknown),
        (Reply(200, PLACED | {"orderId": "1"}), Unknown),
        (Reply(200, PLACED | {"origQty": 0.01}), Unknown),
        (Reply(200, PLACED | {"side": "HOLD"}), Unknown),
        (Reply(drop=True), Unknown),
    ],
    ids=lambda value: f"{value.status} {value.text or value.body}"[:70] if isinstance(value, Reply) else value.__name__,
)
async def test_every_answer_to_an_order_has_one_meaning(answer: Reply, kind: type) -> None:
    assert isinstance(await place(answer), kind)


async def test_a_refusal_bears_the_exchanges_code_and_text() -> None:
    assert await place(error(400, -2019, "Margin is insufficient.")) == Refused(-2019, "Margin is insufficient.")


async def test_an_order_without_an_answer_in_time_is_unknown() -> None:
    async def never(_: Asked) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    async with (
        scripted_exchange(**{"POST /v1/order": never}) as server,
        connected(server, quantum_request_timeout_ms=100) as exchange,
    ):
        assert isinstance(await exchange.orders.place(REQUEST), Unknown)


async def test_an_order_to_a_closed_port_was_not_sent() -> None:
    async with scripted_exchange() as server:
        url = server.url
        async with connected(server) as exchange:
            await exchange.orders.server_time_ms()
            closing = exchange
            assert url
            # The session is ready; the server goes away before the order.
            exchange.session.client.FUTURES_URL = "http://127.0.0.1:1/fapi"
            outcome = await closing.orders.place(REQUEST)
    assert isinstance(outcome, NotSent)
    assert not outcome.rate_limited


async def test_an_order_to_a_name_that_nobody_knows_was_not_sent() -> None:
    async with scripted_exchange() as server, connected(server) as exchange:
        await exchange.orders.server_time_ms()
        exchange.session.client.FUTURES_URL = "http://nowhere.invalid/fapi"
        assert isinstance(await exchange.orders.place(REQUEST), NotSent)


async def test_a_rate_limit_is_not_sent_and_names_the_wait() -> None:
    outcome = await place(error(429, -1003, "Too many requests.", Retry_After="7"))
    assert isinstance(outcome, NotSent)
    assert outcome.rate_limited
    assert 6_500 <= outcome.retry_after_ms <= 7_000


async def test_nothing_is_sent_before_the_end_of_a_ban() -> None:
    async with (
        scripted_exchange(
            **{"POST /v1/order": error(418, -1003, "Way too many requests.", Retry_After="60")}
        ) as server,
        connected(server) as exchange,
    ):
        await exchange.orders.place(REQUEST)
        again = await exchange.orders.place(REQUEST)
        assert isinstance(again, NotSent)
        assert again.rate_limited
        assert again.retry_after_ms > 50_000
        with pytest.raises(ExchangeUnavailable):
            await exchange.orders.open_stops()
        assert len(server.requests("POST", "/v1/order")) == 1
        assert not server.requests("GET", "/v1/openAlgoOrders")


async def test_a_cancelled_order_stays_cancelled() -> None:
    reached, never = asyncio.Event(), asyncio.Event()

    async def hang(_: Asked) -> Reply:
        reached.set()
        await never.wait()
        return Reply()

    async with scripted_exchange(**{"POST /v1/order": hang}) as server, connected(server) as exchange:
        placing = asyncio.create_task(exchange.orders.place(REQUEST))
        await reached.wait()
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
        never.set()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (error(400, -2013, "Order does not exist."), NotFound()),
        (error(400, -1102, "Mandatory parameter"), Unknown("code -1102: Mandatory parameter")),
        (error(503, None, "Service Unavailable."), Unknown("HTTP 503: Service Unavailable.")),
        (error(400, -1000, "Unknown."), Unknown("HTTP 400, code -1000: Unknown.")),
    ],
)
async def test_a_lookup_without_an_order_tells_absence_from_ignorance(answer: Reply, outcome: object) -> None:
    async with scripted_exchange(**{"GET /v1/order": answer}) as server, connected(server) as exchange:
        assert await exchange.orders.order("BTCUSDT", "qo-1") == outcome
        assert server.requests("GET", "/v1/order")[0].params["origClientOrderId"] == "qo-1"


async def test_a_lookup_finds_the_order_with_its_price() -> None:
    async with scripted_exchange(**{"GET /v1/order": Reply(body=LOOKED_UP)}) as server, connected(server) as exchange:
        found = await exchange.account.order_by_id("BTCUSDT", 17)
        assert server.requests("GET", "/v1/order")[0].params["orderId"] == "17"
    assert isinstance(found, Found)
    assert found.order.avg_price == Decimal("60000.10")
    assert found.order.cum_quote == Decimal("600.00100")


async def test_an_order_without_a_fill_has_no_average_price() -> None:
    unfilled = LOOKED_UP | {"avgPrice": "0.00", "cumQuote": "0", "executedQty": "0", "status": "NEW"}
    async with scripted_exchange(**{"GET /v1/order": Reply(body=unfilled)}) as server, connected(server) as exchange:
        found = await exchange.orders.order("BTCUSDT", "qo-1")
    assert isinstance(found, Found)
    assert found.order.avg_price is None
    assert not found.order.finished


async def test_a_lookup_with_a_refused_key_needs_an_operator() -> None:
    refused = error(401, -2015, "Invalid API-key, IP, or permissions for action.")
    async with scripted_exchange(**{"GET /v1/order": refused}) as server, connected(server) as exchange:
        with pytest.raises(ConfigurationRefused, match="-2015"):
            await exchange.orders.order("BTCUSDT", "qo-1")


async def test_entries_stop_before_closes_when_the_order_budget_runs_out() -> None:
    headers = {"x-mbx-order-count-1m": "1100"}
    close = OrderRequest("BTCUSDT", Side.BUY, Decimal(1), True, "qo-1", 1, 1000)
    server: ScriptedExchange
    async with (
        scripted_exchange(**{"POST /v1/order": Reply(body=PLACED, headers=headers)}) as server,
        connected(server) as exchange,
    ):
        assert isinstance(await exchange.orders.place(REQUEST), Accepted)
        held = await exchange.orders.place(REQUEST)
        assert isinstance(held, NotSent)
        assert held.rate_limited
        assert isinstance(await exchange.orders.place(close), Accepted)
