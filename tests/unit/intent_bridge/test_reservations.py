"""Reservations: counted until the portfolio counts them, and no longer."""

from decimal import Decimal
from typing import Any

import pytest

from quantum_common.messages import Side
from quantum_common.state import OrderState
from services.intent_bridge.reservations import Room, on_symbol, over, taken
from tests.unit.intent_bridge.builders import NOW_MS, observed

NEWER = NOW_MS + 1_000
PLACED: dict[str, Any] = {"state": OrderState.PLACED, "order_ms": NOW_MS - 2_000}


@pytest.mark.parametrize(
    ("seen", "portfolio_ms", "standing"),
    [
        (observed(), NOW_MS, True),
        (observed(), 0, True),
        (observed(amount=None), NOW_MS, True),
        (observed(), NOW_MS + 9_999, True),
        (observed(), NOW_MS + 10_000, False),  # the portfolio is newer than its order could be
        (observed(state=OrderState.SENDING), NOW_MS, True),
        (observed(state=OrderState.REFUSED), NOW_MS, False),
        (observed(state=OrderState.EXPIRED), NOW_MS, False),
        (observed(state=OrderState.BLOCKED), NOW_MS, False),
        (observed(amount="0.009"), NEWER, True),  # filled in part
        (observed(amount="0.01"), NOW_MS, False),
        (observed(amount="0.01", snapshot_ms=NOW_MS + 1), NOW_MS, True),  # the portfolio is older than that
        (observed(amount="-0.01", side=Side.SELL, target_amt=Decimal("-0.01")), NOW_MS, False),
        (observed(amount="0.009", **PLACED), NOW_MS, False),  # a snapshot after the order says all there is
        (observed(amount="0", **PLACED), NOW_MS - 1_000, False),  # opened and closed again
        (observed(amount="0.009", snapshot_ms=NOW_MS - 2_000, **PLACED), NEWER, True),
    ],
)
def test_an_entry_is_counted_until_the_portfolio_shows_it(seen: Any, portfolio_ms: int, standing: bool) -> None:
    assert seen.standing(portfolio_ms) is standing


def test_an_add_takes_notional_but_no_position() -> None:
    rows = (observed("ETHUSDT"), observed("SOLUSDT", opens=False, entries=2), observed("X1", state=OrderState.REFUSED))
    assert taken(rows, NOW_MS) == Room(1, Decimal(1_000))


def test_the_record_of_a_symbol_is_found_by_its_name() -> None:
    rows = (observed("ETHUSDT"), observed("SOLUSDT"))
    assert on_symbol(rows, "SOLUSDT") is rows[1]
    assert on_symbol(rows, "BTCUSDT") is None


def test_a_record_goes_when_it_is_over_and_the_number_of_adds_need_not_be_remembered() -> None:
    rows = (
        observed("ETHUSDT", amount="0.01"), observed("SOLUSDT"), observed("ADAUSDT", state=OrderState.BLOCKED),
    )  # fmt: skip
    assert over(rows, NOW_MS, remember=False) == ("ETHUSDT", "ADAUSDT")
    assert over(rows, NOW_MS, remember=True) == ("ADAUSDT",)


def test_an_add_that_was_refused_is_not_counted() -> None:
    assert observed(entries=2, state=OrderState.REFUSED).entries_made == 1
    assert observed(entries=2).entries_made == 2
