"""Entries under way: accepted here, not yet counted by the portfolio, and so held against the caps beside it.

A reservation is written in the same script as its plan, so that two entries can never take the same room. It falls
away when

- the executor's record says that the plan ended without an order, or
- the symbol's snapshot shows the wished position, or is newer than its order, and the portfolio is at least as new as
  that snapshot, or
- the portfolio is newer than the time by which an order of the plan must have been seen.

The last is judged by the portfolio's own time, not by the clock: while P3.3 is silent nothing falls away, so no
position is ever counted nowhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from quantum_common.messages import EpochMs, Flag, Integer, Name, NotNegative, Number, Record, Side, Symbol
from quantum_common.state import OrderState

ENDED_WITHOUT_ORDER = frozenset({OrderState.REFUSED, OrderState.EXPIRED, OrderState.BLOCKED, OrderState.SHADOW})


class Reservation(Record):
    """One accepted entry. `target_amt` is the signed position once it has filled, `opens` whether it was flat before;
    `entries` counts the entries since then, this one included; `expires_ms` is when its order must have been seen."""

    plan_id: Name
    symbol: Symbol
    side: Side
    notional_usd: NotNegative
    target_amt: Number
    opens: Flag
    entries: Integer
    expires_ms: EpochMs


@dataclass(frozen=True, slots=True)
class Observed:
    """A reservation beside what is known of it: where its order stands since when, and the symbol's snapshot."""

    reservation: Reservation
    order_state: OrderState | None
    order_ms: int
    snapshot_amt: Decimal | None
    snapshot_ms: int

    @property
    def without_order(self) -> bool:
        """Return whether its plan is known to have ended without an order."""
        return self.order_state in ENDED_WITHOUT_ORDER

    @property
    def entries_made(self) -> int:
        """Return how many entries the position has had, one that never became an order not counted."""
        return self.reservation.entries - self.without_order

    def standing(self, portfolio_ms: int) -> bool:
        """Given the portfolio's time (0 where there is none), return whether the portfolio may still lack the entry. A
        position that is shown and flat again takes no room."""
        counted = self._shown and (portfolio_ms >= self.snapshot_ms or self.snapshot_amt == 0)
        return not self.without_order and not counted and portfolio_ms < self.reservation.expires_ms

    @property
    def _shown(self) -> bool:
        """Whether the snapshot shows the wished position, or is newer than the order that made it."""
        if self.snapshot_amt is None:
            return False
        if self.order_state is OrderState.PLACED and self.snapshot_ms > self.order_ms:
            return True
        return (self.snapshot_amt - self.reservation.target_amt) * self.reservation.side.sign >= 0


@dataclass(frozen=True, slots=True)
class Room:
    """What the reservations take: positions that the portfolio does not count yet, and notional in USDT."""

    positions: int
    notional_usd: Decimal


def taken(reservations: Iterable[Observed], portfolio_ms: int) -> Room:
    """Given all reservations, return what the standing ones take. An add to a position takes notional only."""
    standing = [one.reservation for one in reservations if one.standing(portfolio_ms)]
    return Room(
        sum(1 for one in standing if one.opens),
        sum((one.notional_usd for one in standing), Decimal(0)),
    )


def on_symbol(reservations: Iterable[Observed], symbol: str) -> Observed | None:
    """Given all reservations, return the one of a symbol, standing or remembered, or None."""
    return next((one for one in reservations if one.reservation.symbol == symbol), None)


def over(reservations: Iterable[Observed], portfolio_ms: int, *, remember: bool) -> tuple[str, ...]:
    """Given all reservations, return the symbols whose record can go: no longer standing and, where the number of adds
    has to be remembered, flat again."""
    return tuple(
        one.reservation.symbol
        for one in reservations
        if not one.standing(portfolio_ms) and (not remember or one.snapshot_amt == 0)
    )
