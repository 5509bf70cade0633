"""Stops and leverage over the wire."""

from decimal import Decimal

import pytest

from quantum_common.exchange.outcome import Done, Refused, Unknown
from quantum_common.exchange.port import StopRequest, StopView
from quantum_common.messages import Side
from tests.unit.exchange.scripted import Reply, connected, scripted_exchange
from tests.unit.exchange.test_orders import error

STOP = StopRequest("BTCUSDT", Side.SELL, Decimal("59000.50"), "qs-1")
ALGO = {"algoId": 3000000000001, "clientAlgoId": "qs-1", "algoStatus": "NEW", "symbol": "BTCUSDT", "side": "SELL"}


async def test_a_stop_closes_the_position_on_the_mark_price_under_our_id() -> None:
    async with scripted_exchange(**{"POST /v1/algoOrder": Reply(body=ALGO)}) as server, connected(server) as exchange:
        assert await exchange.orders.place_stop(STOP) == Done("3000000000001")
        params = server.requests("POST", "/v1/algoOrder")[0].params
    del params["timestamp"], params["signature"]
    assert params == {
        "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
        "triggerPrice": "59000.5", "closePosition": "true", "workingType": "MARK_PRICE", "clientAlgoId": "qs-1",
        "recvWindow": "5000",
    }  # fmt: skip


DUPLICATE = error(400, -4116, "ClientOrderId is duplicated.")


@pytest.mark.parametrize(
    ("looked_up", "kind"),
    [
        (Reply(body=ALGO), Done),
        (error(400, -2013, "Order does not exist."), Unknown),
        (Reply(body=ALGO | {"clientAlgoId": "qs-2"}), Unknown),
        (Reply(body=ALGO | {"algoStatus": "CANCELED"}), Unknown),
        (Reply(drop=True), Unknown),
    ],
)
async def test_a_duplicate_stop_is_done_only_where_it_is_found(looked_up: Reply, kind: type) -> None:
    scripts = {"POST /v1/algoOrder": DUPLICATE, "GET /v1/algoOrder": looked_up}
    async with scripted_exchange(**scripts) as server, connected(server) as exchange:
        assert isinstance(await exchange.orders.place_stop(STOP), kind)


async def test_a_stop_that_would_trigger_at_once_is_refused() -> None:
    answer = error(400, -2021, "Order would immediately trigger.")
    async with scripted_exchange(**{"POST /v1/algoOrder": answer}) as server, connected(server) as exchange:
        assert await exchange.orders.place_stop(STOP) == Refused(-2021, "Order would immediately trigger.")


async def test_the_answer_about_another_stop_proves_nothing() -> None:
    answer = Reply(body=ALGO | {"clientAlgoId": "qs-9"})
    async with scripted_exchange(**{"POST /v1/algoOrder": answer}) as server, connected(server) as exchange:
        assert isinstance(await exchange.orders.place_stop(STOP), Unknown)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Reply(body={"algoId": 1, "clientAlgoId": "qs-1", "code": "200", "msg": "success"}), Done),
        (error(400, -2011, "Unknown order sent."), Done),
        (error(400, -2013, "Order does not exist."), Done),
        (error(400, -1102, "Mandatory parameter"), Refused),
        (error(500, -1000, "Unknown."), Unknown),
    ],
)
async def test_cancelling_a_stop_that_is_gone_is_done(answer: Reply, kind: type) -> None:
    async with scripted_exchange(**{"DELETE /v1/algoOrder": answer}) as server, connected(server) as exchange:
        assert isinstance(await exchange.orders.cancel_stop("qs-1"), kind)
        assert server.requests("DELETE", "/v1/algoOrder")[0].params["clientAlgoId"] == "qs-1"


async def test_open_stops_are_read_for_all_symbols() -> None:
    row = ALGO | {"triggerPrice": "59000.5", "closePosition": True, "quantity": "0.000", "createTime": 7}
    part = row | {"clientAlgoId": "web_x", "closePosition": False, "quantity": "0.5"}
    answer = Reply(body=[row, part])
    async with scripted_exchange(**{"GET /v1/openAlgoOrders": answer}) as server, connected(server) as exchange:
        assert await exchange.orders.open_stops() == [
            StopView("BTCUSDT", "qs-1", Side.SELL, Decimal("59000.5"), True, Decimal(0), 7),
            StopView("BTCUSDT", "web_x", Side.SELL, Decimal("59000.5"), False, Decimal("0.5"), 7),
        ]


@pytest.mark.parametrize(("answered", "kind"), [(5, Done), (20, Unknown)])
async def test_the_leverage_is_done_only_where_the_answer_names_it(answered: int, kind: type) -> None:
    body = {"leverage": answered, "maxNotionalValue": "1000000", "symbol": "BTCUSDT"}
    async with scripted_exchange(**{"POST /v1/leverage": Reply(body=body)}) as server, connected(server) as exchange:
        assert isinstance(await exchange.orders.set_leverage("BTCUSDT", 5), kind)
        assert server.requests("POST", "/v1/leverage")[0].params["leverage"] == "5"
