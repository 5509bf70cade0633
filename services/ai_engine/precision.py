"""Where statistics become decimals: the only way from a float into a price, a size or a record."""

from decimal import ROUND_HALF_EVEN, Decimal

Measure = float | int | Decimal  # what a limit is held against

PLACES = 15  # the dearest contract and the cheapest differ by twelve orders of magnitude


def decimal_of(statistic: float, places: int = PLACES) -> Decimal:
    """Given a finite statistic, return it with so many decimal places. Raise ValueError where it is not finite."""
    if statistic - statistic != 0.0:  # true of NaN and of both infinities only
        raise ValueError(f"{statistic} is no statistic")
    return Decimal(f"{statistic:.{places}f}")


def cents(amount_usd: Decimal) -> Decimal:
    """Given an amount in USDT, return it to the cent."""
    return amount_usd.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
