"""What to do about a difference between the exchange's snapshot and the ledger: pure, bounded, and said aloud.

The exchange wins. Its trades are fetched and booked first; what still differs, after a quiet period and in several
consistent snapshots, is adopted. Entries on the symbol wait from the first confirmed difference until they agree.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Step(StrEnum):
    """What the reconciler does next for one symbol."""

    NOTHING = "nothing"
    FETCH_TRADES = "fetch_trades"
    HOLD = "hold"
    ADOPT = "adopt"
    HEAL = "heal"


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference under observation: how often it was seen unchanged after the trades were fetched."""

    exchange_amt: Decimal
    ledger_amt: Decimal
    since_ms: int
    seen: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """The next step and the drift to remember until the next snapshot, None where there is none."""

    step: Step
    drift: Drift | None


def judge(
    exchange_amt: Decimal,
    ledger_amt: Decimal,
    known: Drift | None,
    *,
    held: bool,
    quiet: bool,
    adopt_after: int,
    now_ms: int,
) -> Judgement:
    """Given both amounts and what was seen before, return the next step.

    A symbol that is not `quiet`, because it moved or had a plan under way within the quiet period, is left alone: its
    facts may still be on their way.
    """
    if exchange_amt == ledger_amt:
        return Judgement(Step.HEAL if held else Step.NOTHING, None)
    if not quiet:
        return Judgement(Step.NOTHING, known)
    if known is None or (known.exchange_amt, known.ledger_amt) != (exchange_amt, ledger_amt):
        return Judgement(Step.FETCH_TRADES, Drift(exchange_amt, ledger_amt, now_ms, 1))
    seen = Drift(exchange_amt, ledger_amt, known.since_ms, known.seen + 1)
    if seen.seen > adopt_after:
        return Judgement(Step.ADOPT, None)
    return Judgement(Step.NOTHING if held else Step.HOLD, seen)
