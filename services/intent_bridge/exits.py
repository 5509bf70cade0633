"""A close, or a new stop, against every gate, and its size. Closing is never harder than opening.

Only what says that there is nothing to close (`no_position`, an intent of another time) refuses an exit; age of data,
allowlist, filters and budgets do not. The quantity is a fraction of the exchange's position, cut to the step; P3.3
reads the position again and grants at most what is there. A part that is smaller than the smallest order becomes the
smallest order, and what would remain as dust is closed with it. reduceOnly orders are exempt from the minimum notional.
"""

from decimal import Decimal

from quantum_common.exchange.port import SymbolRules
from quantum_common.messages import Action, Intent
from quantum_common.money import ZERO, floor_to_step, plain
from quantum_common.reasons import Gate
from quantum_common.state import Ledger, PositionSide
from quantum_common.verdicts import UNKNOWN, Verdict, not_asked, unknown
from services.intent_bridge.prices import at_most, distance_fault, stop_fault
from services.intent_bridge.view import Gauged, Limits, View

PARTIAL = frozenset({Action.CLOSE_25, Action.CLOSE_50, Action.CLOSE_75})


def gauge_exit(intent: Intent, view: View, limits: Limits, now_ms: int) -> Gauged:
    """Given a close or a new stop and what was read, hold it against the gates and size it."""
    amount = standing_amount(view)
    verdicts = (
        _malformed(intent, view, limits),
        _stale(intent, view, limits, now_ms),
        Verdict(Gate.SYMBOL_NOT_IN_ALLOWLIST, ok=True, value="" if intent.symbol in limits.allowlist else "close-only"),
        not_asked(Gate.SYMBOL_NOT_TRADABLE),
        Verdict(Gate.NO_EXCHANGE_SNAPSHOT, amount is not None, UNKNOWN if amount is None else plain(amount)),
        not_asked(Gate.STALE_EXCHANGE_SNAPSHOT),
        not_asked(Gate.LOW_CONFIDENCE),
        not_asked(Gate.EDGE_BELOW_COST),
        _position(intent, amount),
        _min_hold(intent, view.ledger, limits, now_ms),
        not_asked(Gate.ADD_BUDGET),
        not_asked(Gate.POSITION_CAP),
        not_asked(Gate.EXPOSURE_CAP),
        not_asked(Gate.BELOW_MIN_NOTIONAL),
    )
    return Gauged(verdicts, closing_qty(abs(amount or ZERO), intent.action, view.rules))


def standing_amount(view: View) -> Decimal | None:
    """Return the signed position that an exit is about: the exchange's. The ledger speaks where the exchange has not,
    or has not since the ledger learned of a fill. None where neither knows of anything."""
    snapshot, ledger = view.snapshot, view.ledger
    if ledger is not None and ledger.position_amt == 0:
        ledger = None
    if snapshot is None:
        return None if ledger is None else ledger.position_amt
    if snapshot.position_amt == 0 and ledger is not None and ledger.updated_ms > snapshot.ts_ms:
        return ledger.position_amt
    return snapshot.position_amt


def closing_qty(standing: Decimal, action: Action, rules: SymbolRules | None) -> Decimal:
    """Given the size of a position, return how much of it the action closes; a new stop guards all of it.

    Never more than what stands. Without filters the position's own last digit is taken for the step: it is a multiple
    of the real one.
    """
    fraction = action.close_fraction
    if fraction is None or fraction == 1 or standing == 0:
        return at_most(standing, rules)
    step = Decimal(1).scaleb(int(standing.normalize().as_tuple().exponent)) if rules is None else rules.step_size
    smallest = step if rules is None else max(step, rules.min_qty)
    qty = min(max(floor_to_step(standing * fraction, step), smallest), standing)
    if standing - qty < smallest:
        qty = standing
    return at_most(qty, rules)


def _malformed(intent: Intent, view: View, limits: Limits) -> Verdict:
    """A close says one fraction; a new stop lies within bounds of the mark."""
    if intent.action.close_fraction is not None:
        said, meant = intent.fraction, intent.action.close_fraction
        fault = "" if said is None or said == meant else f"fraction {plain(said)} on a {intent.action}"
        return Verdict(Gate.MALFORMED_INTENT, not fault, fault, "one fraction")
    limit = f"stop_loss within {plain(limits.price_distance_max)} of the mark"
    if view.mark is None:
        return Verdict(Gate.MALFORMED_INTENT, ok=True, limit=limit)
    fault = distance_fault("stop_loss", intent.stop_loss, view.mark, limits.price_distance_max)
    return Verdict(Gate.MALFORMED_INTENT, not fault, fault, limit)


def _stale(intent: Intent, view: View, limits: Limits, now_ms: int) -> Verdict:
    """An exit that waited too long, or that was made before this position was opened, is about another position. A new
    stop that the mark has run past cannot be placed any more; the one that stands, or a close, does its work."""
    opened_ms = view.ledger.opened_ms if view.ledger is not None else None
    if opened_ms is not None and intent.ts_ms < opened_ms <= now_ms:
        value = f"made {opened_ms - intent.ts_ms} ms before the position was opened"
        return Verdict(Gate.STALE_INTENT, ok=False, value=value, limit="this position")
    if intent.action is Action.UPDATE_SL and view.mark is not None:
        overtaken = stop_fault(intent.stop_loss, intent.side.opposite, view.mark)
        if overtaken:
            return Verdict(Gate.STALE_INTENT, ok=False, value=overtaken, limit="the losing side of the mark")
    age_ms = now_ms - intent.ts_ms
    ok = age_ms <= limits.exit_age_ms_max
    return Verdict(Gate.STALE_INTENT, ok, f"{age_ms} ms", f"{limits.exit_age_ms_max} ms")


def _position(intent: Intent, amount: Decimal | None) -> Verdict:
    """There is something to close on the side that the exit is for."""
    limit = f"a position that {intent.side} reduces"
    if amount is None:
        return unknown(Gate.NO_POSITION, limit)
    ok = PositionSide.of(amount).closing is intent.side
    return Verdict(Gate.NO_POSITION, ok, plain(amount), limit)


def _min_hold(intent: Intent, ledger: Ledger | None, limits: Limits, now_ms: int) -> Verdict:
    """Only partial, discretionary closes wait; a full close, a new stop, and a position of unknown age do not."""
    opened_ms = ledger.opened_ms if ledger is not None else None
    if intent.action not in PARTIAL or opened_ms is None:
        return not_asked(Gate.MIN_HOLD)
    held_ms = now_ms - opened_ms
    return Verdict(Gate.MIN_HOLD, held_ms >= limits.min_hold_ms, f"{held_ms} ms", f"{limits.min_hold_ms} ms")
