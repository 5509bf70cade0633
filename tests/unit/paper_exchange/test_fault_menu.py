"""The fault menu: which fault strikes whom, how often and how long."""

import pytest
from pydantic import ValidationError

from services.paper_exchange.faults import REQUEST_KINDS, FaultKind, FaultMenu, FaultOrder

ORDER = ("POST", "/fapi/v1/order", "BTCUSDT")


def menu_of(**order: object) -> FaultMenu:
    """A menu with one fault laid at time 0."""
    menu = FaultMenu(seed=1)
    menu.lay(FaultOrder.model_validate({"kind": "drop_before", **order}), 0)
    return menu


def test_nothing_laid_nothing_strikes() -> None:
    menu = FaultMenu(seed=1)
    assert menu.strike_request(REQUEST_KINDS, ORDER, 0) is None
    assert menu.strike_event("ACCOUNT_UPDATE", None, 0) is None
    assert menu.standing(FaultKind.LATE_READS, 0) is None


@pytest.mark.parametrize(
    ("filters", "strikes"),
    [
        ({}, True),
        ({"method": "POST"}, True),
        ({"method": "GET"}, False),
        ({"path": "/order"}, True),
        ({"path": "/openOrders"}, False),
        ({"symbol": "BTCUSDT"}, True),
        ({"symbol": "ETHUSDT"}, False),
        ({"probability": "0"}, False),
        ({"probability": "1.0"}, True),
        ({"kind": "delay"}, False),
    ],
)
def test_filters_choose_the_requests(filters: dict[str, object], strikes: bool) -> None:
    assert (menu_of(**filters).strike_request(REQUEST_KINDS, ORDER, 0) is not None) is strikes


def test_a_count_is_spent_and_a_time_runs_out() -> None:
    counted = menu_of(count=2)
    assert [counted.strike_request(REQUEST_KINDS, ORDER, 0) is not None for _ in range(3)] == [True, True, False]
    timed = menu_of(duration_ms=100)
    assert timed.strike_request(REQUEST_KINDS, ORDER, 99) is not None
    assert timed.strike_request(REQUEST_KINDS, ORDER, 100) is None


def test_the_first_live_fault_strikes() -> None:
    menu = menu_of(count=1)
    menu.lay(FaultOrder(kind=FaultKind.BANNED), 0)
    struck = [menu.strike_request(REQUEST_KINDS, ORDER, 0) for _ in range(3)]
    assert [order.kind for order in struck if order] == ["drop_before", "banned", "banned"]
    assert [fault.shown()["struck"] for fault in menu.all()] == [1, 2]
    menu.clear()
    assert menu.all() == []


def test_chance_repeats_with_its_seed() -> None:
    def run() -> list[bool]:
        menu = menu_of(probability="0.3")
        return [menu.strike_request(REQUEST_KINDS, ORDER, 0) is not None for _ in range(200)]

    assert run() == run()
    assert 30 < sum(run()) < 90


def test_events_are_chosen_by_type_and_symbol() -> None:
    menu = menu_of(kind="drop_event", event="TRADE_LITE", symbol="BTCUSDT")
    assert menu.strike_event("TRADE_LITE", "ETHUSDT", 0) is None
    assert menu.strike_event("ACCOUNT_UPDATE", "BTCUSDT", 0) is None
    assert menu.strike_event("TRADE_LITE", "BTCUSDT", 0) is not None


def test_a_standing_fault_is_not_spent_by_being_looked_at() -> None:
    menu = menu_of(kind="late_reads", duration_ms=50, delay_ms=7)
    for now_ms in (0, 10, 49):
        found = menu.standing(FaultKind.LATE_READS, now_ms)
        assert found is not None
        assert found.delay_ms == 7
    assert menu.standing(FaultKind.LATE_READS, 50) is None


@pytest.mark.parametrize(
    "order", [{"kind": "plague"}, {"probability": "2"}, {"count": 0}, {"delay_ms": -1}, {"colour": "red"}]
)
def test_an_order_off_the_menu_is_refused(order: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        menu_of(**order)
