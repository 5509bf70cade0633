"""Incident 46: "100 % UNKNOWN" reasons hid the real gate: `None` and empty."""

import pytest

from quantum_common.messages import Malformed, Permit, Plan, Result
from quantum_common.reasons import Gate
from services.governor.decide import decide
from tests.unit.governor import builders as governor
from tests.unit.intent_bridge.builders import intent, plan_of, view


@pytest.mark.parametrize("reason", ["", "UNKNOWN", "None"])
def test_nothing_that_refuses_can_leave_its_gate_open(reason: str) -> None:
    blocked = plan_of(intent(), view(snapshot=None)).to_fields()
    refused = decide(governor.plan(), governor.view(state=None), governor.limits(), governor.NOW_MS).to_fields()
    ended = governor.result(governor.plan(), executed=False, gate=Gate.PLAN_EXPIRED).to_fields()
    for model, fields, name in ((Plan, blocked, "gate"), (Permit, refused, "reason"), (Result, ended, "gate")):
        with pytest.raises(Malformed):
            model.from_fields(fields | {name: reason})


def test_what_could_not_be_measured_still_has_a_named_gate() -> None:
    blind = view(snapshot=None, ledger=None, portfolio=None, rules=None)
    assert plan_of(intent(), blind).gate is Gate.SYMBOL_NOT_TRADABLE
    assert plan_of(intent("CLOSE_FULL"), blind).gate is Gate.NO_EXCHANGE_SNAPSHOT
    nothing = governor.view(state=None, portfolio=None, market=None, ledger=None, snapshot=None)
    permit = decide(governor.plan(), nothing, governor.limits(), governor.NOW_MS)
    assert permit.reason is Gate.TRADING_REDUCING
