"""Stops that should stand, and the warden that mends them on its second look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast

import pytest
import structlog

from quantum_common.clock import ManualClock
from quantum_common.exchange.outcome import Commanding, Done, Refused
from quantum_common.exchange.port import ExchangeUnavailable, OrderPort, StopRequest, StopView, SymbolRules
from quantum_common.messages import Side
from services.intent_executor.guard import Repair, Standing, judge
from services.intent_executor.ports import Store
from services.intent_executor.settings import ExecutorSettings
from services.intent_executor.warden import Warden

LONG = Standing("BTCUSDT", Decimal("0.5"), Decimal(50_000), "qs-1", Decimal(49_000), 0)
SHORT = replace(LONG, position_amt=Decimal("-0.5"), trigger_price=Decimal(51_000))
FLAT = replace(LONG, position_amt=Decimal(0))


def stop(client_id: str, side: Side = Side.SELL, price: int = 49_000) -> StopView:
    return StopView("BTCUSDT", client_id, side, Decimal(price), close_position=True, qty=Decimal(0), created_ms=1)


@pytest.mark.parametrize(
    ("standing", "stops", "expected"),
    [
        (LONG, [stop("qs-1")], Repair()),
        (LONG, [stop("qg-7")], Repair()),
        (FLAT, [], Repair()),
        (FLAT, [stop("qs-1"), stop("qr-BTCUSDT", Side.BUY)], Repair(cancel=("qs-1", "qr-BTCUSDT"))),
        (FLAT, [stop("somebody's")], Repair()),
        (LONG, [stop("qs-1"), stop("qg-1")], Repair(cancel=("qg-1",))),
        (LONG, [stop("qs-8", price=48_000), stop("qs-9", price=49_500)], Repair(cancel=("qs-8",))),
        (SHORT, [stop("qs-8", Side.BUY, 52_000), stop("qs-9", Side.BUY, 51_000)], Repair(cancel=("qs-8",))),
        (LONG, [], Repair(StopRequest("BTCUSDT", Side.SELL, Decimal(49_000), "qr-BTCUSDT"))),
        (SHORT, [], Repair(StopRequest("BTCUSDT", Side.BUY, Decimal(51_000), "qr-BTCUSDT"))),
        (
            LONG,
            [stop("qs-1", Side.BUY)],
            Repair(StopRequest("BTCUSDT", Side.SELL, Decimal(49_000), "qr-BTCUSDT"), ("qs-1",)),
        ),
        (
            replace(LONG, trigger_price=Decimal(50_500)),  # the mark has run past it
            [],
            Repair(StopRequest("BTCUSDT", Side.SELL, Decimal("47500.0"), "qr-BTCUSDT")),
        ),
        (
            replace(SHORT, trigger_price=None),
            [],
            Repair(StopRequest("BTCUSDT", Side.BUY, Decimal("52500.0"), "qr-BTCUSDT")),
        ),
        (replace(LONG, mark_price=Decimal(0)), [], Repair()),
    ],
)
def test_each_position_has_one_stop_of_ours_and_a_flat_symbol_none(
    standing: Standing, stops: list[StopView], expected: Repair
) -> None:
    assert judge(standing, stops, Decimal("0.05"), Decimal("0.1")) == expected
    assert bool(expected) == (expected != Repair())


@dataclass
class World:
    """The ports that a warden asks, as a test sets them."""

    standing: Standing = LONG
    stops: list[StopView] = field(default_factory=list)
    answer: Commanding = field(default_factory=Done)
    away: bool = False
    placed: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)

    async def standings(self) -> Sequence[Standing]:
        return [self.standing]

    async def keep_stop(self, symbol: str, client_id: str, trigger_price: str, now_ms: int) -> None:
        self.kept.append((client_id, trigger_price))

    async def open_stops(self) -> Sequence[StopView]:
        if self.away:
            raise ExchangeUnavailable("away")
        return self.stops

    async def rules(self) -> Mapping[str, SymbolRules]:
        step = Decimal("0.001")
        return {"BTCUSDT": SymbolRules("BTCUSDT", "TRADING", Decimal("0.1"), step, step, Decimal(100), Decimal(50))}

    async def place_stop(self, request: StopRequest) -> Commanding:
        self.placed.append(request.client_id)
        return self.answer

    async def cancel_stop(self, client_id: str) -> Commanding:
        self.cancelled.append(client_id)
        return self.answer


def warden(world: World, **settings: Any) -> Warden:
    chosen = ExecutorSettings(intent_executor_allowlist=("BTCUSDT",), **settings)
    ports = cast("Store", world), cast("OrderPort", world)
    return Warden(*ports, ManualClock(1_000), structlog.get_logger(), chosen)


async def test_a_position_without_a_stop_gets_one_on_the_second_look() -> None:
    world = World()
    one = warden(world)
    await one.round()
    assert world.placed == []
    await one.round()
    assert world.placed == ["qr-BTCUSDT"]
    assert world.kept == [("qr-BTCUSDT", "49000")]


async def test_an_orphaned_stop_is_cancelled_on_the_second_look() -> None:
    world = World(FLAT, [stop("qs-1")])
    one = warden(world)
    await one.round()
    await one.round()
    assert world.cancelled == ["qs-1"]
    assert world.kept == [("", "")]


async def test_a_finding_that_is_gone_by_the_second_look_is_left_alone() -> None:
    world = World()
    one = warden(world)
    await one.round()
    world.stops = [stop("qs-2")]
    await one.round()
    world.stops = []
    await one.round()
    assert world.placed == []


async def test_a_symbol_with_a_plan_under_way_is_left_alone() -> None:
    world = World(replace(LONG, under_way_ms=2_000))
    one = warden(world)
    for _ in range(3):
        await one.round()
    assert world.placed == []


async def test_an_exchange_that_is_away_proves_nothing() -> None:
    world = World(away=True)
    one = warden(world)
    await one.round()
    world.away = False
    await one.round()
    assert world.placed == []


async def test_a_stop_that_is_refused_is_not_remembered() -> None:
    world = World(answer=Refused(-2021, "Order would immediately trigger."))
    one = warden(world)
    await one.round()
    await one.round()
    assert (world.placed, world.kept) == (["qr-BTCUSDT"], [])


async def test_a_warden_without_protective_stops_does_nothing() -> None:
    world = World()
    one = warden(world, intent_executor_protective_stops=False)
    await one.round()
    await one.round()
    assert world.placed == []
