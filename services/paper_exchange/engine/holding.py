"""One position with the open orders around it, and what both are worth at the mark price.

The worth is kept, not computed on demand: the account's sums are adjusted by its changes, so that neither a tick nor
an order costs more as positions and orders add up.
"""

from decimal import Decimal
from typing import NamedTuple

from services.paper_exchange.engine import margin
from services.paper_exchange.engine.digits import ZERO
from services.paper_exchange.engine.enums import Side
from services.paper_exchange.engine.records import Position
from services.paper_exchange.engine.rules import SymbolRules


class Worth(NamedTuple):
    """Figures of one holding at a mark price; `order_margin` is what open orders need on top of the position."""

    notional: Decimal
    unrealized_pnl: Decimal
    maint_margin: Decimal
    position_margin: Decimal
    order_margin: Decimal


NOTHING = Worth(ZERO, ZERO, ZERO, ZERO, ZERO)


class Holding:
    """A position, and the notionals of the open orders that may enlarge it."""

    __slots__ = ("ask_notional", "bid_notional", "position", "worth")

    def __init__(self, position: Position) -> None:
        self.position = position
        self.bid_notional = ZERO
        self.ask_notional = ZERO
        self.worth = NOTHING

    def reserve(self, side: Side, notional: Decimal) -> None:
        """Given the notional of an order that rests (negative: no longer), count it."""
        if side is Side.BUY:
            self.bid_notional += notional
        else:
            self.ask_notional += notional

    def reducible(self, side: Side) -> Decimal:
        """Given the side of an order, return how much of the position it could take off."""
        amount = self.position.amount
        if side is Side.SELL:
            return amount if amount > 0 else ZERO
        return -amount if amount < 0 else ZERO

    def worth_at(self, mark: Decimal | None, leverage: int, rules: SymbolRules) -> Worth:
        """Given the mark price (None: not known yet, the entry price stands in), return what the holding is worth."""
        amount, entry = self.position.amount, self.position.entry_price
        if not amount and not self.bid_notional and not self.ask_notional:
            return NOTHING
        price = entry if mark is None else mark
        notional = amount * price
        position_margin = maint = pnl = ZERO
        if amount:
            size = abs(notional)
            pnl = margin.unrealized_pnl(amount, entry, price)
            maint = margin.maintenance_margin(size, rules.bracket_of(size))
            position_margin = margin.initial_margin(size, leverage)
        order_margin = ZERO
        if self.bid_notional or self.ask_notional:
            worst = margin.worst_notional(notional, self.bid_notional, self.ask_notional)
            order_margin = margin.initial_margin(worst, leverage) - position_margin
        return Worth(notional, pnl, maint, position_margin, order_margin)
