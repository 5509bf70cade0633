"""What a permitted entry takes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_common.clock import DAY_MS
from services.governor.budgets import day_of, in_cents, in_usdt

MIDNIGHT_MS = 1_790_035_200_000  # 2026-09-22 00:00 UTC


def test_a_day_ends_at_midnight_utc() -> None:
    assert (day_of(MIDNIGHT_MS - 1), day_of(MIDNIGHT_MS), day_of(MIDNIGHT_MS + DAY_MS)) == (
        "20260921", "20260922", "20260923",
    )  # fmt: skip


@pytest.mark.parametrize(("usdt", "cents"), [("1", 100), ("0.001", 1), ("0", 0), ("499.991", 50_000)])
def test_amounts_are_rounded_up_to_the_cent(usdt: str, cents: int) -> None:
    assert in_cents(Decimal(usdt)) == cents


@given(st.decimals(min_value=0, max_value=10**12, places=8))
def test_no_amount_is_understated(usdt: Decimal) -> None:
    assert 0 <= in_usdt(in_cents(usdt)) - usdt < Decimal("0.01")
