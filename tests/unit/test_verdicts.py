"""Verdicts: in order, the first failure counts, written as flat rows."""

import orjson

from quantum_common.reasons import Gate
from quantum_common.verdicts import Verdict, as_json, first_failed, not_asked, unknown

PASSED = Verdict(Gate.STALE_INTENT, ok=True, value="3 ms", limit="5 ms")


def test_the_first_gate_that_failed_is_the_one_that_counts() -> None:
    failed = (PASSED, unknown(Gate.EXPOSURE_CAP, "9 USDT"), unknown(Gate.POSITION_CAP, "9"))
    assert first_failed(failed) is Gate.EXPOSURE_CAP
    assert first_failed((PASSED, not_asked(Gate.MIN_HOLD))) is None


def test_verdicts_are_written_as_a_list_of_objects_in_their_order() -> None:
    assert orjson.loads(as_json((PASSED, not_asked(Gate.MIN_HOLD), unknown(Gate.ADD_BUDGET, "0 adds")))) == [
        {"gate": "stale_intent", "value": "3 ms", "limit": "5 ms", "ok": True},
        {"gate": "min_hold", "value": "", "limit": "", "ok": True},
        {"gate": "add_budget", "value": "unknown", "limit": "0 adds", "ok": False},
    ]
