"""Incident 3: equity halved while every exit was refused by one kill-score threshold for entries and exits."""

from decimal import Decimal

from quantum_common.reasons import Gate
from services.governor.decide import decide
from tests.unit.governor.builders import NOW_MS, ledger, limits, market, plan, portfolio, view

CRASH = view(
    "1",
    market=market(sigma=Decimal("0.09"), ts=Decimal(0), p_trend=Decimal(0), p_mr=Decimal("0.5"), p_chop=Decimal("0.5")),
    ledger=ledger("1", opened_ms=NOW_MS - 3 * 86_400_000),
    portfolio=portfolio(drawdown_pct=Decimal("0.5")),
)


def test_every_exit_passes_on_the_highest_score_and_half_the_equity_gone() -> None:
    for action in ("CLOSE_25", "CLOSE_50", "CLOSE_75", "CLOSE_FULL", "UPDATE_SL"):
        permit = decide(plan(action), CRASH, limits(), NOW_MS)
        assert permit.allow
        assert permit.kill_score is not None
        assert permit.kill_score > Decimal("0.92")


def test_an_entry_is_refused_then() -> None:
    assert decide(plan(), CRASH, limits(), NOW_MS).reason is Gate.DRAWDOWN_LIMIT
    calm = limits(drawdown_max=1)
    assert decide(plan(), CRASH, calm, NOW_MS).reason is Gate.KILL_SCORE_CRITICAL
