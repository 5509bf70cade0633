"""Incident 1: a position grew from 0 to 12.7 in twenty minutes, a BUY a minute, because intents knew no position."""

from decimal import Decimal

from quantum_common.messages import Decision
from quantum_common.reasons import Gate
from tests.unit.intent_bridge.builders import NOW_MS, intent, limits, plan_of, portfolio, snapshot, view

MINUTE_MS = 60_000


def grow(adds_max: int) -> tuple[Decimal, list[Gate | None]]:
    """Ask to buy once a minute for twenty minutes, every executed plan filled at once."""
    position, gates = Decimal(0), []
    allowed = limits(adds_max=adds_max)
    for minute in range(20):
        now_ms = NOW_MS + minute * MINUTE_MS
        seen = view(
            snapshot=snapshot(str(position), ts_ms=now_ms),
            portfolio=portfolio(open_positions=int(position > 0), gross_exposure_usd=position * 50_000, ts_ms=now_ms),
        )
        plan = plan_of(intent(intent_id=f"bar-{minute}", ts_ms=now_ms), seen, allowed, now_ms)
        gates.append(plan.gate)
        position += plan.qty if plan.decision is Decision.EXECUTE else Decimal(0)
    return position, gates


def test_twenty_buys_in_a_row_are_one_entry_and_nineteen_refused_adds() -> None:
    position, gates = grow(adds_max=0)
    assert position == Decimal("0.01")
    assert gates == [None] + [Gate.ADD_BUDGET] * 19


def test_even_a_generous_number_of_adds_stops_at_the_size_budget() -> None:
    position, _ = grow(adds_max=20)
    assert position * 50_000 <= 1_000
