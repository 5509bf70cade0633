"""Margin arithmetic of one contract, as published: pure formulas, values cut to eight decimals.

Amounts are signed (long positive), notionals and money in USDT.
"""

from decimal import Decimal
from typing import NamedTuple

from services.paper_exchange.engine.digits import ZERO, trunc8
from services.paper_exchange.engine.rules import Bracket, SymbolRules

_LIQUIDATION_STEPS_MAX = 12


def unrealized_pnl(amount: Decimal, entry: Decimal, mark: Decimal) -> Decimal:
    """Return (mark - entry) * amount."""
    return trunc8((mark - entry) * amount)


def realized_pnl(closed: Decimal, entry: Decimal, fill: Decimal) -> Decimal:
    """Given the signed part of a position that a fill closes, return its profit before fees."""
    return trunc8((fill - entry) * closed)


def initial_margin(notional: Decimal, leverage: int) -> Decimal:
    """Return |notional| / leverage."""
    return trunc8(abs(notional) / leverage)


def maintenance_margin(notional: Decimal, bracket: Bracket) -> Decimal:
    """Return |notional| * ratio - cum of the notional's bracket."""
    return trunc8(abs(notional) * bracket.maint_ratio - bracket.cum)


def worst_notional(position: Decimal, bids: Decimal, asks: Decimal) -> Decimal:
    """Given the signed notional of a position and those of open buy and sell orders, return the larger side's."""
    return max(abs(position + bids), abs(position - asks))


def open_loss(side_sign: int, quantity: Decimal, price: Decimal, mark: Decimal) -> Decimal:
    """Return quantity * |min(0, side * (mark - price))|: what an order would lose at once if it filled."""
    return trunc8(quantity * -min(ZERO, side_sign * (mark - price)))


def commission(price: Decimal, quantity: Decimal, rate: Decimal) -> Decimal:
    """Return the fee of one fill."""
    return trunc8(price * quantity * rate)


def funding_fee(amount: Decimal, mark: Decimal, rate: Decimal) -> Decimal:
    """Return what the position receives (negative: pays): longs pay where the rate is positive."""
    return -trunc8(amount * mark * rate) + ZERO


def break_even_price(amount: Decimal, entry: Decimal, carry: Decimal) -> Decimal:
    """Given commissions less realized profit since the position was flat, return the price that earns them back."""
    return max(ZERO, entry + carry / amount) if amount else ZERO


class Leg(NamedTuple):
    """One position of a contract (two in hedge mode) in the formula of the liquidation price."""

    amount: Decimal
    entry: Decimal


def liquidation_price(wallet: Decimal, others: Decimal, legs: tuple[Leg, ...], rules: SymbolRules) -> Decimal:
    """Return the mark price at which margin balance and maintenance margin meet, zero where there is none.

    `wallet` is the cross wallet, or the isolated wallet of the position; `others` is unrealized profit less
    maintenance margin of the account's other cross contracts (0 for isolated). The bracket is the one at the answer:
    LP = (WB - TMM + UPNL + cum - side*qty*entry) / (qty*MMR - side*qty).
    """
    largest = max(legs, key=lambda leg: abs(leg.amount))
    price = largest.entry
    for _ in range(_LIQUIDATION_STEPS_MAX):
        brackets = tuple(rules.bracket_of(abs(leg.amount) * price) for leg in legs)
        solved = _solve(wallet + others, legs, brackets)
        if solved <= 0:
            return ZERO
        if brackets == tuple(rules.bracket_of(abs(leg.amount) * solved) for leg in legs):
            return solved
        price = solved
    return price


def _solve(equity: Decimal, legs: tuple[Leg, ...], brackets: tuple[Bracket, ...]) -> Decimal:
    """Given the brackets as known, return the price; zero where the legs cancel out."""
    above, below = equity, ZERO
    for (amount, entry), bracket in zip(legs, brackets, strict=True):
        above += bracket.cum - amount * entry
        below += abs(amount) * bracket.maint_ratio - amount
    return above / below if below else ZERO


def bankruptcy_price(equity: Decimal, amount: Decimal, mark: Decimal) -> Decimal:
    """Given the margin balance at the mark price, return the price at which closing `amount` leaves nothing."""
    return mark - equity / amount
