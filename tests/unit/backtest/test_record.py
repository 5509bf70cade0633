"""What a run counts of its plans: each refusal once, at the stage that it was."""

from quantum_common.clock import ManualClock
from quantum_common.keys import Keys
from quantum_common.messages import Decision, Issuer
from quantum_common.reasons import Gate
from services.backtest.board import Board
from services.backtest.record import Recorder
from services.intent_executor.decide import refused
from services.paper_exchange.engine.changes import Rows
from tests.unit.governor.builders import NOW_MS, plan
from tests.unit.intent_executor.scripted import permit

KEYS = Keys()


def test_a_refusal_is_counted_at_the_stage_that_it_was_each_time_it_was() -> None:
    board = Board(KEYS, ManualClock(NOW_MS))
    recorder = Recorder(board, Rows)
    ends = (
        (Decision.BLOCKED, Gate.LOW_CONFIDENCE, None),
        (Decision.EXECUTE, Gate.RATE_LIMIT_HOUR, Issuer.GOVERNOR),
        (Decision.EXECUTE, Gate.PLAN_EXPIRED, None),
        (Decision.EXECUTE, Gate.PLAN_EXPIRED, None),
    )
    for number, (decision, gate, issuer) in enumerate(ends):
        blocked = decision is Decision.BLOCKED
        one = plan(plan_id=f"plan-{number}", decision=decision, gate=gate if blocked else None)
        board.send(KEYS.plans, one)
        if issuer is not None:
            board.send(KEYS.permits, permit(one, issuer, allow=False, reason=gate, safe_qty=None))
        board.send(KEYS.results, refused(one, gate, NOW_MS))
    assert recorder.gates == {
        ("intent-bridge", "ENTRY", "low_confidence"): 1,
        ("intent-bridge", "ENTRY", "passed"): 3,
        ("governor", "ENTRY", "rate_limit_hour"): 1,
        ("intent-executor", "ENTRY", "plan_expired"): 2,
    }
    assert recorder.outcomes == {
        ("ENTRY", "low_confidence"): 1, ("ENTRY", "rate_limit_hour"): 1, ("ENTRY", "plan_expired"): 2,
    }  # fmt: skip
