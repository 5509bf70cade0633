"""Incident 30: orders refused for notional, quantities rounded up past a cap: `round()` and guesses."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from quantum_common.messages import Decision
from quantum_common.reasons import Gate
from tests.unit.intent_bridge.builders import RULES, intent, limits, plan_of, portfolio, snapshot, view

FREE: dict[str, Any] = {"entry_price": None, "stop_loss": None, "take_profit": None}


@pytest.mark.parametrize(
    ("mark", "step", "size", "qty"),
    [
        ("97123.4", "0.001", "250", "0.002"),
        ("0.2153", "1", "250", "1161"),
        ("3.6", "0.1", "99.99", "27.7"),
        ("165.77", "0.01", "165.76", "0.99"),
    ],
)
def test_a_quantity_is_cut_and_never_rounded_up(mark: str, step: str, size: str, qty: str) -> None:
    rules = replace(RULES, step_size=Decimal(step), min_qty=Decimal(step), max_qty=Decimal(0), min_notional=Decimal(5))
    seen = view(snapshot=snapshot(mark_price=Decimal(mark)), rules=rules)
    plan = plan_of(intent(position_size_usd=Decimal(size), **FREE), seen)
    assert (plan.decision, plan.qty) == (Decision.EXECUTE, Decimal(qty))
    assert plan.qty * Decimal(mark) <= Decimal(size)


def test_a_quantity_that_the_step_cuts_below_the_exchanges_minimum_is_refused_here_and_not_there() -> None:
    seen = view(snapshot=snapshot(mark_price=Decimal("97123.4")), rules=replace(RULES, min_notional=Decimal(100)))
    assert plan_of(intent(position_size_usd=Decimal(190), **FREE), seen).gate is Gate.BELOW_MIN_NOTIONAL


def test_the_exposure_after_cutting_is_what_stands_against_the_cap() -> None:
    seen = view(portfolio=portfolio(gross_exposure_usd=Decimal(9_500)))
    tight = limits(gross_exposure_usdt_max=10_000)
    assert plan_of(intent(position_size_usd=Decimal(549)), seen, tight).gate is None
    assert plan_of(intent(position_size_usd=Decimal(550)), seen, tight).gate is Gate.EXPOSURE_CAP
