"""Incident 5: the fix for a missing `reduceOnly` gave it a default, and every entry was blocked."""

import pytest

from quantum_common.messages import Malformed, Plan
from tests.unit.intent_bridge.builders import intent, plan_of, view


def test_every_plan_says_reduce_only_and_no_entry_is_blocked_by_it() -> None:
    entry, closing = plan_of(intent(), view()), plan_of(intent("CLOSE_FULL"), view("0.01"))
    assert (entry.to_fields()["reduceOnly"], entry.gate) == ("False", None)
    assert (closing.to_fields()["reduceOnly"], closing.gate) == ("True", None)


@pytest.mark.parametrize("said", [None, "", "true", "0"])
def test_a_plan_that_does_not_say_it_plainly_means_neither(said: str | None) -> None:
    fields = plan_of(intent(), view()).to_fields()
    fields = {name: value for name, value in fields.items() if name != "reduceOnly"}
    if said is not None:
        fields["reduceOnly"] = said
    with pytest.raises(Malformed) as fault:
        Plan.from_fields(fields)
    assert fault.value.field == "reduceOnly"
