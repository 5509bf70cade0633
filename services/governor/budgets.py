"""What a permitted entry takes from the budgets: a place in the rate windows, and a part of the day's notional.

The facts are the plan's own entries (in the symbol's and the common window by time, in the day's hash by amount); the
day's `total` beside them is derived, and folded anew at every start. Amounts stand in whole US cents, rounded up, so
that no sum understates what was permitted and no arithmetic in Redis is on fractions.
"""

from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal

CENTS = Decimal(100)


def day_of(now_ms: int) -> str:
    """Given epoch milliseconds, return the UTC date, YYYYMMDD."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%d")


def in_cents(usdt: Decimal) -> int:
    """Given an amount in USDT, return it in whole cents, rounded up."""
    return int((usdt * CENTS).to_integral_value(ROUND_CEILING))


def in_usdt(cents: int) -> Decimal:
    """Given whole cents, return the amount in USDT."""
    return Decimal(cents) / CENTS
