"""Decimal arithmetic in the exchange's units, in one tested place.

Quantities are in the base asset, prices and notionals in USDT. Quantisation never rounds a quantity up: a plan that
was checked against a cap stays below it.
"""

import re
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)
BPS = Decimal(10_000)
PLAIN_DIGITS = 30  # before the point and after it, at most
_PLAIN_NUMBER = re.compile(rf"-?\d{{1,{PLAIN_DIGITS}}}(\.\d{{1,{PLAIN_DIGITS}}})?", re.ASCII)


def parse_decimal(text: str) -> Decimal:
    """Given a plain decimal string, return it as a Decimal. Raise ValueError for anything else, exponents included."""
    if not _PLAIN_NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal number")
    return Decimal(text)


def plain(number: Decimal) -> str:
    """Given a Decimal, return it without exponent and without trailing zeros; zero is always `0`."""
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def floor_to_step(quantity: Decimal, step: Decimal) -> Decimal:
    """Given a quantity of either sign, cut it towards zero to a whole number of steps."""
    if step <= 0:
        raise ValueError(f"a step must be positive, not {step}")
    return (quantity / step).to_integral_value(ROUND_DOWN) * step


def round_to_tick(price: Decimal, tick: Decimal) -> Decimal:
    """Given a price, return the nearest multiple of the tick size."""
    if tick <= 0:
        raise ValueError(f"a tick must be positive, not {tick}")
    return (price / tick).to_integral_value(ROUND_HALF_EVEN) * tick
