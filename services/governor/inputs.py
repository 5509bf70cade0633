"""What a decision read, as it is written on its permit and read back: so a permit can be explained and decided again.

Only what a decision is a function of is kept. Floats are written with all their digits, so that what is read back
comes to the same verdict to the last bit.
"""

import math
from decimal import Decimal
from functools import lru_cache
from typing import Any

from quantum_common.codec import Malformed
from quantum_common.state import GovernorState, Ledger, MarketState, Portfolio, PositionSide, Snapshot, TradingState
from services.governor.normalisation import Moments, Statistics
from services.governor.reservations import Reservation, Reserved
from services.governor.view import Book, Spent, View


def as_inputs(view: View) -> dict[str, Any]:
    """Given what was read, return it as JSON can hold it."""
    spent, seen = view.spent, view.statistics
    return {
        "trading_state": view.state.trading_state.value if view.state is not None else None,
        "portfolio": view.portfolio.to_fields() if view.portfolio is not None else None,
        "market": view.market.to_fields() if view.market is not None else None,
        "ledger": _ledger(view.ledger),
        "snapshot": _snapshot(view.snapshot),
        "spent": [spent.symbol_5min, spent.symbol_hour, spent.all_5min, spent.all_hour, str(spent.day_usdt)],
        "statistics": [_moments(seen.own), _moments(seen.portfolio)],
        "reserved": [[[*one.reservation.to_fields().values()], one.done_ms] for one in view.reserved],
        "seq": view.seq,
        "exit_cutoff_kept": None if math.isinf(view.exit_cutoff_kept) else view.exit_cutoff_kept,
        "finest": str(view.finest) if view.finest is not None else None,
        "notional": {symbol: str(usd) for symbol, usd in view.book.notional.items()},
        "correlation": [[*sorted(pair), str(value)] for pair, value in view.book.correlation.items()],
    }


def view_of(inputs: dict[str, Any]) -> View:
    """Given what `as_inputs` wrote, return what was read. Raise Malformed where it is something else."""
    try:
        return _view_of(inputs)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise Malformed("inputs", f"are not what a governor writes: {error!r}") from None


def _view_of(inputs: dict[str, Any]) -> View:
    state, portfolio, market = inputs["trading_state"], inputs["portfolio"], inputs["market"]
    symbol_5min, symbol_hour, all_5min, all_hour, day = inputs["spent"]
    own, everything = inputs["statistics"]
    kept, finest = inputs["exit_cutoff_kept"], inputs["finest"]
    return View(
        state=_state(state) if state is not None else None,
        portfolio=Portfolio.from_fields(portfolio) if portfolio is not None else None,
        market=MarketState.from_fields(market) if market is not None else None,
        ledger=_ledger_of(inputs["ledger"]),
        snapshot=_snapshot_of(inputs["snapshot"]),
        spent=Spent(symbol_5min, symbol_hour, all_5min, all_hour, Decimal(day)),
        statistics=Statistics(Moments(*own), Moments(*everything)),
        reserved=tuple(Reserved(_reservation(values), done_ms) for values, done_ms in inputs["reserved"]),
        seq=inputs["seq"],
        exit_cutoff_kept=math.inf if kept is None else kept,
        finest=Decimal(finest) if finest is not None else None,
        book=Book(
            {symbol: Decimal(usd) for symbol, usd in inputs["notional"].items()},
            {frozenset((one, other)): Decimal(value) for one, other, value in inputs["correlation"]},
        ),
    )


def _reservation(values: list[str]) -> Reservation:
    return Reservation.from_fields(dict(zip(Reservation.wire_names(), values, strict=True)))


def _moments(moments: Moments) -> list[float | int]:
    return [moments.mean, moments.var, moments.n]


@lru_cache(maxsize=8)
def _state(name: str) -> GovernorState:
    return GovernorState(trading_state=TradingState(name), reason="", by="recorded", since_ms=0)


def _ledger(ledger: Ledger | None) -> dict[str, Any] | None:
    return None if ledger is None else {"position_amt": str(ledger.position_amt), "opened_ms": ledger.opened_ms}


def _ledger_of(written: dict[str, Any] | None) -> Ledger | None:
    if written is None:
        return None
    amount = Decimal(written["position_amt"])
    known = {"position_amt": amount, "side": PositionSide.of(amount), "opened_ms": written["opened_ms"]}
    return Ledger.flat().model_copy(update=known)


def _snapshot(snapshot: Snapshot | None) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    return {
        "position_amt": str(snapshot.position_amt),
        "mark_price": str(snapshot.mark_price),
        "ts_ms": snapshot.ts_ms,
    }  # fmt: skip


def _snapshot_of(written: dict[str, Any] | None) -> Snapshot | None:
    """Return the snapshot as far as a decision looks at it; the rest is as of a position without value."""
    if written is None:
        return None
    amount, mark = Decimal(written["position_amt"]), Decimal(written["mark_price"])
    zero, ts_ms = Decimal(0), int(written["ts_ms"])
    return Snapshot(
        position_amt=amount, side=PositionSide.of(amount), entry_price=zero, mark_price=mark, unrealized_pnl=zero,
        leverage=1, liquidation_price=zero, ts_epoch=ts_ms // 1000, ts_iso="", ts_ms=ts_ms, source="recorded",
    )  # fmt: skip
