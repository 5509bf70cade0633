from decimal import Decimal

import pytest

from services.ai_engine.precision import cents, decimal_of


def test_a_statistic_becomes_a_plain_decimal() -> None:
    assert decimal_of(1e-9) == Decimal("0.000000001")
    assert decimal_of(0.1234567, 4) == Decimal("0.1235")


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_never_becomes_money(broken: float) -> None:
    with pytest.raises(ValueError, match="no statistic"):
        decimal_of(broken)


def test_amounts_are_cut_to_cents() -> None:
    assert cents(Decimal("12.345678")) == Decimal("12.35")
