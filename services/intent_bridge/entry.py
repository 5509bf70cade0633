"""An OPEN against every gate, and its size. What is not known refuses an entry; no rounding ever exceeds a cap.

An OPEN on a symbol that stands already, or is about to, is an add and needs the add budget. One against a standing
position is refused by the same gate: the budget for opening further than what stands is for its own side only, and a
position is turned by closing it first. (`position_cap` would be the wrong name: it counts the account's positions.)
While an accepted entry is not counted by the portfolio yet, nothing is added to it: one reservation stands for it.
"""

from dataclasses import dataclass
from decimal import Decimal

from quantum_common.messages import Intent
from quantum_common.money import ZERO, floor_to_step, plain
from quantum_common.reasons import Gate
from quantum_common.state import PositionSide
from quantum_common.verdicts import UNKNOWN, Verdict, not_asked, unknown
from services.intent_bridge.prices import at_most, distance_fault, stop_fault, target_fault
from services.intent_bridge.reservations import Observed, Reservation, Room, on_symbol, taken
from services.intent_bridge.view import Gauged, Limits, View


@dataclass(frozen=True, slots=True)
class _Size:
    """What the wish comes to: quantity floored to the step, and its notional at the mark."""

    qty: Decimal
    notional: Decimal


@dataclass(frozen=True, slots=True)
class _Standing:
    """What there is on the symbol already: the signed position, how many entries made it, and whether one is accepted
    that the portfolio does not count yet."""

    position_amt: Decimal
    entries: int
    under_way: bool

    @property
    def flat(self) -> bool:
        return self.position_amt == 0 and not self.under_way


def gauge_entry(intent: Intent, plan_id: str, view: View, limits: Limits, now_ms: int) -> Gauged:
    """Given an OPEN and what was read, hold it against the gates and size it: notional over mark, floored to the step.

    The reservation counts the entry in the caps until the portfolio shows it; it is of use only where all gates pass.
    """
    portfolio_ms = view.portfolio.ts_ms if view.portfolio is not None else 0
    # An earlier delivery of this very intent may have reserved before Redis forgot the rest of its script.
    reservations = tuple(one for one in view.reservations if one.reservation.plan_id != plan_id)
    room = taken(reservations, portfolio_ms)
    standing = _standing(view, on_symbol(reservations, intent.symbol), portfolio_ms)
    size = _size(intent, view)
    verdicts = (
        _malformed(intent, view, limits),
        _stale(intent, view, limits, now_ms),
        Verdict(Gate.SYMBOL_NOT_IN_ALLOWLIST, intent.symbol in limits.allowlist, intent.symbol, "the allowlist"),
        _tradable(view),
        Verdict(Gate.NO_EXCHANGE_SNAPSHOT, view.mark is not None, "a mark price" if view.mark else UNKNOWN),
        _snapshot_age(view, limits, now_ms),
        _confidence(intent, limits),
        _edge(intent, limits),
        not_asked(Gate.NO_POSITION),
        not_asked(Gate.MIN_HOLD),
        _add_budget(intent, standing, size, view, limits),
        _position_cap(view, room, standing, limits),
        _exposure_cap(view, room, size, limits),
        _min_notional(size, view),
    )
    if size is None or standing is None:
        return Gauged(verdicts, ZERO)
    leverage = min(intent.leverage or limits.leverage_default, limits.leverage_max)
    return Gauged(verdicts, size.qty, leverage, _reservation(intent, plan_id, standing, size, limits, now_ms))


def _size(intent: Intent, view: View) -> _Size | None:
    """Return the size, or None where the mark, the filters or the wish do not say it. Too big an order is cut."""
    if view.mark is None or view.rules is None or intent.position_size_usd is None:
        return None
    qty = at_most(floor_to_step(intent.position_size_usd / view.mark, view.rules.step_size), view.rules)
    return _Size(qty, qty * view.mark)


def _standing(view: View, own: Observed | None, portfolio_ms: int) -> _Standing | None:
    """Return what there is on the symbol, or None where the exchange has not said. A position that this bridge did not
    open counts as one entry."""
    if view.snapshot is None:
        return None
    amount = view.snapshot.position_amt
    made = own.entries_made if own is not None else 0
    under_way = own is not None and own.standing(portfolio_ms)
    return _Standing(amount, max(made, 1) if amount != 0 else 0, under_way)


def _reservation(
    intent: Intent, plan_id: str, standing: _Standing, size: _Size, limits: Limits, now_ms: int
) -> Reservation:
    return Reservation(
        plan_id=plan_id,
        symbol=intent.symbol,
        side=intent.side,
        notional_usd=size.notional,
        target_amt=standing.position_amt + intent.side.sign * size.qty,
        opens=standing.flat,
        entries=standing.entries + 1,
        expires_ms=now_ms + limits.plan_ttl_ms + limits.settle_ms,
    )


def _malformed(intent: Intent, view: View, limits: Limits) -> Verdict:
    """Hold every price of the wish against the mark, and stop and target against the wish's own entry price; each of
    the two stands in where the other is not known."""
    limit = f"prices within {plain(limits.price_distance_max)} of the mark, on their sides of the entry"
    mark, entry = view.mark or intent.entry_price, intent.entry_price or view.mark
    if mark is None or entry is None:
        return Verdict(Gate.MALFORMED_INTENT, ok=True, limit=limit)
    fault = (
        distance_fault("entry_price", intent.entry_price, mark, limits.price_distance_max)
        or distance_fault("stop_loss", intent.stop_loss, mark, limits.price_distance_max)
        or distance_fault("take_profit", intent.take_profit, mark, limits.price_distance_max)
        or stop_fault(intent.stop_loss, intent.side, entry)
        or target_fault(intent.take_profit, intent.side, entry)
    )
    return Verdict(Gate.MALFORMED_INTENT, not fault, fault, limit)


def _stale(intent: Intent, view: View, limits: Limits, now_ms: int) -> Verdict:
    """Too old, from the future, or overtaken: the mark has run past the stop or the target that the wish came with."""
    overtaken = "" if view.mark is None else (
        stop_fault(intent.stop_loss, intent.side, view.mark) or target_fault(intent.take_profit, intent.side, view.mark)
    )  # fmt: skip
    if overtaken:
        return Verdict(Gate.STALE_INTENT, ok=False, value=overtaken, limit="a mark between stop and target")
    age_ms = now_ms - intent.ts_ms
    ok = -limits.clock_ahead_ms_max <= age_ms <= limits.intent_age_ms_max
    return Verdict(Gate.STALE_INTENT, ok, f"{age_ms} ms", f"{limits.intent_age_ms_max} ms")


def _tradable(view: View) -> Verdict:
    if view.rules is None:
        return unknown(Gate.SYMBOL_NOT_TRADABLE, "TRADING")
    return Verdict(Gate.SYMBOL_NOT_TRADABLE, view.rules.tradable, view.rules.status, "TRADING")


def _snapshot_age(view: View, limits: Limits, now_ms: int) -> Verdict:
    limit = f"{limits.snapshot_age_ms_max} ms"
    if view.snapshot is None:
        return unknown(Gate.STALE_EXCHANGE_SNAPSHOT, limit)
    age_ms = now_ms - view.snapshot.ts_ms
    return Verdict(Gate.STALE_EXCHANGE_SNAPSHOT, age_ms <= limits.snapshot_age_ms_max, f"{age_ms} ms", limit)


def _confidence(intent: Intent, limits: Limits) -> Verdict:
    """A minimum of zero asks nothing, so that an engine without confidences can be run."""
    limit = plain(limits.confidence_min)
    if intent.confidence is None:
        return Verdict(Gate.LOW_CONFIDENCE, limits.confidence_min == 0, UNKNOWN, limit)
    return Verdict(
        Gate.LOW_CONFIDENCE, intent.confidence >= limits.confidence_min, plain(intent.confidence), limit
    )  # fmt: skip


def _edge(intent: Intent, limits: Limits) -> Verdict:
    edge = intent.expected_edge_bps
    value = UNKNOWN if edge is None else f"{plain(edge)} bps"
    if not limits.require_edge:
        return Verdict(Gate.EDGE_BELOW_COST, ok=True, value=value, limit="not required")
    ok = edge is not None and edge >= limits.edge_bps_min
    return Verdict(Gate.EDGE_BELOW_COST, ok, value, f"{plain(limits.edge_bps_min)} bps")


def _add_budget(intent: Intent, standing: _Standing | None, size: _Size | None, view: View, limits: Limits) -> Verdict:
    """An add needs a budget of its own: how many since the symbol was flat, and how big the position may become."""
    limit = f"{limits.adds_max} adds, {plain(limits.added_position_usdt_max)} USDT"
    if standing is None or view.mark is None:
        return unknown(Gate.ADD_BUDGET, limit)
    if standing.flat:
        return not_asked(Gate.ADD_BUDGET)
    if standing.under_way:
        return Verdict(Gate.ADD_BUDGET, ok=False, value="an entry is under way", limit=limit)
    if PositionSide.of(standing.position_amt).closing is intent.side:
        value = f"{plain(standing.position_amt)} stands against {intent.side}"
        return Verdict(Gate.ADD_BUDGET, ok=False, value=value, limit="close it first")
    if size is None:
        return unknown(Gate.ADD_BUDGET, limit)
    total = abs(standing.position_amt) * view.mark + size.notional
    ok = standing.entries <= limits.adds_max and total <= limits.added_position_usdt_max
    return Verdict(Gate.ADD_BUDGET, ok, f"add {standing.entries}, {plain(total)} USDT", limit)


def _position_cap(view: View, room: Room, standing: _Standing | None, limits: Limits) -> Verdict:
    """Positions that the portfolio counts, those under way, and this one where it is new."""
    limit = str(limits.positions_max)
    if view.portfolio is None or standing is None:
        return unknown(Gate.POSITION_CAP, limit)
    count = view.portfolio.open_positions + room.positions + standing.flat
    return Verdict(Gate.POSITION_CAP, not standing.flat or count <= limits.positions_max, str(count), limit)


def _exposure_cap(view: View, room: Room, size: _Size | None, limits: Limits) -> Verdict:
    limit = f"{plain(limits.gross_exposure_usdt_max)} USDT"
    if view.portfolio is None or size is None:
        return unknown(Gate.EXPOSURE_CAP, limit)
    gross = view.portfolio.gross_exposure_usd + room.notional_usd + size.notional
    return Verdict(Gate.EXPOSURE_CAP, gross <= limits.gross_exposure_usdt_max, f"{plain(gross)} USDT", limit)


def _min_notional(size: _Size | None, view: View) -> Verdict:
    if size is None or view.rules is None:
        return unknown(Gate.BELOW_MIN_NOTIONAL, "the exchange's filters")
    rules = view.rules
    ok = size.qty > 0 and size.qty >= rules.min_qty and size.notional >= rules.min_notional
    limit = f"{plain(rules.min_notional)} USDT, {plain(rules.min_qty)} at least"
    return Verdict(Gate.BELOW_MIN_NOTIONAL, ok, f"{plain(size.notional)} USDT, {plain(size.qty)}", limit)
