"""Entries: every gate at its limit, the size, the reservation."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_common.messages import Decision, Intent, OrderType, Side
from quantum_common.reasons import Gate
from quantum_common.state import OrderState
from services.intent_bridge.view import Limits, View
from tests.unit.intent_bridge.builders import (
    NOW_MS,
    RULES,
    decided,
    intent,
    ledger,
    limits,
    observed,
    plan_of,
    portfolio,
    snapshot,
    view,
)

CASES: list[tuple[str, Intent, View, Limits, Gate | None]] = [
    ("an ordinary entry", intent(), view(), limits(), None),
    ("a stop above the mark of a long", intent(stop_loss=Decimal(50_001)), view(), limits(), Gate.MALFORMED_INTENT),
    (
        "a stop below the mark of a short",
        intent(side=Side.SELL, stop_loss=Decimal(49_000), take_profit=None), view(), limits(), Gate.MALFORMED_INTENT,
    ),
    ("a mark that has run past the stop", intent(stop_loss=Decimal(49_990)),
     view(snapshot=snapshot(mark_price=Decimal(49_990))), limits(), Gate.STALE_INTENT),
    ("a mark that has run past the target", intent(), view(snapshot=snapshot(mark_price=Decimal(53_001))), limits(),
     Gate.STALE_INTENT),
    ("a stop on the wrong side of the mark of a wish that names no entry price",
     intent(entry_price=None, stop_loss=Decimal(50_001)), view(), limits(), Gate.MALFORMED_INTENT),
    ("a short with its stop above", intent(side=Side.SELL, stop_loss=Decimal(51_000), take_profit=Decimal(48_000)),
     view(), limits(), None),
    ("a target below the mark of a long", intent(take_profit=Decimal(49_999)), view(), limits(), Gate.MALFORMED_INTENT),
    ("a fraction for a stop", intent(stop_loss=Decimal("0.02")), view(), limits(), Gate.MALFORMED_INTENT),
    ("a stop at 96 million", intent(stop_loss=Decimal(96_000_000)), view(), limits(), Gate.MALFORMED_INTENT),
    ("a fraction for a target", intent(take_profit=Decimal("0.06")), view(), limits(), Gate.MALFORMED_INTENT),
    ("an entry price of another symbol", intent(entry_price=Decimal(3_000)), view(), limits(), Gate.MALFORMED_INTENT),
    ("a wish without prices", intent(entry_price=None, stop_loss=None, take_profit=None), view(), limits(), None),
    ("a stop on the wrong side of its own entry, no mark known", intent(stop_loss=Decimal(50_001)),
     view(snapshot=None), limits(), Gate.MALFORMED_INTENT),
    ("no price to hold a stop against", intent(entry_price=None), view(snapshot=None), limits(),
     Gate.NO_EXCHANGE_SNAPSHOT),
    ("an intent at the age limit", intent(ts_ms=NOW_MS - 30_000), view(), limits(), None),
    ("an intent over the age limit", intent(ts_ms=NOW_MS - 30_001), view(), limits(), Gate.STALE_INTENT),
    ("an intent a little ahead of the clock", intent(ts_ms=NOW_MS + 2_000), view(), limits(), None),
    ("an intent from the future", intent(ts_ms=NOW_MS + 2_001), view(), limits(), Gate.STALE_INTENT),
    ("an intent seen before", intent(), view(first_entry_id="1-1"), limits(), Gate.DUPLICATE_INTENT),
    ("a symbol not allowed", intent(symbol="DOGEUSDT"), view(), limits(), Gate.SYMBOL_NOT_IN_ALLOWLIST),
    ("a symbol that was taken off while it stands", intent(), view("0.01"), limits(allowlist="ETHUSDT"),
     Gate.SYMBOL_NOT_IN_ALLOWLIST),
    ("no filters", intent(), view(rules=None), limits(), Gate.SYMBOL_NOT_TRADABLE),
    ("a symbol in settlement", intent(),
     view(rules=replace(RULES, status="SETTLING")), limits(), Gate.SYMBOL_NOT_TRADABLE),
    ("no snapshot", intent(), view(snapshot=None), limits(), Gate.NO_EXCHANGE_SNAPSHOT),
    ("a snapshot without a mark", intent(), view(snapshot=snapshot(mark_price=Decimal(0))), limits(),
     Gate.NO_EXCHANGE_SNAPSHOT),
    ("a snapshot at its age limit", intent(), view(snapshot=snapshot(ts_ms=NOW_MS - 10_000)), limits(), None),
    ("a snapshot too old", intent(), view(snapshot=snapshot(ts_ms=NOW_MS - 10_001)), limits(),
     Gate.STALE_EXCHANGE_SNAPSHOT),
    ("just enough confidence", intent(confidence=Decimal("0.5")), view(), limits(), None),
    ("too little confidence", intent(confidence=Decimal("0.4999")), view(), limits(), Gate.LOW_CONFIDENCE),
    ("no confidence", intent(confidence=None), view(), limits(), Gate.LOW_CONFIDENCE),
    ("no confidence where none is asked", intent(confidence=None), view(), limits(confidence_min=0), None),
    ("an edge that pays its cost", intent(expected_edge_bps=Decimal(12)), view(), limits(), None),
    ("an edge below its cost", intent(expected_edge_bps=Decimal("11.9")), view(), limits(), Gate.EDGE_BELOW_COST),
    ("an edge below one and a half times its cost", intent(expected_edge_bps=Decimal(17)), view(),
     limits(edge_over_cost_min="1.5"), Gate.EDGE_BELOW_COST),
    ("no edge", intent(expected_edge_bps=None), view(), limits(), Gate.EDGE_BELOW_COST),
    ("no edge where none is required", intent(expected_edge_bps=None), view(), limits(require_edge=False), None),
    ("an edge below its cost where none is required", intent(expected_edge_bps=Decimal(-3)), view(),
     limits(require_edge=False), None),
    ("an add without a budget", intent(), view("0.01"), limits(), Gate.ADD_BUDGET),
    ("an add within its budget", intent(), view("0.01"), limits(adds_max=1), None),
    ("an add that makes the position too big", intent(), view("0.011"), limits(adds_max=1), Gate.ADD_BUDGET),
    ("an entry against what stands", intent(), view("-0.01"), limits(adds_max=5), Gate.ADD_BUDGET),
    ("an add that cannot be sized", intent(), view("0.01", rules=None), limits(adds_max=1), Gate.SYMBOL_NOT_TRADABLE),
    ("the last position of the cap", intent(), view(portfolio=portfolio(open_positions=9)), limits(), None),
    ("one position over the cap", intent(), view(portfolio=portfolio(open_positions=10)), limits(), Gate.POSITION_CAP),
    ("an add while the cap is full", intent(), view("0.01", portfolio=portfolio(open_positions=10)),
     limits(adds_max=1), None),
    ("no portfolio", intent(), view(portfolio=None), limits(), Gate.POSITION_CAP),
    ("a full exposure", intent(), view(portfolio=portfolio(gross_exposure_usd=Decimal(9_500))), limits(), None),
    ("one dollar over the exposure", intent(), view(portfolio=portfolio(gross_exposure_usd=Decimal(9_501))), limits(),
     Gate.EXPOSURE_CAP),
    ("the smallest notional", intent(position_size_usd=Decimal(50)), view(), limits(), None),
    ("below the smallest notional", intent(position_size_usd=Decimal("49.99")), view(), limits(),
     Gate.BELOW_MIN_NOTIONAL),
    ("a size that the step cuts below the smallest notional", intent(position_size_usd=Decimal(80)),
     view(snapshot=snapshot(mark_price=Decimal(49_999))), limits(), Gate.BELOW_MIN_NOTIONAL),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "seen", "allowed", "gate"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_an_entry_is_refused_by_the_first_gate_that_fails(
    wish: Intent, seen: View, allowed: Limits, gate: Gate | None
) -> None:
    plan = plan_of(wish, seen, allowed)
    assert plan.gate is gate
    assert plan.decision is (Decision.EXECUTE if gate is None else Decision.BLOCKED)


def test_an_accepted_entry_is_a_market_order_of_the_wished_notional_cut_to_the_step() -> None:
    plan = plan_of(intent(position_size_usd=Decimal("599.99")), view())
    assert (plan.type, plan.side, plan.reduce_only) == (OrderType.MARKET, Side.BUY, False)
    assert (plan.qty, plan.price) == (Decimal("0.011"), Decimal(50_000))
    assert (plan.leverage, plan.expires_ms) == (2, NOW_MS + 10_000)


def test_stop_and_target_are_put_on_the_exchanges_grid() -> None:
    plan = plan_of(intent(stop_loss=Decimal("49000.12345"), take_profit=Decimal("53000.06")), view())
    assert (plan.stop_loss, plan.take_profit) == (Decimal("49000.1"), Decimal("53000.1"))


@pytest.mark.parametrize(("wished", "given_leverage"), [(None, 1), (3, 3), (5, 5), (50, 5)])
def test_leverage_is_bounded_and_defaults_to_the_setting(wished: int | None, given_leverage: int) -> None:
    assert plan_of(intent(leverage=wished), view()).leverage == given_leverage


def test_an_order_bigger_than_the_exchange_takes_is_cut() -> None:
    small = replace(RULES, max_qty=Decimal("0.0055"))
    assert plan_of(intent(), view(rules=small)).qty == Decimal("0.005")


def test_a_maximum_of_zero_means_that_there_is_none() -> None:
    unbounded = replace(RULES, max_qty=Decimal(0))
    assert plan_of(intent(), view(rules=unbounded)).qty == Decimal("0.01")


def test_an_accepted_entry_reserves_its_notional_until_the_portfolio_must_have_seen_it() -> None:
    reserved = decided(intent(), view()).reservation
    assert reserved is not None
    assert (reserved.notional_usd, reserved.target_amt, reserved.opens, reserved.entries) == (
        Decimal(500), Decimal("0.01"), True, 1,
    )  # fmt: skip
    assert reserved.expires_ms == NOW_MS + 10_000 + 8_000


def test_a_refused_entry_reserves_nothing() -> None:
    assert decided(intent(confidence=Decimal(0)), view()).reservation is None


def test_what_is_under_way_on_other_symbols_takes_room_in_both_caps() -> None:
    under_way = tuple(observed(f"S{n}USDT", notional_usd=Decimal(1_000)) for n in range(9))
    tight = view(reservations=under_way)
    assert plan_of(intent(), tight).gate is None
    assert plan_of(intent(), view(reservations=(*under_way, observed("S9USDT")))).gate is Gate.POSITION_CAP
    assert plan_of(intent(), tight, limits(gross_exposure_usdt_max=9_499)).gate is Gate.EXPOSURE_CAP


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_while_an_entry_is_under_way_none_is_added_whatever_the_budget(side: Side) -> None:
    own = observed("BTCUSDT", plan_id="another-plan", side=side, target_amt=side.sign * Decimal("0.01"))
    plan = plan_of(intent(), view(reservations=(own,)), limits(adds_max=5))
    assert plan.gate is Gate.ADD_BUDGET
    assert "an entry is under way" in plan.gates


def test_an_entry_that_never_became_an_order_leaves_its_symbol_free() -> None:
    own = observed("BTCUSDT", plan_id="another-plan", state=OrderState.REFUSED)
    fresh = decided(intent(), view(reservations=(own,)))
    assert fresh.plan.gate is None
    assert fresh.reservation is not None
    assert fresh.reservation.entries == 1


def test_adds_are_counted_since_the_symbol_was_flat() -> None:
    own = observed(
        "BTCUSDT", plan_id="another-plan", state=OrderState.PLACED, order_ms=NOW_MS - 5_000, amount="0.001",
        target_amt=Decimal("0.001"), entries=3,
    )  # fmt: skip
    assert plan_of(intent(), view("0.001", reservations=(own,)), limits(adds_max=2)).gate is Gate.ADD_BUDGET
    assert plan_of(intent(), view("0.001", reservations=(own,)), limits(adds_max=3)).gate is None
    assert plan_of(intent(), view("0", reservations=(own,)), limits(adds_max=0)).gate is None


def test_an_add_waits_until_the_portfolio_counts_the_entry_before() -> None:
    seen: dict[str, Any] = {"state": OrderState.PLACED, "order_ms": NOW_MS - 900, "amount": "0.01"}
    shown = observed("BTCUSDT", plan_id="another-plan", snapshot_ms=NOW_MS - 400, **seen)
    counted = observed("BTCUSDT", plan_id="another-plan", snapshot_ms=NOW_MS - 500, **seen)
    assert plan_of(intent(), view("0.01", reservations=(shown,)), limits(adds_max=1)).gate is Gate.ADD_BUDGET
    added = decided(intent(), view("0.01", reservations=(counted,)), limits(adds_max=1)).reservation
    assert added is not None
    assert (added.opens, added.notional_usd, added.target_amt, added.entries) == (
        False, Decimal(500), Decimal("0.02"), 2,
    )  # fmt: skip


def test_a_redelivered_intent_does_not_stand_in_its_own_way() -> None:
    tight = limits(positions_max=1)
    once = plan_of(intent(), view(), tight)
    own = observed("BTCUSDT", plan_id=once.plan_id)
    assert plan_of(intent(), view(reservations=(own,)), tight) == once


def test_records_that_are_over_are_released_but_not_the_symbols_own() -> None:
    ended = OrderState.REFUSED
    rows = (observed("ETHUSDT", state=ended), observed("SOLUSDT"), observed("BTCUSDT", state=ended))
    assert decided(intent(), view(reservations=rows)).released == ("ETHUSDT",)


def test_every_gate_is_named_in_the_order_of_the_contract() -> None:
    expected = [gate.value for gate in Gate][: list(Gate).index(Gate.TRADING_HALTED)]
    for wish, seen in ((intent(), view()), (intent("CLOSE_FULL"), view("0.01"))):
        gates = orjson.loads(plan_of(wish, seen).gates)
        assert [row["gate"] for row in gates] == expected
        assert all(row.keys() == {"gate", "value", "limit", "ok"} for row in gates)
        assert all(row["ok"] is True for row in gates)


def test_what_is_not_known_is_said_and_passes_no_entry() -> None:
    blind = orjson.loads(plan_of(intent(), view(snapshot=None, portfolio=None, rules=None)).gates)
    unknown = {row["gate"] for row in blind if row["value"] == "unknown"}
    assert unknown == {
        "symbol_not_tradable", "no_exchange_snapshot", "stale_exchange_snapshot", "add_budget", "position_cap",
        "exposure_cap", "below_min_notional",
    }  # fmt: skip
    assert not any(row["ok"] for row in blind if row["value"] == "unknown")


MONEY = st.decimals(min_value="0.01", max_value="1000000", places=2)
PRICE = st.decimals(min_value="0.0001", max_value="100000", places=4)
STEP = st.sampled_from([Decimal("0.001"), Decimal("0.01"), Decimal("0.1"), Decimal(1), Decimal(10)])


@given(size=MONEY, mark=PRICE, step=STEP, gross=MONEY, cap=MONEY, reserved=MONEY)
def test_no_rounding_ever_exceeds_a_cap(
    size: Decimal, mark: Decimal, step: Decimal, gross: Decimal, cap: Decimal, reserved: Decimal
) -> None:
    rules = replace(RULES, step_size=step, min_qty=step, max_qty=Decimal(0), min_notional=Decimal(5))
    wish = intent(position_size_usd=size, entry_price=None, stop_loss=None, take_profit=None)
    seen = view(
        snapshot=snapshot(mark_price=mark), rules=rules, portfolio=portfolio(gross_exposure_usd=gross),
        reservations=(observed(notional_usd=reserved),),
    )  # fmt: skip
    plan = plan_of(wish, seen, limits(gross_exposure_usdt_max=cap))
    assert plan.qty % step == 0
    assert plan.qty * mark <= size
    if plan.decision is Decision.EXECUTE:
        assert gross + reserved + plan.qty * mark <= cap
        assert plan.qty * mark >= 5


@given(
    amounts=st.sampled_from(["-0.02", "0", "0.01"]), age_ms=st.integers(-10_000, 60_000),
    snapshot_age_ms=st.integers(-1_000, 20_000), blind=st.booleans(), first=st.sampled_from(["", "1-1"]),
)  # fmt: skip
def test_an_entry_is_never_reduce_only_and_never_executes_past_a_failed_gate(
    amounts: str, age_ms: int, snapshot_age_ms: int, blind: bool, first: str
) -> None:
    seen = view(
        amounts, first_entry_id=first, portfolio=None if blind else portfolio(),
        snapshot=snapshot(amounts, ts_ms=NOW_MS - snapshot_age_ms), ledger=ledger(amounts),
    )  # fmt: skip
    plan = plan_of(intent(ts_ms=NOW_MS - age_ms), seen)
    failed = [row["gate"] for row in orjson.loads(plan.gates) if not row["ok"]]
    assert not plan.reduce_only
    assert plan.gate == (failed[0] if failed else None)
