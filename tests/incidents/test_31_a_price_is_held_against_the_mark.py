"""Incident 31: a stop at 96 million, a negative take-profit: a fraction and a price mixed up."""

from decimal import Decimal
from typing import Any

import pytest

from quantum_common.messages import Intent, Malformed
from quantum_common.reasons import Gate
from tests.unit.intent_bridge.builders import intent, plan_of, view


@pytest.mark.parametrize(
    ("action", "prices"),
    [
        ("OPEN", {"stop_loss": Decimal(96_000_000)}),
        ("OPEN", {"stop_loss": Decimal("0.02")}),
        ("OPEN", {"take_profit": Decimal("0.04")}),
        ("OPEN", {"stop_loss": Decimal(51_000)}),
        ("OPEN", {"entry_price": Decimal("1.0007")}),
        ("UPDATE_SL", {"stop_loss": Decimal(96_000_000)}),
        ("UPDATE_SL", {"stop_loss": Decimal("0.02")}),
    ],
)
def test_a_price_out_of_bounds_is_malformed_and_says_so(action: str, prices: dict[str, Any]) -> None:
    plan = plan_of(intent(action, **prices), view("0" if action == "OPEN" else "0.01"))
    assert plan.gate is Gate.MALFORMED_INTENT
    assert next(iter(prices)) in plan.gates


def test_a_negative_price_does_not_even_pass_the_contract() -> None:
    with pytest.raises(Malformed) as fault:
        Intent.from_fields(intent().to_fields() | {"take_profit": "-3"})
    assert fault.value.field == "take_profit"
