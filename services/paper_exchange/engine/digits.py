"""How the exchange cuts numbers: money is truncated, never rounded, to eight decimals."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal

ZERO = Decimal(0)
_EIGHT = Decimal("1E-8")


def trunc8(amount: Decimal) -> Decimal:
    """Given an amount below 1e20, cut it towards zero to eight decimals; the result is never a negative zero."""
    return amount.quantize(_EIGHT, ROUND_DOWN) + ZERO


def floor_to(price: Decimal, step: Decimal) -> Decimal:
    """Given a positive price, return the multiple of the step at or below it."""
    return (price / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(price: Decimal, step: Decimal) -> Decimal:
    """Given a positive price, return the multiple of the step at or above it."""
    return (price / step).to_integral_value(ROUND_CEILING) * step
