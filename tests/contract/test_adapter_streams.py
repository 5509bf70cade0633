"""The adapter's streams on the paper exchange, over the wire: cuts, expired keys, missed bars, restarts."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from quantum_common.clock import SystemClock
from quantum_common.exchange.connect import Exchange, open_exchange
from quantum_common.exchange.outcome import Accepted
from quantum_common.exchange.port import (
    Connected,
    LeverageChanged,
    OrderRequest,
    PositionChanged,
    Traded,
    UserEvent,
    WalletChanged,
)
from quantum_common.messages import Side
from quantum_common.settings import CommonSettings
from tests.paper import API_KEY, API_SECRET, PaperProcess, start_paper

CREDENTIALS = (SecretStr(API_KEY), SecretStr(API_SECRET))
MINUTE_MS = 60_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
E = TypeVar("E", bound=UserEvent)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperProcess]:
    """One paper exchange for the module whose minutes last a third of a second."""
    process = start_paper(tmp_path_factory.mktemp("paper"), "--market", "synthetic:7", "--speed", "180")
    yield process
    process.stop()


@pytest.fixture
async def exchange(paper: PaperProcess) -> AsyncIterator[Exchange]:
    """The adapter on it, without a fault."""
    paper.control("DELETE", "faults")
    async with open_exchange(
        CommonSettings(quantum_paper_url=paper.url), CREDENTIALS, SYMBOLS, SystemClock()
    ) as opened:
        yield opened


async def fault(paper: PaperProcess, kind: str, **order: Any) -> None:
    await asyncio.to_thread(paper.fault, kind, **order)


async def event_of(exchange: Exchange, kind: type[E]) -> E:
    """Take events until one of a kind comes."""
    while True:
        event = await exchange.account.next_event()
        if isinstance(event, kind):
            return event


async def buy(exchange: Exchange, client_order_id: str, symbol: str = "BTCUSDT") -> Accepted:
    stamp_ms = await exchange.orders.server_time_ms()
    request = OrderRequest(symbol, Side.BUY, Decimal("0.1"), False, client_order_id, stamp_ms, 5000)
    placed = await exchange.orders.place(request)
    assert isinstance(placed, Accepted), placed
    return placed


async def test_a_fill_is_told_once_with_its_fee_and_client_id(exchange: Exchange) -> None:
    assert await exchange.account.next_event() == Connected()
    placed = await buy(exchange, "qo-streamed")
    filled, told = Decimal(0), []
    while filled < placed.order.executed_qty:
        told.append((await event_of(exchange, Traded)).trade)
        filled += told[-1].qty
    listed = {trade.trade_id: trade for trade in await exchange.account.trades("BTCUSDT", told[0].trade_id)}
    for trade in told:
        assert trade.client_order_id == "qo-streamed"
        same = listed[trade.trade_id]
        assert (trade.price, trade.qty, trade.fee, trade.realized_pnl) == (
            same.price, same.qty, same.fee, same.realized_pnl,
        )  # fmt: skip


async def test_position_wallet_and_leverage_are_told(exchange: Exchange) -> None:
    assert await exchange.account.next_event() == Connected()
    await buy(exchange, "qo-changes", "ETHUSDT")
    assert (await event_of(exchange, PositionChanged)).symbol == "ETHUSDT"
    assert (await event_of(exchange, WalletChanged)).reason == "ORDER"
    await exchange.orders.set_leverage("ETHUSDT", 9)
    assert await event_of(exchange, LeverageChanged) == LeverageChanged("ETHUSDT", 9)


@pytest.mark.parametrize("kind", ["ws_cut", "listen_key_expired"])
async def test_the_user_stream_comes_back_and_says_so(exchange: Exchange, paper: PaperProcess, kind: str) -> None:
    assert await exchange.account.next_event() == Connected()
    await fault(paper, kind)
    await event_of(exchange, Connected)
    await buy(exchange, f"qo-after-{kind}")
    assert (await event_of(exchange, Traded)).trade.client_order_id == f"qo-after-{kind}"


async def test_bars_come_once_and_in_order_through_cuts_and_silence(exchange: Exchange, paper: PaperProcess) -> None:
    history = {symbol: await exchange.market.history(symbol, "1m", 20) for symbol in SYMBOLS}
    taken = {symbol: [bar.open_ms for bar in bars] for symbol, bars in history.items()}
    cuts = [24, 27]
    while min(len(opened) for opened in taken.values()) < 30:
        for bar in await exchange.market.next_bars():
            taken[bar.symbol].append(bar.open_ms)
        if cuts and len(taken["BTCUSDT"]) >= cuts[0]:
            await fault(paper, "ws_cut")
            del cuts[0]
    for symbol in SYMBOLS:
        found = taken[symbol]
        assert found == list(range(found[0], found[-1] + 1, MINUTE_MS))


async def test_streamed_bars_are_those_of_the_history(exchange: Exchange) -> None:
    bars = [bar for _ in range(3) for bar in await exchange.market.next_bars()]
    await exchange.market.next_bars()
    for bar in bars:
        assert bar in await exchange.market.history(bar.symbol, "1m", 30)


async def test_an_exchange_that_restarts_is_found_again(tmp_path: Path) -> None:
    options = ("--market", "synthetic:7", "--symbols", "2", "--state", str(tmp_path / "state"))
    first = start_paper(tmp_path, *options)
    try:
        settings = CommonSettings(quantum_paper_url=first.url)
        async with open_exchange(settings, CREDENTIALS, ("BTCUSDT",), SystemClock()) as exchange:
            assert await exchange.account.next_event() == Connected()
            placed = await buy(exchange, "qo-before")
            await asyncio.to_thread(first.kill)
            again = await asyncio.to_thread(start_paper, tmp_path, *options, "--port", str(first.port))
            try:
                await event_of(exchange, Connected)
                trades = await exchange.account.trades("BTCUSDT", 1)
                assert {trade.order_id for trade in trades} == {placed.order.order_id}
                await buy(exchange, "qo-after")
            finally:
                again.stop()
    finally:
        first.stop()
