"""The account port's reads over the wire."""

from decimal import Decimal
from typing import Any

import pytest

from quantum_common.exchange.port import ConfigurationRefused, ExchangeUnavailable, FundingView
from tests.unit.exchange.scripted import Asked, Reply, connected, scripted_exchange
from tests.unit.exchange.test_rows import POSITION


def trade(trade_id: int) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "id": trade_id, "orderId": 9, "side": "BUY", "price": "1", "qty": "1", "realizedPnl": "0",
        "commission": "0", "commissionAsset": "USDT", "time": trade_id,
    }  # fmt: skip


def trades_from(count: int) -> Any:
    """Answer as userTrades does: rising ids, the oldest first where no id is given."""

    def answer(asked: Asked) -> Reply:
        first = int(asked.params.get("fromId", 1))
        return Reply(body=[trade(item) for item in range(first, count + 1)][: int(asked.params["limit"])])

    return answer


async def test_one_call_reads_every_position_flat_ones_included() -> None:
    answer = Reply(body=[POSITION, POSITION | {"symbol": "ETHUSDT", "positionAmt": "0"}])
    async with scripted_exchange(**{"GET /v2/positionRisk": answer}) as server, connected(server) as exchange:
        positions = await exchange.account.positions()
        assert [position.symbol for position in positions] == ["BTCUSDT", "ETHUSDT"]
        (asked,) = server.requests("GET", "/v2/positionRisk")
        assert "symbol" not in asked.params


async def test_the_wallet_balance_is_read_from_version_three() -> None:
    answer = Reply(body=[{"asset": "USDT", "balance": "10000.50000000"}])
    async with scripted_exchange(**{"GET /v3/balance": answer}) as server, connected(server) as exchange:
        assert await exchange.account.wallet_balance() == Decimal("10000.50")


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 2500])
async def test_trades_from_an_id_on_are_read_to_the_last(count: int) -> None:
    async with scripted_exchange(**{"GET /v1/userTrades": trades_from(count)}) as server, connected(server) as exchange:
        found = await exchange.account.trades("BTCUSDT", 1)
        assert [item.trade_id for item in found] == list(range(1, count + 1))
        assert len(server.requests("GET", "/v1/userTrades")) == count // 1000 + 1


async def test_without_an_id_the_newest_trades_are_returned_in_rising_order() -> None:
    async with scripted_exchange(**{"GET /v1/userTrades": trades_from(1500)}) as server, connected(server) as exchange:
        found = await exchange.account.trades("BTCUSDT", None, limit=10)
        assert [item.trade_id for item in found] == list(range(1491, 1501))
        assert "fromId" not in server.requests("GET", "/v1/userTrades")[0].params


async def test_a_small_limit_is_the_size_of_the_pages() -> None:
    async with scripted_exchange(**{"GET /v1/userTrades": trades_from(5)}) as server, connected(server) as exchange:
        assert len(await exchange.account.trades("BTCUSDT", 2, limit=2)) == 4
        assert [asked.params["fromId"] for asked in server.requests("GET", "/v1/userTrades")] == ["2", "4", "6"]


def income(tran_id: int, time_ms: int, asset: str = "USDT") -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "incomeType": "FUNDING_FEE", "income": "-0.1", "asset": asset, "info": "FUNDING_FEE",
        "time": time_ms, "tranId": tran_id, "tradeId": "",
    }  # fmt: skip


def income_since(rows: list[dict[str, Any]]) -> Any:
    def answer(asked: Asked) -> Reply:
        assert asked.params["incomeType"] == "FUNDING_FEE"
        found = [row for row in rows if row["time"] >= int(asked.params["startTime"])]
        return Reply(body=found[: int(asked.params["limit"])])

    return answer


async def test_funding_is_read_in_order_and_only_in_usdt() -> None:
    rows = [income(2, 20), income(1, 10), income(3, 30, "USDC"), income(4, 5)]
    async with scripted_exchange(**{"GET /v1/income": income_since(rows)}) as server, connected(server) as exchange:
        assert await exchange.account.funding(10) == [
            FundingView("BTCUSDT", 1, Decimal("-0.1"), 10),
            FundingView("BTCUSDT", 2, Decimal("-0.1"), 20),
        ]


async def test_funding_of_many_symbols_at_one_moment_is_paged_without_loss() -> None:
    rows = [income(item, 10 + item // 600) for item in range(1900)]
    async with scripted_exchange(**{"GET /v1/income": income_since(rows)}) as server, connected(server) as exchange:
        found = await exchange.account.funding(0)
        assert [payment.income_id for payment in found] == list(range(1900))
        starts = [int(asked.params["startTime"]) for asked in server.requests("GET", "/v1/income")]
        assert starts == [0, 11, 12]


async def test_a_moment_with_more_payments_than_a_page_does_not_stop_the_reading() -> None:
    rows = [*(income(item, 10) for item in range(1000)), income(2000, 11)]
    async with scripted_exchange(**{"GET /v1/income": income_since(rows)}) as server, connected(server) as exchange:
        assert len(await exchange.account.funding(10)) == 1001


@pytest.mark.parametrize(
    ("answer", "wait_ms"),
    [
        (Reply(500, {"code": -1000, "msg": "An unknown error occured."}), 500),
        (Reply(400, {"code": -1102, "msg": "Mandatory parameter."}), 500),
        (Reply(429, {"code": -1003, "msg": "Too many requests."}, headers={"Retry-After": "3"}), 2_500),
        (Reply(200, text="no json"), 500),
        (Reply(200, [{"symbol": "BTCUSDT"}]), 500),
        (Reply(drop=True), 500),
    ],
)
async def test_a_read_that_failed_is_not_an_empty_answer(answer: Reply, wait_ms: int) -> None:
    async with scripted_exchange(**{"GET /v2/positionRisk": answer}) as server, connected(server) as exchange:
        with pytest.raises(ExchangeUnavailable) as unavailable:
            await exchange.account.positions()
        assert unavailable.value.cause
        assert wait_ms <= unavailable.value.retry_after_ms <= wait_ms + 1000


@pytest.mark.parametrize("code", [-2014, -2015, -1022, -1002])
async def test_a_refused_key_needs_an_operator(code: int) -> None:
    answer = Reply(401, {"code": code, "msg": "no"})
    async with scripted_exchange(**{"GET /v2/positionRisk": answer}) as server, connected(server) as exchange:
        with pytest.raises(ConfigurationRefused, match=str(code)):
            await exchange.account.positions()
