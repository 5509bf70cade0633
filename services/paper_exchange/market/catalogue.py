"""The contracts a generated market lists, and what is known of a symbol by its name alone."""

from typing import NamedTuple

QUOTE_ASSET = "USDT"


class Listing(NamedTuple):
    """What the market knows of one contract; precisions are counts of decimals.

    `price_e8` and `minute_quote` (USDT) are where a generated series starts; `sigma_bps` is the
    usual move of one minute in hundredths of a basis point.
    """

    symbol: str
    price_decimals: int
    quantity_decimals: int
    price_e8: int
    minute_quote: int
    sigma_centi_bps: int


_KNOWN = (
    Listing("BTCUSDT", 1, 3, 97_000_00000000, 12_000_000, 450),
    Listing("ETHUSDT", 2, 3, 3_100_00000000, 9_000_000, 620),
    Listing("SOLUSDT", 2, 2, 165_00000000, 3_500_000, 800),
    Listing("BNBUSDT", 2, 2, 640_00000000, 900_000, 480),
    Listing("XRPUSDT", 4, 1, 2_30000000, 2_500_000, 760),
    Listing("DOGEUSDT", 5, 0, 21500000, 1_800_000, 950),
    Listing("ADAUSDT", 4, 0, 76000000, 800_000, 880),
    Listing("AVAXUSDT", 3, 0, 23_50000000, 500_000, 900),
    Listing("LINKUSDT", 3, 2, 15_80000000, 600_000, 850),
    Listing("LTCUSDT", 2, 3, 92_00000000, 450_000, 700),
    Listing("SUIUSDT", 4, 1, 3_60000000, 1_100_000, 1050),
    Listing("DOTUSDT", 3, 1, 4_70000000, 300_000, 850),
)
DEFAULT_SYMBOLS = len(_KNOWN)
SYMBOLS_MAX = 2_000


def listings(count: int) -> tuple[Listing, ...]:
    """Given how many contracts to list, return the well-known ones and as many invented as needed."""
    known = _KNOWN[:count]
    return known + tuple(_invented(number) for number in range(count - len(known)))


def _invented(number: int) -> Listing:
    """A contract that never was: C000USDT, C001USDT, ... with prices from cents to hundreds."""
    price_e8 = (3 + number * 7919 % 97) * 10 ** (6 + number % 4)
    whole_digits = max(len(str(price_e8)) - 8, 0)
    return Listing(
        symbol=f"C{number:03d}{QUOTE_ASSET}",
        price_decimals=max(2, 5 - whole_digits),
        quantity_decimals=1 if whole_digits else 0,
        price_e8=price_e8,
        minute_quote=100_000 + number * 6_151 % 300_000,
        sigma_centi_bps=800 + number * 37 % 700,
    )
