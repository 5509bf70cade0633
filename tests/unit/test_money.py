"""Money: quantities are cut towards zero, prices go to the nearest tick, texts are plain."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_common.money import floor_to_step, parse_decimal, plain, round_to_tick

amounts = st.decimals(-(10**9), 10**9, places=8)
steps = st.sampled_from([Decimal(step) for step in ("1", "10", "0.1", "0.001", "0.00000001", "0.005", "2.5")])


@given(amounts, steps)
def test_a_quantity_is_cut_towards_zero_by_less_than_one_step(quantity: Decimal, step: Decimal) -> None:
    cut = floor_to_step(quantity, step)
    assert abs(cut) <= abs(quantity)
    assert abs(quantity - cut) < step
    assert cut % step == 0
    assert floor_to_step(cut, step) == cut


@given(amounts, steps)
def test_a_price_goes_to_the_nearest_tick(price: Decimal, tick: Decimal) -> None:
    rounded = round_to_tick(price, tick)
    assert abs(price - rounded) <= tick / 2
    assert rounded % tick == 0


@given(amounts)
def test_a_number_is_written_plainly_and_read_back(number: Decimal) -> None:
    text = plain(number)
    assert parse_decimal(text) == number
    assert plain(parse_decimal(text)) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [("1E+3", "1000"), ("-0.00", "0"), ("0E-8", "0"), ("1.500", "1.5"), ("100", "100"), ("1E-8", "0.00000001")],
)
def test_exponents_and_trailing_zeros_are_never_written(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize("text", ["", "-", "1e5", "1" * 31, "0." + "1" * 31, "1,5", "1\n"])
def test_what_is_not_a_plain_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain decimal number"):
        parse_decimal(text)


@pytest.mark.parametrize("size", [Decimal(0), Decimal(-1)])
def test_a_step_or_tick_that_is_not_positive_is_refused(size: Decimal) -> None:
    with pytest.raises(ValueError, match="step must be positive"):
        floor_to_step(Decimal(1), size)
    with pytest.raises(ValueError, match="tick must be positive"):
        round_to_tick(Decimal(1), size)
