"""Room in the portfolio's limits that permitted entries take until the portfolio itself shows them.

Written in the permit's script, so two entries never take the same room; a limit on counts that are seconds old is none.
A reservation falls away when its plan was not executed (at once), when it was executed and the portfolio has been
measured after that, or when the portfolio is newer than the time by which anything of the plan must have been seen. All
by the portfolio's own time: while it stands still nothing falls away, and no position is counted nowhere.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from decimal import Decimal

from quantum_common.codec import EpochMs, Flag, Name, NotNegative, Record, Symbol
from quantum_common.messages import Side
from quantum_common.money import ZERO


class Reservation(Record):
    """One permitted entry: its notional and its risk to the stop in USDT, and whether it opens a position. `until_ms`
    is when anything of it must have been seen."""

    plan_id: Name
    symbol: Symbol
    side: Side
    notional_usd: NotNegative
    risk_usd: NotNegative
    opens: Flag
    until_ms: EpochMs


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation, and when its plan was executed; 0 where that is not known."""

    reservation: Reservation
    done_ms: int = 0

    def standing(self, portfolio_ms: int, settle_ms: int) -> bool:
        """Given the portfolio's time, return whether the portfolio may still lack the entry."""
        shown_ms = self.done_ms + settle_ms if self.done_ms else self.reservation.until_ms
        return portfolio_ms <= shown_ms


@dataclass(frozen=True, slots=True)
class Taken:
    """What the standing reservations take: positions, and notional and risk in USDT."""

    positions: int = 0
    notional_usd: Decimal = ZERO
    risk_usd: Decimal = ZERO
    on_symbol_usd: Decimal = ZERO
    opening: bool = False  # one on the symbol itself opens its position
    by_symbol: tuple[tuple[str, Decimal], ...] = ()  # signed


def taken(
    reserved: Iterable[Reserved], symbol: str, shown: Container[str], portfolio_ms: int, settle_ms: int
) -> Taken:  # fmt: skip
    """Given all reservations, the symbol that is decided on and the symbols that are seen to have a position, return
    what those that stand take. An executed entry that opened a position which is seen is counted there."""
    standing = [
        one.reservation
        for one in reserved
        if one.standing(portfolio_ms, settle_ms)
        and not (one.done_ms and one.reservation.opens and one.reservation.symbol in shown)
    ]
    if not standing:
        return Taken()
    own = [one for one in standing if one.symbol == symbol]
    return Taken(
        positions=len({one.symbol for one in standing if one.opens}),
        notional_usd=sum((one.notional_usd for one in standing), ZERO),
        risk_usd=sum((one.risk_usd for one in standing), ZERO),
        on_symbol_usd=sum((one.notional_usd for one in own), ZERO),
        opening=any(one.opens for one in own),
        by_symbol=tuple((one.symbol, one.side.sign * one.notional_usd) for one in standing),
    )


def over(reserved: Iterable[Reserved], portfolio_ms: int, settle_ms: int) -> tuple[str, ...]:
    """Given all reservations, return the plans whose reservation can be forgotten."""
    return tuple(one.reservation.plan_id for one in reserved if not one.standing(portfolio_ms, settle_ms))
