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
    HALT = "halt"
    HEAL = "heal"


class Cause(StrEnum):
    """Why ledger and exchange differ, as far as it is known. What trades explain is booked and never comes here."""

    BEFORE_US = "before us"  # the position stood when the ledger began
    UNKNOWN = "unknown"  # no trade of the exchange explains it
    REPEATS = "drift repeats"  # adopted too often within an hour
    AGREEMENT = "agreement"  # they do not differ any more
    OPERATOR = "operator"


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


def judge(  # noqa: PLR0913 - all that a step depends on, by name
    exchange_amt: Decimal,
    ledger_amt: Decimal,
    known: Drift | None,
    *,
    held: bool,
    quiet: bool,
    adopt_after: int,
    now_ms: int,
    may_adopt: bool = True,
    halted: bool = False,
) -> Judgement:
    """Given both amounts and what was seen before, return the next step.

    A symbol that is not `quiet`, because it moved or had a plan under way within the quiet period, is left alone: its
    facts may still be on their way. Where it was adopted too often (not `may_adopt`) it is halted; a `halted` symbol
    is neither adopted nor healed until an operator releases it.
    """
    if exchange_amt == ledger_amt:
        return Judgement(Step.HEAL if held and not halted else Step.NOTHING, None)
    if not quiet:
        return Judgement(Step.NOTHING, known)
    if known is None or (known.exchange_amt, known.ledger_amt) != (exchange_amt, ledger_amt):
        return Judgement(Step.FETCH_TRADES, Drift(exchange_amt, ledger_amt, now_ms, 1))
    seen = Drift(exchange_amt, ledger_amt, known.since_ms, known.seen + 1)
    if seen.seen > adopt_after:
        if halted:
            return Judgement(Step.NOTHING, known)
        return Judgement(Step.ADOPT if may_adopt else Step.HALT, None)
    return Judgement(Step.NOTHING if held else Step.HOLD, seen)


def cause_of(difference: Decimal, *, opening: Decimal | None, changed_ms: int, since_ms: int, adjusted: bool) -> Cause:
    """Given what the exchange has more than the ledger, return why, as far as it can be told.

    `opening` is the position that stood when this ledger began at `since_ms`, None where that was before our start;
    then `changed_ms`, when the exchange last changed the position, tells. A ledger that was `adjusted` once has taken
    over what stood before it.
    """
    if adjusted:
        return Cause.UNKNOWN
    before_us = difference == opening if opening is not None else changed_ms < since_ms
    return Cause.BEFORE_US if before_us else Cause.UNKNOWN
