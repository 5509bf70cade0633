"""The book between two ticks, and the structures behind the engine's lists."""

import ast
from pathlib import Path

import pytest

from services.paper_exchange.engine import engine as facade
from services.paper_exchange.engine.book import BookSide
from services.paper_exchange.engine.enums import OrderType
from services.paper_exchange.engine.records import AlgoOrder, Order
from services.paper_exchange.engine.resting import Resting
from services.paper_exchange.engine.triggers import Triggers
from tests.unit.paper_exchange.engine.scene import BTC, BUY, arm, d, exchange, flat_tick, levels, limit, place, stop

FORBIDDEN = {"aiohttp", "asyncio", "datetime", "os", "random", "redis", "secrets", "socket", "time", "uuid"}


def test_levels_are_taken_in_order_and_empty_ones_passed_over() -> None:
    side = BookSide()
    assert side.best() is None
    assert side.levels() == ()
    side.replace(levels(("10", "0"), ("11", "2"), ("12", "3")))
    side.take(d("1.5"))
    assert side.levels() == levels(("11", "0.5"), ("12", "3"))
    side.take(d("0.5"))
    assert side.best() == (d(12), d(3))
    assert (side.depth_below(d(12)), side.depth_below(d(11)), side.depth_above(d(12))) == (d(3), d(0), d(3))
    side.take(d(3))
    assert side.best() is None


def test_no_more_can_be_taken_than_there_is() -> None:
    side = BookSide()
    with pytest.raises(ValueError, match="more taken"):
        side.take(d(1))
    side.replace(levels(("10", "1")))
    with pytest.raises(ValueError, match="more taken"):
        side.take(d(2))


def test_a_tick_is_never_changed_by_what_is_taken() -> None:
    tick = flat_tick("100")
    side = BookSide()
    side.replace(tick.asks)
    side.take(d(1))
    assert tick == flat_tick("100")


def test_removing_what_does_not_wait_is_harmless() -> None:
    engine = exchange()
    order: Order = place(engine, limit(BUY, "0.1", "49000"))
    queue = Resting(BUY)
    assert not queue.remove(order)
    queue.add(order)
    assert (len(queue), list(queue)) == (1, [order.order_id])
    assert queue.remove(order)
    assert queue.best_price() is None
    algo: AlgoOrder = arm(engine, stop(OrderType.STOP_MARKET, BUY, "0.1", "50500"))
    triggers = Triggers()
    triggers.remove(algo)
    triggers.add(algo)
    triggers.remove(algo)
    assert triggers.due(algo.working_type, d(60_000)) == []


def test_the_market_shows_what_is_left_of_the_book() -> None:
    engine = exchange()
    view = engine.market(BTC)
    assert (view.last, view.mark, view.index_price) == (d(50_000), d(50_000), d(50_000))
    assert view.asks == levels(("50000.1", "100"))


def test_the_engine_imports_nothing_that_knows_time_chance_or_the_world() -> None:
    folder = Path(facade.__file__).parent
    for module in folder.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & FORBIDDEN, module.name
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in FORBIDDEN, module.name
