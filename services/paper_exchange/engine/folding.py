"""How one fill changes a position: entry price, realized profit, break-even carry and isolated margin. Pure."""

from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from services.paper_exchange.engine import margin
from services.paper_exchange.engine.digits import ZERO, trunc8
from services.paper_exchange.engine.records import Position


class Folded(NamedTuple):
    """The position after a fill, and the profit the fill realized before fees."""

    position: Position
    realized: Decimal


def fold_fill(position: Position, change: Decimal, price: Decimal, fee: Decimal, now_ms: int) -> Folded:
    """Given a signed quantity traded at a price, return the position after it; isolated margin is not touched.

    An increase averages the entry; a reduction keeps it and realizes; a flip realizes all and enters at the fill.
    """
    amount, entry = position.amount, position.entry_price
    after = amount + change
    if amount * change >= 0:
        new_entry = (amount * entry + change * price) / after
        grown = replace(position, amount=after, entry_price=new_entry, carry=position.carry + fee, update_ms=now_ms)
        return Folded(grown, ZERO)
    closed = amount if abs(change) >= abs(amount) else -change
    realized = margin.realized_pnl(closed, entry, price)
    if not after:
        carry, new_entry = ZERO, ZERO
    elif amount * after > 0:
        carry, new_entry = position.carry + fee - realized, entry
    else:
        carry, new_entry = trunc8(fee * after / change), price
    total = position.realized_total + realized
    left = replace(position, amount=after, entry_price=new_entry, carry=carry, realized_total=total, update_ms=now_ms)
    return Folded(left, realized)


def isolated_after(before: Position, after: Position, price: Decimal, leverage: int) -> Decimal:
    """Given a position before and after a fill, return its isolated wallet: margin of what was opened comes in from
    the cross wallet, the share of what was closed goes back."""
    held, kept = abs(before.amount), abs(after.amount)
    if before.amount * after.amount < 0:
        return margin.initial_margin(kept * price, leverage)
    if kept >= held:
        return before.isolated_wallet + margin.initial_margin((kept - held) * price, leverage)
    return trunc8(before.isolated_wallet * kept / held)
