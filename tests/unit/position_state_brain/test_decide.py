"""P3.3's decisions as tables: every gate of an entry in order; an exit is refused only where nothing is there."""

from decimal import Decimal
from typing import Any

import orjson
import pytest

from quantum_common.messages import Permit, Side
from quantum_common.reasons import Gate
from quantum_common.state import Hold, Ledger, PositionSide, Snapshot
from services.position_state_brain.decide import Limits, PositionView, closable, decide, needs_fresh_position
from tests.unit.position_state_brain.scripted import NOW_MS, D, plan

LIMITS = Limits(allowed=True, stale_after_ms=10_000, step_size=D("0.01"))
HOLD = Hold(
    reason="ledger_drift", exchange_position_amt=D(1), ledger_position_amt=D(0), since_ms=NOW_MS, details=""
)  # fmt: skip


def snapshot(amount: str = "0", ts_ms: int = NOW_MS) -> Snapshot:
    return Snapshot(
        position_amt=D(amount), side=PositionSide.of(D(amount)), entry_price=D(0), mark_price=D(100),
        unrealized_pnl=D(0), leverage=1, liquidation_price=D(0), ts_epoch=1, ts_iso="", ts_ms=ts_ms, source="paper",
    )  # fmt: skip


def ledger(amount: str = "0") -> Ledger:
    return Ledger.flat().model_copy(update={"position_amt": D(amount), "side": PositionSide.of(D(amount))})


def view(exchange: str = "0", booked: str | None = None, **changes: Any) -> PositionView:
    values: dict[str, Any] = {
        "snapshot": snapshot(exchange), "ledger": ledger(exchange if booked is None else booked), "hold": None,
        "in_flight": {},
    }  # fmt: skip
    return PositionView(**(values | changes))


ENTRY_GATES: dict[Gate, dict[str, Any]] = {
    Gate.STALE_EXCHANGE_STATE: {"snapshot": snapshot("0", NOW_MS - 10_001)},
    Gate.RECONCILE_REQUIRED_SIDE_MISMATCH: {"snapshot": snapshot("1"), "ledger": ledger("-1")},
    Gate.RECONCILE_REQUIRED_QTY_MISMATCH: {"snapshot": snapshot("1"), "ledger": ledger("2")},
    Gate.COOLDOWN_IN_FLIGHT: {"in_flight": {"other": NOW_MS + 1}},
    Gate.SYMBOL_ON_HOLD: {"hold": HOLD},
}


def reason(seen: PositionView, action: str = "OPEN", limits: Limits = LIMITS, **changes: Any) -> Gate | None:
    return decide(plan(action, **changes), seen, limits, NOW_MS).reason


def test_an_entry_where_both_agree_is_permitted_whole() -> None:
    for amount in ("0", "3"):
        permit = decide(plan(), view(amount), LIMITS, NOW_MS)
        assert (permit.allow, permit.reason, permit.safe_qty) == (True, None, D(1))


@pytest.mark.parametrize(("gate", "world"), ENTRY_GATES.items())
def test_every_gate_refuses_an_entry_by_its_name(gate: Gate, world: dict[str, Any]) -> None:
    assert reason(view(**world)) is gate


def test_an_entry_off_the_allowlist_is_refused() -> None:
    off = Limits(allowed=False, stale_after_ms=10_000, step_size=D("0.01"))
    assert reason(view(), limits=off) is Gate.P33_SYMBOL_NOT_IN_ALLOWLIST
    assert reason(view("1"), "CLOSE_FULL", off) is None


def test_the_gates_are_asked_in_the_contract_s_order() -> None:
    off = Limits(allowed=False, stale_after_ms=10_000, step_size=D("0.01"))
    wrong: dict[str, Any] = {}
    for gate in reversed(ENTRY_GATES):
        wrong |= ENTRY_GATES[gate]
        assert reason(view(**wrong), limits=off) is gate


@pytest.mark.parametrize("missing", ["snapshot", "ledger"])
def test_an_entry_needs_to_know_the_exchange_and_the_ledger(missing: str) -> None:
    assert reason(view("0", "0", **{missing: None})) is Gate.STALE_EXCHANGE_STATE


def test_a_snapshot_is_fresh_up_to_its_age() -> None:
    assert reason(view(snapshot=snapshot("0", NOW_MS - 10_000))) is None


@pytest.mark.parametrize("in_flight", [{"other": NOW_MS}, {"aaaaaaaaaaaaaaaa": NOW_MS + 9_999}])
def test_what_is_over_and_what_is_this_plan_itself_is_not_under_way(in_flight: dict[str, int]) -> None:
    assert reason(view(in_flight=in_flight)) is None


@pytest.mark.parametrize("world", [*ENTRY_GATES.values(), {"ledger": None}])
def test_an_exit_is_never_refused_for_stale_or_differing_state_or_a_hold(world: dict[str, Any]) -> None:
    changed = {**world, "snapshot": snapshot("2", NOW_MS - 99_999 if "snapshot" in world else NOW_MS)}
    assert reason(view(**changed), "CLOSE_FULL") is None


@pytest.mark.parametrize(
    ("amount", "side", "asked", "granted"),
    [("2", Side.SELL, "1", "1"), ("0.5", Side.SELL, "1", "0.5"), ("-2", Side.BUY, "5", "2"),
     ("0.555", Side.SELL, "1", "0.55"), ("1", Side.SELL, "0.999", "0.99")],
)  # fmt: skip
def test_an_exit_is_granted_what_is_really_there_in_whole_steps(
    amount: str, side: Side, asked: str, granted: str
) -> None:
    permit = decide(plan("CLOSE_FULL", side=side, qty=D(asked)), view(amount), LIMITS, NOW_MS)
    assert (permit.allow, permit.safe_qty) == (True, D(granted))


@pytest.mark.parametrize(
    ("amount", "side"), [("0", Side.SELL), ("1", Side.BUY), ("-1", Side.SELL), ("0.001", Side.SELL)]
)
def test_an_exit_of_nothing_is_refused(amount: str, side: Side) -> None:
    permit = decide(plan("CLOSE_FULL", side=side), view(amount), LIMITS, NOW_MS)
    assert (permit.allow, permit.reason, permit.safe_qty) == (False, Gate.NO_POSITION, D(0))


@pytest.mark.parametrize(("amount", "gate"), [("1", None), ("0", Gate.NO_POSITION)])
def test_a_stop_is_moved_only_where_there_is_a_position(amount: str, gate: Gate | None) -> None:
    assert reason(view(amount), "UPDATE_SL") is gate


def test_nothing_is_known_to_be_closable_without_a_snapshot() -> None:
    assert closable(plan("CLOSE_FULL"), None) == 0


@pytest.mark.parametrize(
    ("seen", "fresh"),
    [
        (view("1"), False),
        (view("1", "2"), True),
        (view("1", hold=HOLD), True),
        (view(snapshot=None), True),
        (view("1", ledger=None), True),
        (view("1", snapshot=snapshot("1", NOW_MS - 10_001)), True),
    ],
)
def test_an_exit_is_judged_on_a_fresh_reading_where_the_old_one_is_in_doubt(seen: PositionView, fresh: bool) -> None:
    assert needs_fresh_position(plan("CLOSE_FULL"), seen, LIMITS, NOW_MS) is fresh
    assert needs_fresh_position(plan(), seen, LIMITS, NOW_MS) is False


def test_a_permit_tells_all_that_was_measured() -> None:
    seen = view("2", "1", hold=HOLD, in_flight={"b": 5, "a": NOW_MS + 5})
    permit: Permit = decide(plan("CLOSE_FULL"), seen, LIMITS, NOW_MS + 7)
    assert (permit.exchange_position_amt, permit.ledger_position_amt, permit.snapshot_age_ms) == (D(2), D(1), 7)
    assert orjson.loads(permit.details) == {"qty": "1", "hold": "ledger_drift", "in_flight": ["a", "b"]}
    nothing = decide(plan(), view(snapshot=None, ledger=None), LIMITS, NOW_MS)
    assert (nothing.exchange_position_amt, nothing.ledger_position_amt, nothing.snapshot_age_ms) == (None, None, None)


def test_quantities_are_signed_decimals() -> None:
    permit = decide(plan("CLOSE_FULL", side=Side.BUY), view("-2"), LIMITS, NOW_MS)
    assert permit.exchange_position_amt == Decimal(-2)
