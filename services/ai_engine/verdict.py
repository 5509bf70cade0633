"""The outcome of a bar, and what an operator reads of it: why, by which value against which limit."""

from decimal import Decimal
from typing import NamedTuple

from quantum_common.messages import Intent
from quantum_common.state import EngineVerdict
from services.ai_engine.entries import NoEntry
from services.ai_engine.exits import ExitReason
from services.ai_engine.memory import ExitMemory
from services.ai_engine.model import Signal
from services.ai_engine.policy import Policy
from services.ai_engine.precision import Measure, decimal_of

ENTRY = "entry"
_PLACES = 6
_HELD = {NoEntry.STANDING, NoEntry.NO_LEDGER, NoEntry.NO_RULES}
_ENTERING = {ENTRY, *(no.value for no in NoEntry if no not in _HELD)}  # what a decision to enter or not can come to


class Verdict(NamedTuple):
    """The outcome of a bar. `why` names the exit's reason, or why no position is asked for; None for an entry.

    `value` and `limit` are what decided, each None where a thing was missing rather than small. `signal`, the edge and
    the cost it was held against are those of a decision to enter or not; an exit has none.
    """

    intents: tuple[Intent, ...]
    memory: ExitMemory | None
    why: ExitReason | NoEntry | None
    value: Measure | None = None
    limit: Measure | None = None
    signal: Signal | None = None
    edge_bps: Decimal | None = None
    cost_bps: Decimal | None = None


def engine_verdict(
    verdict: Verdict, before: EngineVerdict | None, bar_close_ms: int, policy: Policy, version: str, now_ms: int
) -> EngineVerdict:
    """Given the outcome of a bar, the record of the one before and the model's version, return its record.

    Between two decisions there is nothing new to say: what the last one came to stands, unless a position stood since.
    """
    decided_ms = bar_close_ms
    if verdict.why is NoEntry.BETWEEN_DECISIONS:
        decided_ms = (bar_close_ms + 1) // policy.decision_ms * policy.decision_ms - 1
        if before is not None and before.decided_bar_ms == decided_ms and before.why in _ENTERING:
            return before.model_copy(update={"bar_close_ms": bar_close_ms, "ts_ms": now_ms})
    signal = verdict.signal
    return EngineVerdict(
        why=ENTRY if verdict.why is None else verdict.why,
        bar_close_ms=bar_close_ms,
        decided_bar_ms=decided_ms,
        p_up=None if signal is None else decimal_of(signal.p_up, _PLACES),
        confidence=None if signal is None else decimal_of(signal.confidence, _PLACES),
        edge_bps=verdict.edge_bps,
        cost_bps=verdict.cost_bps,
        value=_number(verdict.value),
        limit=_number(verdict.limit),
        model_version=version,
        ts_ms=now_ms,
    )


def _number(measure: Measure | None) -> Decimal | None:
    """Return what was measured as it is written: money as it is, a statistic to six places."""
    match measure:
        case None | Decimal():
            return measure
        case int():
            return Decimal(measure)
        case _:
            return decimal_of(measure, _PLACES)
