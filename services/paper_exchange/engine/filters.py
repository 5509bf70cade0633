"""The exchange's filters on prices and quantities, in its order; pure checks of one value against a contract's rules.

A zero in the rules disables its check, as in exchangeInfo.
"""

import re
from decimal import Decimal

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.digits import ceil_to, floor_to
from services.paper_exchange.engine.enums import Side
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.rules import SymbolRules

CLIENT_ID_LENGTH_MAX = 36
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]+", re.ASCII)


def check_client_id(client_id: str) -> None:
    """Given a client's own id, raise -4015 unless it is 1 to 36 of the allowed characters."""
    if len(client_id) > CLIENT_ID_LENGTH_MAX:
        raise refused(errors.CLIENT_ID_TOO_LONG)
    if not _CLIENT_ID.fullmatch(client_id):
        raise refused(errors.BAD_CLIENT_ID)


def check_price(rules: SymbolRules, price: Decimal) -> None:
    """Given a price, raise -4001, -4002, -1111, -4013 or -4014 unless PRICE_FILTER passes it."""
    if not price.is_finite():
        raise refused(errors.BAD_PARAMETER, "price")
    if price <= 0:
        raise refused(errors.PRICE_BELOW_ZERO)
    if rules.max_price and price > rules.max_price:
        raise refused(errors.PRICE_ABOVE_MAX)
    if _too_precise(price, rules.price_precision):
        raise refused(errors.BAD_PRECISION)
    if price < rules.min_price:
        raise refused(errors.PRICE_BELOW_MIN)
    if rules.tick_size and (price - rules.min_price) % rules.tick_size:
        raise refused(errors.PRICE_OFF_TICK)


def check_quantity(rules: SymbolRules, quantity: Decimal, *, market: bool) -> None:
    """Given a quantity, raise -4003, -4005, -1111, -4004 or -4023 unless LOT_SIZE (or MARKET_LOT_SIZE) passes it."""
    lot = rules.market_lot if market else rules.lot
    if not quantity.is_finite():
        raise refused(errors.BAD_PARAMETER, "quantity")
    if quantity <= 0:
        raise refused(errors.QUANTITY_BELOW_ZERO)
    if lot.maximum and quantity > lot.maximum:
        raise refused(errors.QUANTITY_ABOVE_MAX)
    if _too_precise(quantity, rules.quantity_precision):
        raise refused(errors.BAD_PRECISION)
    if quantity < lot.minimum:
        raise refused(errors.QUANTITY_BELOW_MIN)
    if lot.step and (quantity - lot.minimum) % lot.step:
        raise refused(errors.QUANTITY_OFF_STEP)


def check_percent_price(rules: SymbolRules, side: Side, price: Decimal, mark: Decimal) -> None:
    """Given a limit price, raise -4016 for a buy too far above the mark price, -4024 for a sell too far below."""
    if side is Side.BUY:
        cap = mark * rules.multiplier_up
        if rules.multiplier_up and price > cap:
            raise refused(errors.PRICE_ABOVE_MULTIPLIER, f"{floor_to(cap, rules.tick_size):f}")
    elif rules.multiplier_down:
        floor = mark * rules.multiplier_down
        if price < floor:
            raise refused(errors.PRICE_BELOW_MULTIPLIER, f"{ceil_to(floor, rules.tick_size):f}")


def check_notional(rules: SymbolRules, price: Decimal, quantity: Decimal) -> None:
    """Given a price (a market order's is the mark price), raise -4164 below the smallest notional."""
    if price * quantity < rules.min_notional:
        raise refused(errors.NOTIONAL_TOO_SMALL, f"{rules.min_notional:f}")


def _too_precise(value: Decimal, decimals: int) -> bool:
    """Whether the value has more decimals than allowed, trailing zeros not counted."""
    return value.scaleb(decimals) % 1 != 0
