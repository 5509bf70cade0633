"""The simulated port answers as the adapter does on a paper exchange over the wire: one sequence, the same outcomes."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from pydantic import SecretStr

from quantum_common.clock import SystemClock
from quantum_common.exchange.connect import open_exchange
from quantum_common.exchange.outcome import Accepted, Found, Refused
from quantum_common.exchange.port import AccountPort, OrderPort, OrderRequest, StopRequest
from quantum_common.messages import Side
from quantum_common.money import round_to_tick
from quantum_common.settings import CommonSettings
from tests.paper import API_KEY, API_SECRET, PaperProcess, start_paper
from tests.sim.exchange import Exchange
from tests.sim.port import SimPort
from tests.sim.world import START_MS, Odds, Process, World

SYMBOL = "BTCUSDT"
QTY = Decimal("0.005")


def shape(outcome: Any) -> tuple[object, ...]:
    """Return an outcome without what the market decides: prices, ids and times."""
    name = type(outcome).__name__
    match outcome:
        case Accepted(order) | Found(order):
            priced = order.avg_price is not None
            return (name, order.side, order.status, order.client_order_id, order.orig_qty, order.executed_qty, priced)
        case Refused(code, _):
            return (name, code)
        case _:
            return (name,)


async def sequence(orders: OrderPort, account: AccountPort) -> list[tuple[object, ...]]:
    """Do everything that the executor does, and some of what it must never do; return the outcomes' shapes."""
    seen: list[tuple[object, ...]] = []

    async def request(side: Side, name: str, **changed: Any) -> OrderRequest:
        stamp_ms = await orders.server_time_ms()
        return replace(OrderRequest(SYMBOL, side, QTY, False, f"qo-{name}", stamp_ms, 5000), **changed)

    async def place(side: Side, name: str, **changed: Any) -> None:
        seen.append(shape(await orders.place(await request(side, name, **changed))))

    async def stands() -> None:
        amounts = {view.symbol: view.position_amt for view in await account.positions()}
        stops = [(stop.client_id, stop.side, stop.close_position) for stop in await orders.open_stops()]
        trades = await account.trades(SYMBOL, None)
        net = sum((trade.side.sign * trade.qty for trade in trades), Decimal(0))
        rising = all(one.trade_id < two.trade_id for one, two in pairwise(trades))
        seen.append((amounts[SYMBOL], sorted(stops), net, rising, {trade.client_order_id for trade in trades}))

    await stands()
    seen.append(shape(await orders.set_leverage(SYMBOL, 7)))
    await place(Side.BUY, "one")
    await stands()
    seen.append(shape(await orders.order(SYMBOL, "qo-one")))
    seen.append(shape(await orders.order(SYMBOL, "qo-none")))
    mark = next(view.mark_price for view in await account.positions() if view.symbol == SYMBOL)
    tick = (await orders.rules())[SYMBOL].tick_size

    def stop(name: str, part: str, qty: Decimal | None = None) -> StopRequest:
        return StopRequest(SYMBOL, Side.SELL, round_to_tick(mark * Decimal(part), tick), f"qs-{name}", qty)

    wanted = (stop("one", "0.7"), stop("one", "0.7"), stop("two", "0.8"), stop("guard", "0.75", QTY))
    seen.extend([shape(await orders.place_stop(one)) for one in wanted])
    seen.append(shape(await orders.place_stop(stop("wrong", "1.3"))))
    await stands()
    seen.extend([shape(await orders.cancel_stop(name)) for name in ("qs-one", "qs-one", "qs-never")])
    await stands()
    await place(Side.BUY, "late", stamp_ms=await orders.server_time_ms() - 60_000)
    await place(Side.BUY, "small", qty=Decimal("0.0001"))
    await place(Side.BUY, "odd", qty=Decimal("0.00515"))
    await place(Side.SELL, "exit", reduce_only=True)
    await place(Side.SELL, "again", reduce_only=True)
    await place(Side.BUY, "one")  # its id is free again: unique among open orders only
    await place(Side.SELL, "more", reduce_only=True, qty=QTY * 2)
    await stands()
    return seen


def simulated() -> list[tuple[object, ...]]:
    """Run the sequence on the simulated port."""
    world = World(3, Odds())
    world.faulty = False
    exchange = Exchange(world)
    answers: list[tuple[object, ...]] = []

    async def main(process: Process) -> None:
        port = SimPort(exchange, process)
        answers.extend(await sequence(port, port))

    world.add(Process("somebody", main))
    world.run(START_MS + 20_000)
    assert not world.crashes
    return answers


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperProcess]:
    """A paper exchange of its own, its prices standing still."""
    process = start_paper(tmp_path_factory.mktemp("paper"), "--market", "synthetic:7", "--symbols", "3")
    process.control("POST", "market", paused=True)
    yield process
    process.stop()


@pytest.fixture
async def over_the_wire(paper: PaperProcess) -> AsyncIterator[list[tuple[object, ...]]]:
    """The sequence's outcomes through the adapter."""
    settings = CommonSettings(quantum_paper_url=paper.url, quantum_request_timeout_ms=2000)
    credentials = (SecretStr(API_KEY), SecretStr(API_SECRET))
    async with open_exchange(settings, credentials, (), SystemClock()) as opened:
        yield await sequence(opened.orders, opened.account)


async def test_the_same_sequence_has_the_same_outcomes_simulated_and_over_the_wire(
    over_the_wire: list[tuple[object, ...]],
) -> None:
    assert simulated() == over_the_wire
