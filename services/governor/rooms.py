"""How much of an entry fits: every limit on the portfolio as room in USDT, and the part of the plan that fits into it.

A limit that leaves room for a tradable size makes the permit smaller instead of refusing it; only a limit on counts, or
one that leaves less than the smallest entry, refuses. Nothing is rounded up: the part is cut to the finest digit that a
quantity of the symbol was seen with. The bridge cuts every quantity to the exchange's step, a power of ten, so that
digit is a multiple of it.
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from quantum_common.messages import Plan
from quantum_common.money import ZERO, floor_to_step
from quantum_common.reasons import Gate
from quantum_common.state import Portfolio
from services.governor.checks import Check, Said, unknown
from services.governor.correlation import Exposure, correlated, room_beside
from services.governor.reservations import Taken, taken
from services.governor.view import Limits, View

CENT = Decimal("0.01")
UNBOUNDED = Decimal(10) ** 15  # more USDT than there are: an entry that risks nothing


@dataclass(frozen=True, slots=True)
class Room:
    """What one limit leaves for an entry, in USDT, and how its verdict reads."""

    gate: Gate
    left: Decimal
    value: Said
    limit: Said


@dataclass(frozen=True, slots=True)
class Fit:
    """An entry held against the portfolio's limits. `qty` is what fits, zero where nothing does; `worth` its price in
    USDT, `risk` what it loses at its stop, `opens` whether it makes a new position."""

    checks: tuple[Check, ...]
    qty: Decimal
    worth: Decimal
    risk: Decimal
    opens: bool


SIZED = (
    Gate.DAILY_NOTIONAL_CAP,
    Gate.EXPOSURE_CAP,
    Gate.SYMBOL_EXPOSURE_CAP,
    Gate.HEAT_LIMIT,
    Gate.CORRELATED_EXPOSURE_CAP,
)


def price_of(plan: Plan, view: View) -> Decimal:
    """Given a plan, return its own price, else the mark; zero where there is neither."""
    return plan.price or (view.snapshot.mark_price if view.snapshot is not None else ZERO)


def risk_share(plan: Plan, price: Decimal, unstopped: Decimal) -> Decimal:
    """Given an entry and its price, return which part of its notional it loses at its stop; no stop is not no risk."""
    if plan.stop_loss is None:
        return unstopped
    return max(ZERO, plan.side.sign * (price - plan.stop_loss)) / price


def fitted(plan: Plan, view: View, limits: Limits) -> Fit:
    """Given an entry and what was read, return its checks and how much of it fits into every limit."""
    portfolio, price = view.portfolio, price_of(plan, view)
    if portfolio is None or price <= 0:
        gates = (Gate.POSITION_CAP, *SIZED)
        return Fit(tuple(unknown(gate, "a price and a portfolio") for gate in gates), ZERO, ZERO, ZERO, opens=False)
    held = taken(view.reserved, plan.symbol, view.book.notional, portfolio.ts_ms, limits.settle_ms)
    share, worth = risk_share(plan, price, limits.unstopped_risk), plan.qty * price
    rooms = (
        _day(view, limits),
        _gross(portfolio, held, limits),
        _symbol(view, held, limits),
        _heat(portfolio, held, share, limits),
        _correlated(plan, view, held, worth, limits),
    )
    tightest = min(rooms, key=lambda room: room.left)
    qty = _cut(plan, view, tightest.left, worth, price)
    if qty * price < min(worth, limits.entry_usdt_min):
        qty = ZERO
    opens = (view.snapshot is None or view.snapshot.position_amt == 0) and not held.opening
    checks = (_positions(portfolio, held, opens, limits), *(_sized(room, qty, worth, tightest) for room in rooms))
    return Fit(checks, qty, qty * price, qty * price * share, opens)


def last_digit(qty: Decimal) -> Decimal:
    """Given a quantity, return the value of its last digit that is not zero: a multiple of the exchange's step."""
    return Decimal(1).scaleb(int(qty.normalize().as_tuple().exponent))


def exposures(view: View, held: Taken) -> tuple[Exposure, ...]:
    """Given what was read, return every signed notional: positions, and what is under way."""
    return tuple(Exposure(symbol, usd) for symbol, usd in (*view.book.notional.items(), *held.by_symbol) if usd)


def _cut(plan: Plan, view: View, left: Decimal, worth: Decimal, price: Decimal) -> Decimal:
    """Given what the tightest limit leaves in USDT, return the quantity that fits into it."""
    if left >= worth:
        return plan.qty
    known = (plan.qty, *(one.position_amt for one in (view.snapshot, view.ledger) if one is not None))
    finest = min(last_digit(qty) for qty in known if qty != 0)
    return floor_to_step(max(left, ZERO) / price, finest if view.finest is None else min(finest, view.finest))


def _sized(room: Room, qty: Decimal, worth: Decimal, tightest: Room) -> Check:
    """A limit refuses where it holds less than the whole plan, and nothing of it is left that could be traded."""
    return Check(room.gate, qty > 0 or room.left >= worth or room.left > tightest.left, room.value, room.limit)


def _positions(portfolio: Portfolio, held: Taken, opens: bool, limits: Limits) -> Check:  # noqa: FBT001
    """Count the positions of the portfolio, those under way, and this one where it is new."""
    count = portfolio.open_positions + held.positions + opens
    return Check(Gate.POSITION_CAP, not opens or count <= limits.positions_max, count, limits.positions_max)


def _room(gate: Gate, used: Decimal, cap: Decimal) -> Room:
    return Room(gate, cap - used, (used, " USDT taken"), (cap, " USDT"))


def _day(view: View, limits: Limits) -> Room:
    return _room(Gate.DAILY_NOTIONAL_CAP, view.spent.day_usdt, limits.daily_notional_usdt_max)


def _gross(portfolio: Portfolio, held: Taken, limits: Limits) -> Room:
    return _room(Gate.EXPOSURE_CAP, portfolio.gross_exposure_usd + held.notional_usd, limits.gross_exposure_usdt_max)


def _symbol(view: View, held: Taken, limits: Limits) -> Room:
    standing = abs(view.snapshot.position_amt) * view.snapshot.mark_price if view.snapshot is not None else ZERO
    return _room(Gate.SYMBOL_EXPOSURE_CAP, standing + held.on_symbol_usd, limits.symbol_exposure_usdt_max)


def _heat(portfolio: Portfolio, held: Taken, share: Decimal, limits: Limits) -> Room:
    """Open risk to the stops, of positions and of what is under way, may reach a part of the equity."""
    equity = portfolio.equity_usd
    risk = portfolio.portfolio_heat * equity + held.risk_usd
    left = limits.heat_max * equity - risk
    for_nothing = UNBOUNDED if left > 0 else ZERO
    notional = left / share if share > 0 else for_nothing
    heat = (risk / equity).quantize(Decimal("0.000001")) if equity > 0 else ZERO
    return Room(Gate.HEAT_LIMIT, _cents(notional), (heat, " of the equity"), limits.heat_max)


def _correlated(plan: Plan, view: View, held: Taken, worth: Decimal, limits: Limits) -> Room:
    """What goes up and down together counts in full, what does not counts as its root of squares. Where even the plain
    sum fits, nothing has to be worked out: no correlation makes it more."""
    standing = exposures(view, held)
    gate, cap = Gate.CORRELATED_EXPOSURE_CAP, limits.correlated_exposure_usdt_max
    most = sum((abs(one.usd) for one in standing), ZERO)
    if most + worth <= cap:
        return Room(gate, cap - most, ("at most ", most, " USDT taken"), (cap, " USDT"))
    left = room_beside(standing, plan.symbol, plan.side.sign, view.book.correlation, cap)
    together = _cents(correlated(standing, view.book.correlation))
    return Room(gate, _cents(left), (together, " USDT taken"), (cap, " USDT"))


def _cents(usdt: Decimal) -> Decimal:
    return usdt.quantize(CENT, ROUND_FLOOR)
