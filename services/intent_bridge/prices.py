"""Prices and sizes of a wish on the exchange's grid, and prices held against the mark: a fraction taken for a price, or
a stop on the wrong side, goes no further.

The `*_fault` functions answer with what is wrong, in words, and with an empty text where nothing is.
"""

from decimal import Decimal

from quantum_common.exchange.port import SymbolRules
from quantum_common.messages import Side
from quantum_common.money import floor_to_step, plain, round_to_tick


def distance_fault(name: str, price: Decimal | None, reference: Decimal, distance_max: Decimal) -> str:
    """Given a price, complain where it is further from the reference than that fraction of it."""
    if price is None or abs(price / reference - 1) <= distance_max:
        return ""
    return f"{name} {plain(price)} is out of bounds around {plain(reference)}"


def stop_fault(stop: Decimal | None, held: Side, reference: Decimal) -> str:
    """Given the side of the entry that holds the position, complain where its stop is not on the losing side."""
    if stop is None or (reference - stop) * held.sign > 0:
        return ""
    return f"stop_loss {plain(stop)} is on the wrong side of {plain(reference)} for {held}"


def target_fault(target: Decimal | None, held: Side, reference: Decimal) -> str:
    """Given the side of the entry that holds the position, complain where its target is not on the winning side."""
    if target is None or (target - reference) * held.sign > 0:
        return ""
    return f"take_profit {plain(target)} is on the wrong side of {plain(reference)} for {held}"


def on_tick(price: Decimal | None, tick: Decimal | None) -> Decimal | None:
    """Given a price, return it on the exchange's grid, or as it is where there is no grid or nothing would be left."""
    if price is None or tick is None:
        return price
    return round_to_tick(price, tick) or price


def at_most(qty: Decimal, rules: SymbolRules | None) -> Decimal:
    """Given a quantity, return it cut to the biggest market order; a `max_qty` of zero means that there is none."""
    if rules is None or rules.max_qty == 0:
        return qty
    return min(qty, floor_to_step(rules.max_qty, rules.step_size))
