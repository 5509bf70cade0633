"""Decimals as the exchange writes them: plain digits, never an exponent, never rounded up."""

from decimal import ROUND_DOWN, Decimal
from functools import cache

import orjson

_E8 = Decimal("0.00000001")


@cache
def _step(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)


def fixed(value: Decimal, decimals: int) -> str:
    """Given a value, return it with so many decimals, the rest cut off."""
    return f"{value.quantize(_step(decimals), ROUND_DOWN):f}"


def e8(value: Decimal) -> str:
    """Given an amount, return it cut to eight decimals, as balances, margins and marks are written."""
    return f"{value.quantize(_E8, ROUND_DOWN):f}"


def short(value: Decimal) -> str:
    """Given a value, return it cut to eight decimals and without trailing zeros, as the user stream writes it."""
    text = f"{value.quantize(_E8, ROUND_DOWN):f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def json_number(value: Decimal) -> orjson.Fragment:
    """Given a value, return it as a JSON number of exactly its digits, for the few fields that are not strings."""
    return orjson.Fragment(f"{value:f}".encode())
