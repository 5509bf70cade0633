"""Plausible rules for any USDT contract, from its name and a price: what a replay without exchangeInfo trades on.

BTCUSDT has the filters of the live exchange (2026-09); the bracket tables of BTCUSDT and ETHUSDT are the ones the
exchange's published liquidation examples were computed with.
"""

from decimal import ROUND_DOWN, Decimal

from services.paper_exchange.engine.rules import LotSize, SymbolRules, bracket_table

QUOTE = "USDT"
_BTC_BRACKETS = bracket_table(
    (
        (125, 50_000, "0.004"),
        (100, 250_000, "0.005"),
        (50, 1_000_000, "0.01"),
        (20, 5_000_000, "0.025"),
        (10, 20_000_000, "0.05"),
        (5, 50_000_000, "0.1"),
        (4, 100_000_000, "0.125"),
        (3, 200_000_000, "0.15"),
        (2, 300_000_000, "0.25"),
        (1, 500_000_000, "0.5"),
    )
)
_ETH_BRACKETS = bracket_table(
    (
        (100, 10_000, "0.005"),
        (75, 100_000, "0.0065"),
        (50, 500_000, "0.01"),
        (25, 1_000_000, "0.02"),
        (10, 2_000_000, "0.05"),
        (5, 5_000_000, "0.1"),
        (4, 10_000_000, "0.125"),
        (3, 20_000_000, "0.15"),
        (2, 40_000_000, "0.25"),
        (1, 80_000_000, "0.5"),
    )
)
_OTHER_BRACKETS = bracket_table(
    (
        (75, 10_000, "0.0065"),
        (50, 50_000, "0.01"),
        (25, 250_000, "0.02"),
        (20, 500_000, "0.025"),
        (10, 2_000_000, "0.05"),
        (5, 5_000_000, "0.1"),
        (4, 8_000_000, "0.125"),
        (2, 15_000_000, "0.25"),
        (1, 30_000_000, "0.5"),
    )
)
_MARKET_LOT_SHARE = Decimal("0.12")
_LOT_NOTIONAL_MAX = Decimal(60_000_000)
_PRICE_SPAN = 50
_MIN_PRICE_TICKS = 10


def default_rules(
    symbol: str,
    reference_price: Decimal,
    *,
    price_decimals: int | None = None,
    quantity_decimals: int | None = None,
) -> SymbolRules:
    """Given a contract's name and a typical price, return rules for it. Raise ValueError for an unusable price.

    Decimals left out are taken from the size of the price: five significant digits, and steps of 1 to 10 USDT.
    """
    if reference_price <= 0:
        raise ValueError(f"a reference price must be positive, not {reference_price}")
    if not symbol.endswith(QUOTE) or symbol == QUOTE:
        raise ValueError(f"{symbol!r} is not a contract against {QUOTE}")
    if symbol == f"BTC{QUOTE}":
        return _bitcoin()
    magnitude = reference_price.adjusted()
    eth = symbol == f"ETH{QUOTE}"
    price_digits = price_decimals if price_decimals is not None else 2 if eth else max(0, 4 - magnitude)
    quantity_digits = quantity_decimals if quantity_decimals is not None else max(0, magnitude)
    tick, step = Decimal(1).scaleb(-price_digits), Decimal(1).scaleb(-quantity_digits)
    lot_max = max((_LOT_NOTIONAL_MAX / reference_price).quantize(step, ROUND_DOWN), step)
    market_max = max((lot_max * _MARKET_LOT_SHARE).quantize(step, ROUND_DOWN), step)
    return SymbolRules(
        symbol=symbol,
        base_asset=symbol.removesuffix(QUOTE),
        tick_size=tick,
        min_price=tick * _MIN_PRICE_TICKS,
        max_price=(reference_price * _PRICE_SPAN).quantize(tick, ROUND_DOWN),
        lot=LotSize(step, lot_max, step),
        market_lot=LotSize(step, market_max, step),
        min_notional=Decimal(20 if eth else 5),
        multiplier_up=Decimal("1.0500" if eth else "1.1000"),
        multiplier_down=Decimal("0.9500" if eth else "0.9000"),
        price_precision=price_digits,
        quantity_precision=quantity_digits,
        trigger_protect=Decimal("0.0500" if eth else "0.1000"),
        liquidation_fee=Decimal("0.0125"),
        market_take_bound=Decimal("0.05" if eth else "0.10"),
        brackets=_ETH_BRACKETS if eth else _OTHER_BRACKETS,
    )


def _bitcoin() -> SymbolRules:
    """The live BTCUSDT filters of 2026-09-30."""
    step = Decimal("0.001")
    return SymbolRules(
        symbol=f"BTC{QUOTE}",
        base_asset="BTC",
        tick_size=Decimal("0.10"),
        min_price=Decimal("556.80"),
        max_price=Decimal(4529764),
        lot=LotSize(step, Decimal(1000), step),
        market_lot=LotSize(step, Decimal(120), step),
        min_notional=Decimal(50),
        multiplier_up=Decimal("1.0500"),
        multiplier_down=Decimal("0.9500"),
        price_precision=2,
        quantity_precision=3,
        trigger_protect=Decimal("0.0500"),
        liquidation_fee=Decimal("0.0125"),
        market_take_bound=Decimal("0.05"),
        brackets=_BTC_BRACKETS,
    )
