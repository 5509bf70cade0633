"""Whether a stretch of market can do anything to the account but move marks. A replay may then pass over its ticks.

The judgement errs on one side only: what it calls calm is calm, whatever the order in which the prices come.
"""

from collections.abc import Mapping
from decimal import Decimal

from services.paper_exchange.engine import margin
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.digits import ZERO
from services.paper_exchange.engine.liquidation import WARNING_RATIO
from services.paper_exchange.engine.state import State


def exposed(state: State) -> list[str]:
    """Return the contracts on which a tick can do something, in the order listed."""
    if not state.live and not state.open_algos:
        return [symbol for symbol, desk in state.desks.items() if desk.open]
    return [symbol for symbol, desk in state.desks.items() if desk.open or desk.algos or desk.has_position()]


def restless(state: State, ranges: Mapping[str, tuple[Decimal, Decimal]]) -> list[str]:
    """Given the lowest and highest price of each exposed contract, last and mark alike, return those on which something
    can happen: an order rests, or a trigger is in reach. All of them, where the margin would not be enough were all
    contracts at their worst at once."""
    found = []
    equity, maintenance = state.cross_wallet, ZERO
    for symbol, (low, high) in ranges.items():
        desk = state.desks[symbol]
        if desk.open or desk.isolated or desk.triggers.within(low, high):
            found.append(symbol)
        pnl, maint = _worst(desk, low, high)
        equity += pnl
        maintenance += maint
    return list(ranges) if maintenance and maintenance >= equity * WARNING_RATIO else found


def _worst(desk: Desk, low: Decimal, high: Decimal) -> tuple[Decimal, Decimal]:
    """Return the lowest profit and the highest maintenance margin of a contract's positions within a range."""
    pnl = maint = ZERO
    for holding in desk.active:
        amount, entry = holding.position.amount, holding.position.entry_price
        if amount:
            pnl += margin.unrealized_pnl(amount, entry, low if amount > 0 else high)
            size = abs(amount) * high
            maint += margin.maintenance_margin(size, desk.rules.bracket_of(size))
    return pnl, maint
