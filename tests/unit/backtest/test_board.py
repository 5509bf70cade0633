"""The board's own habits: what fades, what is pending, what is under way, and who is driven how."""

import asyncio

import pytest

from quantum_common.clock import ManualClock
from quantum_common.keys import GROUP_GOVERNOR, GROUP_P33, Keys
from services.backtest.board import Board, Fading, Flights
from services.backtest.clock import VirtualClock
from services.backtest.driving import Suspended, finish
from tests.unit.governor.builders import plan

KEYS = Keys()


def test_what_was_put_is_forgotten_after_its_time_and_takes_no_room() -> None:
    clock = ManualClock(1_000)
    fading: Fading[str, int] = Fading(clock, 100)
    fading.put("a", 1)
    clock.advance(60)
    fading.put("b", 2)
    clock.advance(40)
    assert fading.get("a") is None
    assert fading.get("b") == 2
    fading.put("c", 3)
    assert len(fading) == 2
    fading.put("b", 4)
    clock.advance(60)
    assert fading.get("b") == 4, "put again, it lasts anew"
    fading.pop("b")
    assert fading.get("b") is None


def test_an_entry_is_pending_with_each_group_until_that_group_is_done() -> None:
    board = Board(KEYS, ManualClock(1_000))
    message = board.send(KEYS.plans, plan())
    assert board.is_pending(GROUP_GOVERNOR, message)
    board.acknowledge(GROUP_GOVERNOR, message)
    assert not board.is_pending(GROUP_GOVERNOR, message)
    assert board.is_pending(GROUP_P33, message)
    assert list(board.take(KEYS.plans)) == [message]
    assert list(board.take(KEYS.plans)) == []


def test_what_is_under_way_is_forgotten_with_the_last_of_it() -> None:
    clock = ManualClock(1_000)
    board = Board(KEYS, clock)
    board.flights["AAAUSDT"] = Flights({"one": 1_100, "two": 1_200}, 1_200)
    clock.advance(150)
    assert board.under_way("AAAUSDT") == {"one": 1_100, "two": 1_200}
    clock.advance(50)
    assert board.under_way("AAAUSDT") == {}
    assert board.flights == {}


def test_the_clock_shows_market_time_or_a_faster_market_s_wall_and_never_goes_back() -> None:
    clock = VirtualClock(60_000, begin_ms=1_000, speed=60)
    clock.move_to(120_000, later_ms=5)
    assert clock.now_ms() == 2_005
    clock.move_to(60_000)
    assert clock.now_ms() == 2_005
    assert clock.shown_ms(180_000) == 3_000
    finish(clock.sleep_ms(500))
    assert clock.now_ms() == 2_505
    plain = VirtualClock(60_000)
    plain.move_to(61_000)
    assert plain.now_ms() == 61_000


def test_a_coroutine_that_waits_for_nobody_is_run_and_one_that_waits_is_an_error() -> None:
    async def at_once() -> int:
        return 7

    async def forever() -> None:
        await asyncio.sleep(0)

    assert finish(at_once()) == 7
    with pytest.raises(Suspended, match="forever"):
        finish(forever())
