"""The adapter on the paper exchange, over the wire: orders, stops, account, and every fault of the menu."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from quantum_common.clock import SystemClock
from quantum_common.exchange.connect import Exchange, open_exchange
from quantum_common.exchange.outcome import Accepted, Done, Found, NotFound, NotSent, Placing, Refused, Unknown
from quantum_common.exchange.port import ConfigurationRefused, ExchangeUnavailable, OrderRequest, StopRequest
from quantum_common.messages import Side
from quantum_common.settings import CommonSettings
from tests.paper import API_KEY, API_SECRET, PaperProcess, start_paper

SYMBOL = "BTCUSDT"
CREDENTIALS = (SecretStr(API_KEY), SecretStr(API_SECRET))
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperProcess]:
    """One paper exchange for the module, its prices standing still."""
    process = start_paper(tmp_path_factory.mktemp("paper"), "--market", "synthetic:7", "--symbols", "3")
    process.control("POST", "market", paused=True)
    yield process
    process.stop()


@pytest.fixture
async def exchange(paper: PaperProcess) -> AsyncIterator[Exchange]:
    """The adapter on it, without a fault and without a position."""
    paper.control("DELETE", "faults")
    settings = CommonSettings(quantum_paper_url=paper.url, quantum_request_timeout_ms=1000)
    async with open_exchange(settings, CREDENTIALS, (), SystemClock()) as opened:
        yield opened
        await asyncio.to_thread(paper.control, "DELETE", "faults")


async def request(exchange: Exchange, side: Side = Side.BUY, qty: str = "0.01", **changed: Any) -> OrderRequest:
    values: dict[str, Any] = {
        "symbol": SYMBOL, "side": side, "qty": Decimal(qty), "reduce_only": False,
        "client_order_id": f"qo-{next(_numbers)}", "stamp_ms": await exchange.orders.server_time_ms(),
        "recv_window_ms": 5000,
    }  # fmt: skip
    return OrderRequest(**(values | changed))


async def fault(paper: PaperProcess, kind: str, **order: Any) -> None:
    await asyncio.to_thread(paper.fault, kind, **order)


async def test_an_order_is_placed_found_and_booked_as_trades(exchange: Exchange) -> None:
    before = await exchange.account.trades(SYMBOL, None)
    sent = await request(exchange)
    placed = await exchange.orders.place(sent)
    assert isinstance(placed, Accepted)
    assert placed.order.executed_qty == sent.qty
    assert placed.order.avg_price is None
    found = await exchange.orders.order(SYMBOL, sent.client_order_id)
    assert isinstance(found, Found)
    assert found.order.avg_price is not None
    assert await exchange.account.order_by_id(SYMBOL, placed.order.order_id) == found
    trades = await exchange.account.trades(SYMBOL, before[-1].trade_id + 1 if before else 1)
    assert sum((trade.qty for trade in trades), Decimal(0)) == sent.qty
    assert {trade.order_id for trade in trades} == {placed.order.order_id}
    assert sum((trade.qty * trade.price for trade in trades), Decimal(0)) == found.order.cum_quote


async def test_positions_and_wallet_follow_the_trades(exchange: Exchange) -> None:
    before = {position.symbol: position for position in await exchange.account.positions()}
    wallet = await exchange.account.wallet_balance()
    assert len(before) == 3, "flat symbols are included"
    assert isinstance(await exchange.orders.place(await request(exchange)), Accepted)
    after = {position.symbol: position for position in await exchange.account.positions()}
    assert after[SYMBOL].position_amt == before[SYMBOL].position_amt + Decimal("0.01")
    (trade,) = await exchange.account.trades(SYMBOL, None, limit=1)
    assert await exchange.account.wallet_balance() == wallet - trade.fee


async def test_a_refusal_is_the_exchanges_own_word(exchange: Exchange) -> None:
    assert await exchange.orders.place(await request(exchange, qty="0.0001")) == Refused(
        -1111, "Precision is over the maximum defined for this asset."
    )
    too_much = await exchange.orders.place(await request(exchange, qty="5"))
    assert isinstance(too_much, Refused)
    assert too_much.code == -2019


async def test_a_close_beyond_nothing_is_refused(exchange: Exchange) -> None:
    refused = await exchange.orders.place(await request(exchange, symbol="ETHUSDT", side=Side.SELL, reduce_only=True))
    assert isinstance(refused, Refused)
    assert refused.code == -2022


async def test_the_exchange_itself_refuses_a_stamp_that_is_too_old(exchange: Exchange) -> None:
    old = await exchange.orders.server_time_ms() - 10_000
    late = await request(exchange, stamp_ms=old)
    refused = await exchange.orders.place(late)
    assert isinstance(refused, Refused)
    assert refused.code == -1021
    assert await exchange.orders.order(SYMBOL, late.client_order_id) == NotFound()


async def test_a_stop_stands_once_and_is_gone_once(exchange: Exchange) -> None:
    stop = StopRequest(SYMBOL, Side.SELL, Decimal("1000.50"), f"qs-{next(_numbers)}")
    assert isinstance(await exchange.orders.place(await request(exchange)), Accepted)
    assert isinstance(await exchange.orders.place_stop(stop), Done)
    assert isinstance(await exchange.orders.place_stop(stop), Done)
    (view,) = await exchange.orders.open_stops()
    assert (view.client_id, view.trigger_price, view.close_position) == (stop.client_id, Decimal("1000.50"), True)
    assert isinstance(await exchange.orders.cancel_stop(stop.client_id), Done)
    assert isinstance(await exchange.orders.cancel_stop(stop.client_id), Done)
    assert await exchange.orders.open_stops() == []


async def test_a_stop_on_the_wrong_side_of_the_mark_is_refused(exchange: Exchange) -> None:
    wrong = StopRequest(SYMBOL, Side.SELL, Decimal(200_000), f"qs-{next(_numbers)}")
    refused = await exchange.orders.place_stop(wrong)
    assert isinstance(refused, Refused)
    assert refused.code == -2021


async def test_the_leverage_is_set_and_read_back(exchange: Exchange) -> None:
    assert await exchange.orders.set_leverage("ETHUSDT", 7) == Done("7")
    leverage = {position.symbol: position.leverage for position in await exchange.account.positions()}
    assert leverage["ETHUSDT"] == 7
    refused = await exchange.orders.set_leverage("ETHUSDT", 1000)
    assert isinstance(refused, Refused)
    assert refused.code == -4028


async def test_funding_payments_are_read(exchange: Exchange, paper: PaperProcess) -> None:
    assert isinstance(await exchange.orders.place(await request(exchange)), Accepted)
    since_ms = await exchange.orders.server_time_ms() - 1
    await asyncio.to_thread(paper.control, "POST", "market", symbol=SYMBOL, funding="0.0001")
    (payment,) = await exchange.account.funding(since_ms)
    assert payment.symbol == SYMBOL
    assert payment.amount < 0


@pytest.mark.parametrize(
    ("kind", "outcome", "executed"),
    [
        ("drop_before", Unknown, False),
        ("drop_after", Unknown, True),
        ("unknown_503_before", Unknown, False),
        ("unknown_503_after", Unknown, True),
        ("timeout_1007_before", Unknown, False),
        ("timeout_1007_after", Unknown, True),
        ("bus_1006_before", Unknown, False),
        ("bus_1006_after", Unknown, True),
        ("service_unavailable", NotSent, False),
        ("throttled_1008", NotSent, False),
        ("internal_1001", NotSent, False),
        ("too_many_requests", NotSent, False),
        ("banned", NotSent, False),
    ],
)
async def test_every_fault_has_its_meaning_and_the_lookup_settles_it(
    exchange: Exchange, paper: PaperProcess, kind: str, outcome: type[Placing], *, executed: bool
) -> None:
    sent = await request(exchange)
    await fault(paper, kind, count=1, path="/order", retry_after_s=0)
    answer = await exchange.orders.place(sent)
    assert isinstance(answer, outcome)
    while isinstance(settled := await exchange.orders.order(SYMBOL, sent.client_order_id), Unknown):
        await asyncio.sleep(0.05)
    assert isinstance(settled, Found if executed else NotFound)


async def test_an_answer_that_comes_too_late_is_unknown(exchange: Exchange, paper: PaperProcess) -> None:
    sent = await request(exchange)
    await fault(paper, "delay_answer", count=1, path="/order", delay_ms=1500)
    assert isinstance(await exchange.orders.place(sent), Unknown)
    assert isinstance(await exchange.orders.order(SYMBOL, sent.client_order_id), Found)


async def test_nothing_is_sent_before_retry_after_has_passed(exchange: Exchange, paper: PaperProcess) -> None:
    await fault(paper, "too_many_requests", count=1, path="/order", retry_after_s=30)
    first = await exchange.orders.place(await request(exchange))
    assert isinstance(first, NotSent)
    assert first.rate_limited
    assert first.retry_after_ms > 29_000
    with pytest.raises(ExchangeUnavailable):
        await exchange.account.positions()
    assert isinstance(await exchange.orders.place(await request(exchange)), NotSent)


async def test_a_skewed_clock_is_noticed_and_measured_again(exchange: Exchange, paper: PaperProcess) -> None:
    await exchange.orders.server_time_ms()
    await fault(paper, "clock_skew", skew_ms=20_000)
    refused = await exchange.orders.place(await request(exchange))
    assert isinstance(refused, Refused)
    assert refused.code == -1021
    while exchange.session.server_clock.offset_ms < 19_000:
        await asyncio.sleep(0.01)
    assert isinstance(await exchange.orders.place(await request(exchange)), Accepted)


async def test_a_key_that_the_exchange_does_not_know_needs_an_operator(paper: PaperProcess) -> None:
    settings = CommonSettings(quantum_paper_url=paper.url)
    strange = (SecretStr("Paper" + "x" * 59), SecretStr(API_SECRET))
    async with open_exchange(settings, strange, (), SystemClock()) as opened:
        with pytest.raises(ConfigurationRefused, match="-2015"):
            await opened.account.positions()


async def test_hedge_mode_needs_an_operator(tmp_path_factory: pytest.TempPathFactory) -> None:
    process = start_paper(tmp_path_factory.mktemp("hedge"), "--market", "synthetic:7", "--symbols", "1")
    try:
        settings = CommonSettings(quantum_paper_url=process.url)
        async with open_exchange(settings, CREDENTIALS, (), SystemClock()) as one_way:
            await one_way.orders.server_time_ms()
            await one_way.session.client.futures_change_position_mode(dualSidePosition="true")
            with pytest.raises(ConfigurationRefused, match="hedge"):
                await one_way.account.positions()
        async with open_exchange(settings, CREDENTIALS, (), SystemClock()) as hedged:
            with pytest.raises(ConfigurationRefused, match="hedge"):
                await hedged.orders.server_time_ms()
    finally:
        process.stop()
