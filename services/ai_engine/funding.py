"""What funding costs a position over its horizon: the exchange's rate, as often as its times are crossed, by side."""

from decimal import Decimal

from quantum_common.clock import HOUR_MS
from quantum_common.exchange.port import FundingTerms
from quantum_common.money import BPS

USUAL_INTERVAL_MS = 8 * HOUR_MS


def crossings(from_ms: int, until_ms: int, interval_ms: int) -> int:
    """Given a span of market time, return how many funding times lie in it: the multiples of the interval in UTC.

    A bar's close is the last millisecond before one, and so counts it: who enters within the minute may still pay.
    """
    return until_ms // interval_ms - from_ms // interval_ms


def funding_bps(terms: FundingTerms | None, assumed_bps: Decimal, sign: int, from_ms: int, until_ms: int) -> Decimal:
    """Given the terms (None where the exchange has not said them) and the side, return the cost in bps of the notional.

    Longs pay a positive rate and shorts receive it. An assumed rate is paid by both: what is not known is no income.
    """
    if terms is None:
        return abs(assumed_bps) * crossings(from_ms, until_ms, USUAL_INTERVAL_MS)
    return sign * terms.rate * BPS * crossings(from_ms, until_ms, terms.interval_ms)
